"""A campaign: what to send, to whom, from when; and the template it pins."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Column, Field, SQLModel

from core.campaigns import CampaignState
from core.deliveries import Policy, SkipReason
from models.base import (
    created,
    identity,
    json_list,
    json_object,
    moment,
    one_of,
    part_of_key,
    tenant_key,
    word,
    words,
)


class TemplateVersion(SQLModel, table=True):
    """The sources of a template as they were when a campaign took them, or a person published them; addressed by content.

    `number` counts a tenant's published versions of one name from 1, and is empty for what was never published. `inlining`,
    `why` and `fields` are what publishing found out. `audited` counts the messages that were compared with premailer's
    page; `demoted_at` and `demoted_why` tell of the first that differed (docs/rendering.md, "The audit").
    """

    __tablename__ = "template_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name", "number", name="template_version_number"),
        one_of("inlining", ("once", "each"), "template_version_inlining"),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    digest: str = Field(sa_column=Column("digest", Text, primary_key=True))
    name: str = Field(sa_column=words("name"))
    sources: dict[str, Any] = Field(sa_column=json_object("sources"))
    number: int | None = Field(default=None, sa_column=Column("number", Integer))
    inlining: str | None = Field(default=None, sa_column=words("inlining", required=False))
    why: str = Field(default="", sa_column=words("why", ""))
    fields: list[str] = Field(default_factory=list, sa_column=json_list("fields"))
    published_at: datetime | None = Field(default=None, sa_column=moment("published_at"))
    audited: int = Field(
        default=0, sa_column=Column("audited", BigInteger, nullable=False, server_default="0")
    )
    demoted_at: datetime | None = Field(default=None, sa_column=moment("demoted_at"))
    demoted_why: str = Field(default="", sa_column=words("demoted_why", ""))
    created_at: datetime | None = Field(default=None, sa_column=created())


class Campaign(SQLModel, table=True):
    """What to send, to whom, from when.

    `planned_at` is set when every person of the audience has a row: only then may the first message leave. `resume_at`
    is when dispatch looks at a campaign again that ran out of allowance or quota. `origin` names the flow run that
    created it, so that a run which starts over finds its own campaign. `timing` is a `core.windows.Timing`.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "audience_id"], ["audience.tenant_id", "audience.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "template_digest"], ["template_version.tenant_id", "template_version.digest"]
        ),
        ForeignKeyConstraint(
            ["tenant_id", "sending_domain_id"], ["sending_domain.tenant_id", "sending_domain.id"]
        ),
        one_of("state", CampaignState, "campaign_state"),
        one_of("policy", Policy, "campaign_policy"),
        Index("campaign_by_state", "tenant_id", "state"),
        UniqueConstraint("tenant_id", "origin"),
    )

    tenant_id: int = Field(sa_column=tenant_key())
    id: int | None = Field(default=None, sa_column=identity())
    name: str = Field(sa_column=words("name"))
    audience_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    sending_domain_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    template_digest: str = Field(sa_column=words("template_digest"))
    subject: str | None = Field(default=None, sa_column=words("subject", required=False))
    policy: Policy = Field(default=Policy.EVIDENCE, sa_column=word("policy", Policy.EVIDENCE, of=Policy))
    state: CampaignState = Field(
        default=CampaignState.DRAFT, sa_column=word("state", CampaignState.DRAFT, of=CampaignState)
    )
    state_reason: str = Field(default="", sa_column=words("state_reason", ""))
    origin: str | None = Field(default=None, sa_column=words("origin", required=False))
    timing: dict[str, Any] = Field(default_factory=dict, sa_column=json_object("timing"))
    start_at: datetime | None = Field(default=None, sa_column=moment("start_at"))
    resume_at: datetime | None = Field(default=None, sa_column=moment("resume_at"))
    planned_at: datetime | None = Field(default=None, sa_column=moment("planned_at"))
    started_at: datetime | None = Field(default=None, sa_column=moment("started_at"))
    finished_at: datetime | None = Field(default=None, sa_column=moment("finished_at"))
    created_at: datetime | None = Field(default=None, sa_column=created())


class CampaignExclusion(SQLModel, table=True):
    """A contact of the audience that was left out when the campaign was planned, with the reason."""

    __tablename__ = "campaign_exclusion"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
        one_of("reason", SkipReason, "campaign_exclusion_reason"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    contact_id: int = Field(sa_column=part_of_key("contact_id"))
    reason: SkipReason = Field(sa_column=word("reason", of=SkipReason))


class CampaignProvider(SQLModel, table=True):
    """How many of a campaign's deliveries go to one mailbox provider, as planned."""

    __tablename__ = "campaign_provider"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    provider: str = Field(sa_column=Column("provider", Text, primary_key=True))
    planned: int = Field(sa_column=Column(BigInteger, nullable=False))
