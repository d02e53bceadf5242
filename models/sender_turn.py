"""How a tenant stands in line for an account's rate, and an operator's limits on a tenant's rate."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, Text
from sqlmodel import Column, Field, SQLModel

from models.base import json_object, moment, tenant_key, words


class SenderTurn(SQLModel, table=True):
    """`finish` is the tenant's finish tag, `virtual_time` the start tag of the last grant among its campaigns.

    `campaigns` has each campaign's own finish tag, and until when it may be expected back. The table is unlogged: a crash of
    the server forgets who was next, and nothing else.
    """

    __tablename__ = "sender_turn"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    region: str = Field(sa_column=Column("region", Text, primary_key=True))
    tenant_id: int = Field(sa_column=tenant_key())
    finish: float = Field(default=0, sa_column=Column(Float, nullable=False, server_default="0"))
    virtual_time: float = Field(default=0, sa_column=Column(Float, nullable=False, server_default="0"))
    campaigns: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("campaigns"))
    asked_at: datetime = Field(sa_column=moment("asked_at", required=True, default="now()"))


class RateLimit(SQLModel, table=True):
    """The most that a tenant sends, messages/s: to one mailbox provider, or `all` together. `due_at` is as an account's."""

    __tablename__ = "rate_limit"
    __table_args__ = (CheckConstraint("per_second >= 0.2", name="rate_limit_per_second"),)

    tenant_id: int = Field(sa_column=tenant_key())
    provider: str = Field(sa_column=Column("provider", Text, primary_key=True))
    per_second: float = Field(sa_column=Column(Float, nullable=False))
    due_at: datetime = Field(sa_column=moment("due_at", required=True, default="now()"))
    set_by: str = Field(sa_column=words("set_by"))
    reason: str = Field(sa_column=words("reason"))
    set_at: datetime = Field(sa_column=moment("set_at", required=True, default="now()"))
