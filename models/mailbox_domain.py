"""A mailbox domain: the part of an address behind the @, and the provider that keeps its mailboxes.

A domain is the world's and no tenant's, so it has no `tenant_id`: what one tenant's audience taught serves all.
"""

from datetime import date, datetime

from sqlalchemy import Date, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Column, Field, SQLModel

from core.mailbox_domains import Reach
from models.base import moment, one_of, word, words


class MailboxDomain(SQLModel, table=True):
    """The last good answer of the DNS. `set_by` names the person whose choice of provider no answer changes.

    `dead_nights` counts the UTC days in a row on which it was sure that the domain takes no mail, `dead_on` is the last of them
    (`core.dead_domains`).
    """

    __tablename__ = "mailbox_domain"
    __table_args__ = (one_of("reach", Reach, "mailbox_domain_reach"),)

    domain: str = Field(sa_column=Column("domain", Text, primary_key=True))
    provider: str = Field(sa_column=words("provider"))
    reach: Reach = Field(sa_column=word("reach", of=Reach))
    exchangers: list[str] = Field(
        default_factory=list, sa_column=Column("exchangers", ARRAY(Text), nullable=False, server_default="{}")
    )
    failures: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    dead_nights: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    dead_on: date | None = Field(default=None, sa_column=Column(Date, nullable=True))
    resolved_at: datetime | None = Field(default=None, sa_column=moment("resolved_at"))
    look_again_at: datetime = Field(sa_column=moment("look_again_at", required=True, default="now()"))
    set_by: str | None = Field(default=None, sa_column=words("set_by", required=False))
    set_reason: str | None = Field(default=None, sa_column=words("set_reason", required=False))
