"""What hourly reconciliation has found: each hour of a tenant as it was counted last, and the history of its runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Index
from sqlmodel import Column, Field, SQLModel

from models.base import identity, json_list, moment, tenant_key, words


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


class ReconciledHour(SQLModel, table=True):
    """The messages of a tenant whose calls began in one hour, as they stood when they were counted last.

    An hour of which everything is known is not counted again.
    """

    __tablename__ = "reconciled_hour"

    tenant_id: int = Field(sa_column=tenant_key())
    began_at: datetime = Field(sa_column=Column("began_at", DateTime(timezone=True), primary_key=True))
    accepted: int = Field(default=0, sa_column=_number("accepted"))
    told: int = Field(default=0, sa_column=_number("told"))
    settled: int = Field(default=0, sa_column=_number("settled"))
    overdue: int = Field(default=0, sa_column=_number("overdue"))
    counted_at: datetime = Field(sa_column=moment("counted_at", required=True, default="now()"))


class Reconciliation(SQLModel, table=True):
    """One run, for all tenants: its sentence, its gaps, and what it saw of SES's suppression lists."""

    __tablename__ = "reconciliation"
    __table_args__ = (Index("reconciliation_ran_at", "ran_at"),)

    id: int | None = Field(default=None, sa_column=identity())
    ran_at: datetime = Field(sa_column=moment("ran_at", required=True, default="now()"))
    is_well: bool = Field(sa_column=Column("is_well", Boolean, nullable=False))
    words: str = Field(sa_column=words("words"))
    findings: list[dict[str, Any]] = Field(default_factory=list, sa_column=json_list("findings"))
    lists: list[dict[str, Any]] = Field(default_factory=list, sa_column=json_list("lists"))
    lists_at: datetime | None = Field(default=None, sa_column=moment("lists_at"))
