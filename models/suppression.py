"""A suppression: a person who must not be mailed, and why; and every change of one."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Identity, Index, Text, UniqueConstraint
from sqlmodel import Column, Field, SQLModel

from core.suppression import Reason, Scope
from models.base import created, identity, moment, one_of, tenant_key, word, words


class Suppression(SQLModel, table=True):
    """One reason for one person in one scope. `address` is empty once the person was erased."""

    __tablename__ = "suppression"
    __table_args__ = (
        UniqueConstraint(
            "tenant_id",
            "recipient_key",
            "scope",
            "audience_id",
            "reason",
            name="suppression_once",
            postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["tenant_id", "audience_id"], ["audience.tenant_id", "audience.id"]),
        one_of("scope", (Scope.TENANT, Scope.AUDIENCE), "suppression_scope"),
        one_of("reason", Reason, "suppression_reason"),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    recipient_key: str = Field(sa_column=words("recipient_key"))
    address: str | None = Field(default=None, sa_column=words("address", required=False))
    scope: Scope = Field(default=Scope.TENANT, sa_column=word("scope", Scope.TENANT, of=Scope))
    audience_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    reason: Reason = Field(sa_column=word("reason", of=Reason))
    source: str = Field(default="", sa_column=words("source", ""))
    detail: str = Field(default="", sa_column=words("detail", ""))
    created_at: datetime | None = Field(default=None, sa_column=created())
    expires_at: datetime | None = Field(default=None, sa_column=moment("expires_at"))


class GlobalSuppression(SQLModel, table=True):
    """One reason for one person at every tenant, those to come included. `address` is empty once the person was erased."""

    __tablename__ = "global_suppression"

    recipient_key: str = Field(sa_column=Column("recipient_key", Text, primary_key=True))
    reason: Reason = Field(sa_column=Column("reason", word("reason", of=Reason).type, primary_key=True))
    address: str | None = Field(default=None, sa_column=words("address", required=False))
    source: str = Field(default="", sa_column=words("source", ""))
    detail: str = Field(default="", sa_column=words("detail", ""))
    created_at: datetime | None = Field(default=None, sa_column=created())
    expires_at: datetime | None = Field(default=None, sa_column=moment("expires_at"))


class SuppressionChange(SQLModel, table=True):
    """One change of a suppression, written by triggers in the transaction that makes it, and never changed.

    `tenant_id` is empty where the suppression holds for all tenants. No address is in it, so it survives an erasure.
    """

    __tablename__ = "suppression_change"
    __table_args__ = (Index("suppression_change_of", "recipient_key", "tenant_id"),)

    id: int | None = Field(
        default=None, sa_column=Column("id", BigInteger, Identity(always=False), primary_key=True)
    )
    tenant_id: int | None = Field(
        default=None, sa_column=Column("tenant_id", BigInteger, ForeignKey("tenant.id"), nullable=True)
    )
    recipient_key: str = Field(sa_column=words("recipient_key"))
    what: str = Field(sa_column=words("what"))
    scope: str = Field(sa_column=words("scope"))
    audience_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    reason: str = Field(sa_column=words("reason"))
    source: str = Field(sa_column=words("source"))
    detail: str = Field(sa_column=words("detail"))
    expires_at: datetime | None = Field(default=None, sa_column=moment("expires_at"))
    actor: str = Field(sa_column=words("actor"))
    why: str = Field(sa_column=words("why"))
    at: datetime | None = Field(
        default=None, sa_column=moment("at", required=True, default="clock_timestamp()")
    )


class SesListing(SQLModel, table=True):
    """What SES's list of the tenant was last told of a person: a reason of SES's own, or nothing, when it was taken off."""

    __tablename__ = "ses_listing"

    tenant_id: int = Field(sa_column=tenant_key())
    recipient_key: str = Field(sa_column=Column("recipient_key", Text, primary_key=True))
    reason: str | None = Field(default=None, sa_column=words("reason", required=False))
    told_at: datetime | None = Field(
        default=None, sa_column=moment("told_at", required=True, default="now()")
    )
