"""A contact: a person's address at one tenant, what is known of the person, and on what consent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Column, Field, SQLModel

from models.base import created, identity, json_object, moment, one_of, part_of_key, tenant_key, word, words


class ContactState(StrEnum):
    """Whether hygiene still lets a contact be mailed. Unsubscribes and bounces are suppressions, not states."""

    ACTIVE = "active"
    LAPSING = "lapsing"  # silent: only a win-back campaign may still be sent
    RETIRED = "retired"


class Purpose(StrEnum):
    """What an audience is for."""

    LIST = "list"
    WINBACK = "winback"  # hygiene puts lapsing contacts on it, and takes them off


class Contact(SQLModel, table=True):
    """One address as it was given. Two spellings of one address are two contacts with one recipient key.

    `state_rule` is the rule of hygiene that gave the state, at `state_at`; a contact that a person has retired has none.
    `import_id` is the import that made the contact, without a foreign key: its check would cost every imported row a tenth.
    """

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("tenant_id", "address"),
        Index("contact_recipient_key", "tenant_id", "recipient_key"),
        one_of("state", ContactState, "contact_state"),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    address: str = Field(sa_column=words("address"))
    recipient_key: str = Field(sa_column=words("recipient_key"))
    attributes: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("attributes"))
    state: ContactState = Field(
        default=ContactState.ACTIVE, sa_column=word("state", ContactState.ACTIVE, of=ContactState)
    )
    state_reason: str = Field(default="", sa_column=words("state_reason", ""))
    state_rule: str | None = Field(default=None, sa_column=words("state_rule", required=False))
    state_at: datetime | None = Field(default=None, sa_column=moment("state_at"))
    import_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    consent_basis: str | None = Field(default=None, sa_column=words("consent_basis", required=False))
    consent_at: datetime | None = Field(default=None, sa_column=moment("consent_at"))
    consent_source: str | None = Field(default=None, sa_column=words("consent_source", required=False))
    consent_wording: str | None = Field(default=None, sa_column=words("consent_wording", required=False))
    engaged_at: datetime | None = Field(default=None, sa_column=moment("engaged_at"))
    created_at: datetime | None = Field(default=None, sa_column=created())
    updated_at: datetime | None = Field(
        default=None, sa_column=moment("updated_at", required=True, default="now()")
    )


class Audience(SQLModel, table=True):
    """A named list of contacts. `title` is what readers know it as; without one no page names it."""

    __tablename__ = "audience"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        one_of("purpose", Purpose, "audience_purpose"),
        Index(
            "audience_winback", "tenant_id", unique=True, postgresql_where=text("purpose = 'winback'::text")
        ),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    name: str = Field(sa_column=words("name"))
    title: str = Field(default="", sa_column=words("title", ""))
    purpose: Purpose = Field(default=Purpose.LIST, sa_column=word("purpose", Purpose.LIST, of=Purpose))
    created_at: datetime | None = Field(default=None, sa_column=created())


class AudienceMember(SQLModel, table=True):
    """A contact is on a list."""

    __tablename__ = "audience_member"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "audience_id"], ["audience.tenant_id", "audience.id"]),
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    audience_id: int = Field(sa_column=part_of_key("audience_id"))
    contact_id: int = Field(sa_column=part_of_key("contact_id"))
    created_at: datetime | None = Field(default=None, sa_column=created())


class ContactImport(SQLModel, table=True):
    """One file read into one audience; `lines_done` lets a killed import go on where it stopped."""

    __tablename__ = "contact_import"
    __table_args__ = (
        UniqueConstraint("tenant_id", "audience_id", "file_digest", "file_format"),
        ForeignKeyConstraint(["tenant_id", "audience_id"], ["audience.tenant_id", "audience.id"]),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    audience_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    file_name: str = Field(sa_column=words("file_name"))
    file_digest: str = Field(sa_column=words("file_digest"))
    file_format: str = Field(sa_column=words("file_format"))
    lines_done: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    counts: dict[str, int] = Field(default_factory=dict, sa_column=json_object("counts"))
    created_at: datetime | None = Field(default=None, sa_column=created())
    finished_at: datetime | None = Field(default=None, sa_column=moment("finished_at"))


class ImportRejection(SQLModel, table=True):
    """A line that could not become a contact, with the reason. `address_text` is what stood in its address column."""

    __tablename__ = "import_rejection"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "import_id"], ["contact_import.tenant_id", "contact_import.id"]),
        Index("import_rejection_address", "tenant_id", "address_text"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    import_id: int = Field(sa_column=part_of_key("import_id"))
    line: int = Field(sa_column=Column("line", Integer, primary_key=True, autoincrement=False))
    code: str = Field(sa_column=words("code"))
    message: str = Field(sa_column=words("message"))
    address_text: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
