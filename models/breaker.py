"""Breakers: what became of messages, counted, and what the breakers have said of it (`core.breakers`)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, ForeignKeyConstraint, Index, SmallInteger, Text
from sqlmodel import Column, Field, SQLModel

from core.breakers import Scope
from models.base import json_list, json_object, moment, one_of, part_of_key, tenant_key, word, words


def _of_campaign() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"])


class BreakerCount(SQLModel, table=True):
    """What became of a campaign's messages to one provider, of those that SES took on one day (UTC).

    The sum of what `core.breaker_counts` says of each delivery, moved in the transaction that moves its facts.
    """

    __tablename__ = "breaker_count"
    __table_args__ = (_of_campaign(), Index("breaker_count_lately", "tenant_id", "on_day"))

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    provider: str = Field(sa_column=Column("provider", Text, primary_key=True))
    on_day: date = Field(sa_column=Column("on_day", Date, primary_key=True))
    resolved: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    bounced: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    complained: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


class BreakerFirst(SQLModel, table=True):
    """The first fifty of a campaign's messages that are resolved, each as microseconds since 1970 and its delivery's id."""

    __tablename__ = "breaker_first"
    __table_args__ = (_of_campaign(),)

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    messages: list[list[int]] = Field(default_factory=list, sa_column=json_list("messages"))


class Breaker(SQLModel, table=True):
    """What a breaker has said of a campaign, a tenant, or a tenant's mail to one provider.

    `subject` is the campaign's id, the provider, or empty. `told` is the gravest level that a person was told of. While
    `tripped_at` is set nothing leaves. `base` are the counts at which a person let it go on (`epoch_at`), by day; only what
    came after them counts.
    """

    __tablename__ = "breaker"
    __table_args__ = (one_of("scope", Scope, "breaker_scope"),)

    tenant_id: int = Field(sa_column=tenant_key())
    scope: Scope = Field(sa_column=Column("scope", word("scope", of=Scope).type, primary_key=True))
    subject: str = Field(sa_column=Column("subject", Text, primary_key=True))
    level: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    told: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    why: str = Field(default="", sa_column=words("why", ""))
    tripped_at: datetime | None = Field(default=None, sa_column=moment("tripped_at"))
    epoch_at: datetime | None = Field(default=None, sa_column=moment("epoch_at"))
    base: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("base"))


class CampaignVanguard(SQLModel, table=True):
    """The first messages of a campaign, after which it waits for what becomes of them: `used` calls are begun."""

    __tablename__ = "campaign_vanguard"
    __table_args__ = (_of_campaign(),)

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    audience: int = Field(sa_column=Column(BigInteger, nullable=False))
    used: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    used_at: datetime | None = Field(default=None, sa_column=moment("used_at"))
    over_at: datetime | None = Field(default=None, sa_column=moment("over_at"))
