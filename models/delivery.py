"""A delivery: the ledger row of one message to one person, its attempts, and the facts that SES reports of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from core.deliveries import SkipReason, State
from core.rollups import Dimension
from models.base import (
    created,
    derived,
    identity,
    json_object,
    moment,
    one_of,
    part_of_key,
    tenant_key,
    word,
    words,
)


class Delivery(SQLModel, table=True):
    """The ledger. Moved by compare-and-set only; see `core.deliveries` for the states.

    `provider` keeps the mailbox (`core.providers`), `tier` says how engaged the person was when the campaign was planned
    (`core.engagement`): both decide the order in which messages leave, and neither whether.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        # Two contacts with one address get one mail.
        UniqueConstraint("tenant_id", "campaign_id", "recipient_key", name="delivery_once_per_person"),
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
        one_of("state", State, "delivery_state"),
        one_of("skip_reason", SkipReason, "delivery_skip_reason"),
        CheckConstraint("(state = 'skipped') = (skip_reason IS NOT NULL)", name="delivery_skip_has_reason"),
        CheckConstraint(
            "state NOT IN ('submitting', 'in_doubt') OR attempt_id IS NOT NULL",
            name="delivery_call_has_attempt",
        ),
        # Claims walk this provider by provider, engaged people first; only eligible rows are in it, so it stays small
        # and hot. A provider that is capped is not walked at all.
        Index(
            "delivery_pending",
            "tenant_id",
            "campaign_id",
            "provider",
            "send_after",
            "tier",
            "id",
            postgresql_where=text("is_pending"),
        ),
        Index("delivery_leased", "tenant_id", "campaign_id", postgresql_where=text("is_leased")),
        Index("delivery_contact", "tenant_id", "contact_id"),
        # For events without our tags: another application's, whose mail is looked for once and not found.
        Index("delivery_ses_message", "ses_message_id", postgresql_where=text("ses_message_id IS NOT NULL")),
        # Room for the versions of a row that is claimed, called out and recorded, so that it stays on its page.
        {"postgresql_with": {"fillfactor": "65"}},
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    id: int | None = Field(default=None, sa_column=identity())
    campaign_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    contact_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    recipient_key: str = Field(sa_column=words("recipient_key"))
    provider: str = Field(default="other", sa_column=words("provider", "other"))
    tier: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    state: State = Field(default=State.PENDING, sa_column=word("state", State.PENDING, of=State))
    skip_reason: SkipReason | None = Field(
        default=None, sa_column=word("skip_reason", of=SkipReason, required=False)
    )
    send_after: datetime = Field(
        sa_column=moment("send_after", required=True, default="'1970-01-01 00:00:00+00'::timestamptz")
    )
    not_before: datetime | None = Field(default=None, sa_column=moment("not_before"))
    claim_token: str | None = Field(default=None, sa_column=words("claim_token", required=False))
    lease_until: datetime | None = Field(default=None, sa_column=moment("lease_until"))
    attempt_no: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    attempt_id: str | None = Field(default=None, sa_column=words("attempt_id", required=False))
    submitted_at: datetime | None = Field(default=None, sa_column=moment("submitted_at"))
    ses_message_id: str | None = Field(default=None, sa_column=words("ses_message_id", required=False))
    outcome_code: str | None = Field(default=None, sa_column=words("outcome_code", required=False))
    resolved_by: str | None = Field(default=None, sa_column=words("resolved_by", required=False))
    resolved_at: datetime | None = Field(default=None, sa_column=moment("resolved_at"))
    # No index names `state` or `lease_until`: an intent changes both, and as long as nothing that is indexed changes, the new
    # version of the row needs no entry in any of the five indexes (PostgreSQL, "Heap-Only Tuples").
    # The expressions are in PostgreSQL's own words, by which Alembic compares them.
    is_pending: bool | None = Field(default=None, sa_column=derived("is_pending", "state = 'pending'::text"))
    is_leased: bool | None = Field(
        default=None,
        sa_column=derived(
            "is_leased", "state = ANY (ARRAY['claimed'::text, 'submitting'::text, 'in_doubt'::text])"
        ),
    )


