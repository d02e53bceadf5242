"""A person's decision that a finding of preflight does not forbid a campaign's start."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Text
from sqlmodel import Column, Field, SQLModel

from models.base import created, part_of_key, tenant_key, words


class PreflightOverride(SQLModel, table=True):
    """Who overrode which rule of a campaign, when and why; `finding` is what was found then, without addresses."""

    __tablename__ = "preflight_override"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    rule: str = Field(sa_column=Column("rule", Text, primary_key=True))
    finding: str = Field(sa_column=words("finding"))
    reason: str = Field(sa_column=words("reason"))
    actor: str = Field(sa_column=words("actor"))
    created_at: datetime | None = Field(default=None, sa_column=created())
