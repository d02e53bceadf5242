"""An SES account in one region: its quota as GetAccount told it, and the rate limiter that all workers share.

The account belongs to all tenants, so it has no `tenant_id`. It also remembers which database the ledger was in, because
its row is the one that every intent reads and locks.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Float, Integer, Text
from sqlmodel import Column, Field, SQLModel

from models.base import json_object, moment, words


class SesAccount(SQLModel, table=True):
    """`due_at` is the limiter (GCRA's theoretical arrival time); `send_rate` the rate it now allows, messages/s.

    `rate_limit` is an operator's own ceiling, messages/s. `told_twice_until` is how late the database's clock had been
    when it went back: times up to then may have been told twice. `virtual_time` is the start tag of the last grant, and
    `express_due_at` the limiter of the express lane (`core.fairness`).

    While `quarantine_id` names a row of `ledger_quarantine`, no intent is committed. `others_24_hours` is what other
    applications were seen to send through the account. `canary_at` is when one mail was last sent by both of SES's calls,
    to be compared. While `tripped_at` is set, the breaker of all tenants together lets nothing leave (`store.account_breaker`); `breaker_base` are the
    counts at which a person let it go on, by day.
    """

    __tablename__ = "ses_account"
    __table_args__ = (CheckConstraint("rate_limit >= 1", name="ses_account_rate_limit"),)

    region: str = Field(sa_column=Column("region", Text, primary_key=True))
    max_send_rate: float = Field(sa_column=Column(Float, nullable=False))
    send_rate: float = Field(sa_column=Column(Float, nullable=False))
    max_24_hour_send: float = Field(sa_column=Column(Float, nullable=False))
    sent_last_24_hours: float = Field(sa_column=Column(Float, nullable=False))
    due_at: datetime = Field(sa_column=moment("due_at", required=True, default="now()"))
    slowed_at: datetime | None = Field(default=None, sa_column=moment("slowed_at"))
    blocked_until: datetime | None = Field(default=None, sa_column=moment("blocked_until"))
    blocked_reason: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    rate_limit: float | None = Field(default=None, sa_column=Column(Float, nullable=True))
    told_twice_until: datetime | None = Field(default=None, sa_column=moment("told_twice_until"))
    virtual_time: float = Field(default=0, sa_column=Column(Float, nullable=False, server_default="0"))
    express_due_at: datetime = Field(sa_column=moment("express_due_at", required=True, default="now()"))
    refreshed_at: datetime = Field(sa_column=moment("refreshed_at", required=True, default="now()"))
    ledger_system: str | None = Field(default=None, sa_column=words("ledger_system", required=False))
    ledger_timeline: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    others_24_hours: float | None = Field(default=None, sa_column=Column(Float, nullable=True))
    canary_at: datetime | None = Field(default=None, sa_column=moment("canary_at"))
    tripped_at: datetime | None = Field(default=None, sa_column=moment("tripped_at"))
    tripped_why: str = Field(default="", sa_column=words("tripped_why", ""))
    breaker_base: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("breaker_base"))
    quarantine_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
