"""A suppression: a person who must not be mailed, and why."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Column, Field, SQLModel

from core.suppression import Reason, Scope
from models.base import created, identity, moment, one_of, tenant_key, word, words


class Suppression(SQLModel, table=True):
    """One reason for one person in one scope. `address` is empty once the person was erased."""

    __tablename__ = "suppression"
    __table_args__ = (
        UniqueConstraint(
            "tenant_id",
            "recipient_key",
            "scope",
            "audience_id",
            "reason",
            name="suppression_once",
            postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["tenant_id", "audience_id"], ["audience.tenant_id", "audience.id"]),
        one_of("scope", Scope, "suppression_scope"),
        one_of("reason", Reason, "suppression_reason"),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    recipient_key: str = Field(sa_column=words("recipient_key"))
    address: str | None = Field(default=None, sa_column=words("address", required=False))
    scope: Scope = Field(default=Scope.TENANT, sa_column=word("scope", Scope.TENANT, of=Scope))
    audience_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    reason: Reason = Field(sa_column=word("reason", of=Reason))
    source: str = Field(default="", sa_column=words("source", ""))
    detail: str = Field(default="", sa_column=words("detail", ""))
    created_at: datetime | None = Field(default=None, sa_column=created())
    expires_at: datetime | None = Field(default=None, sa_column=moment("expires_at"))
