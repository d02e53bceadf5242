"""Seeds: the mailboxes of our own people that get tests, and the ledger of these tests."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Text, UniqueConstraint
from sqlmodel import Column, Field, SQLModel

from core.seeds import SeedState
from models.base import created, identity, json_object, moment, one_of, part_of_key, tenant_key, word, words


class SeedList(SQLModel, table=True):
    """A named list of a tenant's seeds."""

    __tablename__ = "seed_list"
    __table_args__ = (UniqueConstraint("tenant_id", "name", name="seed_list_once"),)

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    name: str = Field(sa_column=words("name"))
    created_at: datetime | None = Field(default=None, sa_column=created())


class SeedAddress(SQLModel, table=True):
    """One seed of a list; two spellings of an address are one."""

    __tablename__ = "seed_address"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "seed_list_id"], ["seed_list.tenant_id", "seed_list.id"]),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    seed_list_id: int = Field(sa_column=part_of_key("seed_list_id"))
    recipient_key: str = Field(sa_column=Column("recipient_key", Text, primary_key=True))
    address: str = Field(sa_column=words("address"))
    created_at: datetime | None = Field(default=None, sa_column=created())


class SeedSend(SQLModel, table=True):
    """One test: written before its call, settled by the answer or by events. It names a person by key alone."""

    __tablename__ = "seed_send"
    __table_args__ = (
        UniqueConstraint("tenant_id", "test_id", name="seed_send_test"),
        one_of("state", SeedState, "seed_send_state"),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    request_id: str = Field(sa_column=Column("request_id", Text, primary_key=True))
    template_digest: str = Field(sa_column=Column("template_digest", Text, primary_key=True))
    recipient_key: str = Field(sa_column=Column("recipient_key", Text, primary_key=True))
    test_id: str = Field(sa_column=words("test_id"))
    state: SeedState = Field(
        default=SeedState.SUBMITTING, sa_column=word("state", SeedState.SUBMITTING, of=SeedState)
    )
    campaign_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    contact_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    actor: str = Field(default="", sa_column=words("actor", ""))
    outcome_code: str | None = Field(default=None, sa_column=words("outcome_code", required=False))
    ses_message_id: str | None = Field(default=None, sa_column=words("ses_message_id", required=False))
    reported: dict[str, str] = Field(default_factory=dict, sa_column=json_object("reported"))
    started_at: datetime = Field(sa_column=moment("started_at", required=True, default="now()"))
    resolved_at: datetime | None = Field(default=None, sa_column=moment("resolved_at"))
