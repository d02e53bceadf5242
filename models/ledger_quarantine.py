"""A quarantine of the ledger: since when and why nothing is sent, and who ended it. Rows are never changed after that."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Text
from sqlmodel import Column, Field, SQLModel

from core.quarantine import Reason
from models.base import identity, json_object, moment, one_of, word, words


class LedgerQuarantine(SQLModel, table=True):
    """Of an SES account, which all tenants share, so without a `tenant_id`. Open until `ended_at`."""

    __tablename__ = "ledger_quarantine"
    __table_args__ = (one_of("reason", Reason, "ledger_quarantine_reason"),)

    id: int | None = Field(default=None, sa_column=identity())
    region: str = Field(sa_column=Column("region", Text, ForeignKey("ses_account.region"), nullable=False))
    reason: Reason = Field(sa_column=word("reason", of=Reason))
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("evidence"))
    began_at: datetime = Field(sa_column=moment("began_at", required=True, default="clock_timestamp()"))
    ended_at: datetime | None = Field(default=None, sa_column=moment("ended_at"))
    ended_by: str | None = Field(default=None, sa_column=words("ended_by", required=False))
    end_reason: str | None = Field(default=None, sa_column=words("end_reason", required=False))
    overridden: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
