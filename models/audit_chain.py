"""The head of a tenant's audit chain, and the anchor behind which its entries begin (`core.audit_chain`)."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Column, Field, SQLModel

from models.base import moment, tenant_key, words


_GENESIS = "0" * 64


class AuditChain(SQLModel, table=True):
    """`length` and `head` are of the newest entry, `anchor_position` and `anchor_hash` of the last that was taken away.

    Only the database's triggers write it, but for the anchor, which retention moves before it takes entries away.
    """

    __tablename__ = "audit_chain"

    tenant_id: int = Field(sa_column=tenant_key())
    length: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    head: str = Field(default=_GENESIS, sa_column=words("head", _GENESIS))
    anchor_position: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    anchor_hash: str = Field(default=_GENESIS, sa_column=words("anchor_hash", _GENESIS))
    anchored_at: datetime | None = Field(default=None, sa_column=moment("anchored_at"))
