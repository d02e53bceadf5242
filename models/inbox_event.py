"""An SES event as it arrived, before anybody has thought about it."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, Text, text
from sqlmodel import Column, Field, SQLModel

from models.base import identity, moment, words


class InboxEvent(SQLModel, table=True):
    """The raw JSON, kept beside its translation.

    The one tenant's table whose key does not begin with `tenant_id`: whose event it is, is known only once it was
    understood. `tenant_id` is set when it was applied.
    """

    __tablename__ = "inbox_event"
    __table_args__ = (
        Index(
            "inbox_event_waiting",
            "id",
            postgresql_where=text("applied_at IS NULL AND quarantined_at IS NULL"),
        ),
        # What a person or a provider objects to is looked for here, past any number of opens.
        Index(
            "inbox_event_urgent",
            "id",
            postgresql_where=text(
                "applied_at IS NULL AND quarantined_at IS NULL "
                "AND event_type <> ALL (ARRAY['delivery'::text, 'open'::text, 'click'::text])"
            ),
        ),
        # Events that come raw, as those of our queues do, have none.
        Index("inbox_event_sns", "sns_message_id", postgresql_where=text("sns_message_id IS NOT NULL")),
        Index(
            "inbox_event_quarantined", "quarantined_at", postgresql_where=text("quarantined_at IS NOT NULL")
        ),
    )

    id: int | None = Field(default=None, sa_column=identity())
    dedupe_key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    tenant_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    sns_message_id: str | None = Field(default=None, sa_column=words("sns_message_id", required=False))
    source: str = Field(sa_column=words("source"))  # the queue's name, "webhook" or "file"
    event_type: str = Field(default="", sa_column=words("event_type", ""))
    raw: str = Field(sa_column=words("raw"))
    received_at: datetime | None = Field(
        default=None, sa_column=moment("received_at", required=True, default="now()")
    )
    not_before: datetime | None = Field(default=None, sa_column=moment("not_before"))
    applied_at: datetime | None = Field(default=None, sa_column=moment("applied_at"))
    quarantined_at: datetime | None = Field(default=None, sa_column=moment("quarantined_at"))
    tries: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    error: str | None = Field(default=None, sa_column=words("error", required=False))