class DeliveryAttempt(SQLModel, table=True):
    """One call that may have happened. The row is written with the intent, and settled by what was learnt."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.id"]),
        Index("delivery_attempt_of", "tenant_id", "delivery_id"),
        # For the count of a day. Rows are appended, so that ranges of blocks are ranges of time; it costs an insert nothing.
        Index("delivery_attempt_lately", "started_at", postgresql_using="brin"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    attempt_id: str = Field(sa_column=Column("attempt_id", Text, primary_key=True))
    delivery_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    started_at: datetime = Field(sa_column=moment("started_at", required=True, default="now()"))
    outcome: str | None = Field(default=None, sa_column=words("outcome", required=False))
    error_code: str | None = Field(default=None, sa_column=words("error_code", required=False))
    http_status: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    request_id: str | None = Field(default=None, sa_column=words("request_id", required=False))


class DeliveryFact(SQLModel, table=True):
    """One kind of thing that SES reported of a delivery: when first, when last, how often.

    Union, minimum and maximum fold events in any order and any number to the same row.
    """

    __tablename__ = "delivery_fact"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.id"]),
        Index("delivery_fact_lately", "tenant_id", "fact", "last_at"),
        # What the sums of `core.rollups` do not hold yet; as a rule nothing.
        Index(
            "delivery_fact_uncounted",
            "tenant_id",
            "delivery_id",
            postgresql_where=text(
                "counted_at IS DISTINCT FROM first_at OR counted_as IS DISTINCT FROM "
                "COALESCE((detail -> 'links'::text), (detail -> 'class'::text))"
            ),
        ),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    delivery_id: int = Field(
        sa_column=Column("delivery_id", BigInteger, primary_key=True, autoincrement=False)
    )
    fact: str = Field(sa_column=Column("fact", Text, primary_key=True))
    first_at: datetime = Field(sa_column=moment("first_at", required=True))
    last_at: datetime = Field(sa_column=moment("last_at", required=True))
    times: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default="1"))
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("detail"))
    # Under what the row was counted in `campaign_rollup`: its first time then, and its links or its class of bounce.
    counted_at: datetime | None = Field(default=None, sa_column=moment("counted_at"))
    counted_as: list[str] | str | None = Field(
        default=None, sa_column=Column("counted_as", JSONB(none_as_null=True), nullable=True)
    )


class CampaignRollup(SQLModel, table=True):
    """How many deliveries of a campaign have a fact, under one key of one dimension (`core.rollups`)."""

    __tablename__ = "campaign_rollup"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        one_of("dimension", Dimension, "campaign_rollup_dimension"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    dimension: str = Field(sa_column=Column("dimension", Text, primary_key=True))
    key: str = Field(sa_column=Column("key", Text, primary_key=True))
    fact: str = Field(sa_column=Column("fact", Text, primary_key=True))
    deliveries: int = Field(sa_column=Column("deliveries", BigInteger, nullable=False))


class AuditEntry(SQLModel, table=True):
    """Who changed what, and why. `position` and `hash` are the database's, which links an entry when it is committed.

    Triggers refuse to change one, and to take one away that is not behind the anchor (`core.audit_chain`).
    """

    __tablename__ = "audit_entry"
    __table_args__ = (Index("audit_entry_position", "tenant_id", "position", unique=True),)

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    actor: str = Field(sa_column=words("actor"))
    action: str = Field(sa_column=words("action"))
    subject: str = Field(sa_column=words("subject"))
    reason: str = Field(default="", sa_column=words("reason", ""))
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("detail"))
    created_at: datetime | None = Field(default=None, sa_column=created())
    position: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    hash: str | None = Field(default=None, sa_column=words("hash", required=False))
