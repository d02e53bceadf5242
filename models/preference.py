"""Preferences: how often a person wants a tenant's mail, until when none, and the mails that asked for no more."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Text
from sqlmodel import Column, Field, SQLModel

from core.preferences import Frequency
from models.base import created, moment, one_of, tenant_key, word


class Preference(SQLModel, table=True):
    """What a person has chosen, by recipient key, so that it outlives the contact and holds for every spelling of an address.

    A pause is no suppression: it is nobody's evidence, goes into no export, and ends by itself.
    """

    __tablename__ = "preference"
    __table_args__ = (one_of("frequency", Frequency, "preference_frequency"),)

    tenant_id: int = Field(sa_column=tenant_key())
    recipient_key: str = Field(sa_column=Column("recipient_key", Text, primary_key=True))
    frequency: Frequency = Field(
        default=Frequency.ALL, sa_column=word("frequency", Frequency.ALL, of=Frequency)
    )
    paused_until: datetime | None = Field(default=None, sa_column=moment("paused_until"))
    created_at: datetime | None = Field(default=None, sa_column=created())
    updated_at: datetime | None = Field(
        default=None, sa_column=moment("updated_at", required=True, default="now()")
    )


class MailedUnsubscribe(SQLModel, table=True):
    """A mail that asked to unsubscribe and was heeded, by the digest of its header, so that reading it again changes nothing."""

    __tablename__ = "mailed_unsubscribe"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.id"]),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    digest: str = Field(sa_column=Column("digest", Text, primary_key=True))
    delivery_id: int = Field(sa_column=Column("delivery_id", BigInteger, nullable=False))
    created_at: datetime | None = Field(default=None, sa_column=created())
