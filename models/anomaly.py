"""Hard bounces by what was said, and the anomalies in which providers called living mailboxes dead (`core.anomalies`)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, ForeignKeyConstraint, Identity, Index
from sqlalchemy import text as sql
from sqlmodel import Column, Field, SQLModel

from models.base import json_object, moment, one_of, part_of_key, tenant_key, word, words


class BounceState(StrEnum):
    """What a hard bounce has done to its person."""

    SUPPRESSED = "suppressed"
    HELD = "held"  # an anomaly is open: nobody is suppressed by it
    RELEASED = "released"  # it was the provider's trouble
    CONFIRMED = "confirmed"  # a person says that the mailbox is gone


class HardBounce(SQLModel, table=True):
    """One hard bounce that a receiver has caused, under what it said; no address and no word of it is here.

    `says_again` is of who was released from an anomaly and has bounced again since, with nothing delivered in between.
    """

    __tablename__ = "hard_bounce"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.id"]),
        Index("hard_bounce_lately", "place", "text", "noted_at"),
        Index("hard_bounce_of_anomaly", "anomaly_id"),
        Index("hard_bounce_of_person", "tenant_id", "recipient_key"),
        Index("hard_bounce_noted", "noted_at", postgresql_using="brin"),
        one_of("state", BounceState, "hard_bounce_state"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    delivery_id: int = Field(sa_column=part_of_key("delivery_id"))
    campaign_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    recipient_key: str = Field(sa_column=words("recipient_key"))
    place: str = Field(sa_column=words("place"))
    text: str = Field(sa_column=words("text"))
    is_known: bool = Field(sa_column=Column("is_known", Boolean, nullable=False))
    says_again: bool = Field(
        default=False, sa_column=Column("says_again", Boolean, nullable=False, server_default="false")
    )
    bounced_at: datetime = Field(sa_column=moment("bounced_at", required=True))
    noted_at: datetime | None = Field(
        default=None, sa_column=moment("noted_at", required=True, default="clock_timestamp()")
    )
    state: BounceState = Field(
        default=BounceState.SUPPRESSED, sa_column=word("state", BounceState.SUPPRESSED, of=BounceState)
    )
    anomaly_id: int | None = Field(
        default=None,
        sa_column=Column("anomaly_id", BigInteger, ForeignKey("bounce_anomaly.id"), nullable=True),
    )


class BounceAnomaly(SQLModel, table=True):
    """A provider called living mailboxes dead. While it is open nobody is suppressed by it; `said` names nobody."""

    __tablename__ = "bounce_anomaly"
    __table_args__ = (
        Index(
            "bounce_anomaly_open",
            "place",
            "text",
            unique=True,
            postgresql_where=sql("closed_at IS NULL"),
        ),
    )

    id: int | None = Field(
        default=None, sa_column=Column("id", BigInteger, Identity(always=False), primary_key=True)
    )
    place: str = Field(sa_column=words("place"))
    text: str = Field(sa_column=words("text"))
    said: str = Field(sa_column=words("said"))
    why: str = Field(sa_column=words("why"))
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("evidence"))
    began_at: datetime = Field(sa_column=moment("began_at", required=True))
    opened_at: datetime | None = Field(
        default=None, sa_column=moment("opened_at", required=True, default="now()")
    )
    closed_at: datetime | None = Field(default=None, sa_column=moment("closed_at"))
    decision: str = Field(default="", sa_column=words("decision", ""))
    decided_by: str = Field(default="", sa_column=words("decided_by", ""))
    reason: str = Field(default="", sa_column=words("reason", ""))
