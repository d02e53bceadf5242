"""A sending domain: the identity that receivers judge, with its warm-up and its allowances by day."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from models.base import created, identity, json_object, moment, part_of_key, tenant_key, words


class SendingDomain(SQLModel, table=True):
    """The domain of a tenant's header From.

    `schedule` says how it warms up (`core.warmup_schedule`), None that it is warm; `rung` is the day of a schedule that is
    a table. `known_daily_volume` is what receivers knew of it before it was ours, in messages a day.
    """

    __tablename__ = "sending_domain"
    __table_args__ = (UniqueConstraint("tenant_id", "domain"),)

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    domain: str = Field(sa_column=words("domain"))
    schedule: str | None = Field(default=None, sa_column=words("schedule", required=False))
    rung: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    known_daily_volume: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default="0")
    )
    warmup_started_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    created_at: datetime | None = Field(default=None, sa_column=created())


class WarmupAllowance(SQLModel, table=True):
    """How many messages may leave on one day to one group of mailbox providers, and how many tokens are taken.

    `used_this_hour` counts those of `hour`, of the tenant's clock. The check is the last line of defence: no bug above it can send one message too many.
    """

    __tablename__ = "warmup_allowance"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "sending_domain_id"], ["sending_domain.tenant_id", "sending_domain.id"]
        ),
        CheckConstraint("used >= 0 AND used <= allowance", name="warmup_allowance_holds"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    sending_domain_id: int = Field(sa_column=part_of_key("sending_domain_id"))
    on_day: date = Field(sa_column=Column("on_day", Date, primary_key=True))
    provider: str = Field(sa_column=Column("provider", Text, primary_key=True))
    allowance: int = Field(sa_column=Column(BigInteger, nullable=False))
    used: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    rule: str = Field(default="", sa_column=words("rule", ""))
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("evidence"))
    hour: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    used_this_hour: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


class ProviderStanding(SQLModel, table=True):
    """How a sending domain stands with one mailbox provider: its pace while it warms up, and its brake of today."""

    __tablename__ = "provider_standing"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "sending_domain_id"], ["sending_domain.tenant_id", "sending_domain.id"]
        ),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    sending_domain_id: int = Field(sa_column=part_of_key("sending_domain_id"))
    provider: str = Field(sa_column=Column("provider", Text, primary_key=True))
    pace: dict[str, Any] | None = Field(default=None, sa_column=Column("pace", JSONB, nullable=True))
    decided_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    braked_until: datetime | None = Field(default=None, sa_column=moment("braked_until"))
    brake: str | None = Field(default=None, sa_column=words("brake", required=False))
    brakes: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    braked_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
