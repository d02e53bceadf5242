"""An SES account in one region: its quota as GetAccount told it, and the rate limiter that all workers share.

The account belongs to all tenants, so this is the one other table without a `tenant_id`.
"""

from datetime import datetime

from sqlalchemy import Float, Text
from sqlmodel import Column, Field, SQLModel

from models.base import moment


class SesAccount(SQLModel, table=True):
    """`due_at` is the limiter (GCRA's theoretical arrival time); `send_rate` the rate it now allows, messages/s."""

    __tablename__ = "ses_account"

    region: str = Field(sa_column=Column("region", Text, primary_key=True))
    max_send_rate: float = Field(sa_column=Column(Float, nullable=False))
    send_rate: float = Field(sa_column=Column(Float, nullable=False))
    max_24_hour_send: float = Field(sa_column=Column(Float, nullable=False))
    sent_last_24_hours: float = Field(sa_column=Column(Float, nullable=False))
    due_at: datetime = Field(sa_column=moment("due_at", required=True, default="now()"))
    slowed_at: datetime | None = Field(default=None, sa_column=moment("slowed_at"))
    blocked_until: datetime | None = Field(default=None, sa_column=moment("blocked_until"))
    blocked_reason: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    refreshed_at: datetime = Field(sa_column=moment("refreshed_at", required=True, default="now()"))
