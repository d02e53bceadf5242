"""What was said of a campaign's end, so that it can be compared with what happened."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Date, ForeignKeyConstraint
from sqlmodel import Column, Field, SQLModel

from models.base import created, json_list, one_of, part_of_key, tenant_key, word, words


class Occasion(StrEnum):
    """When a forecast was made."""

    START = "start"
    DAY = "day"
    END = "end"


class CampaignForecast(SQLModel, table=True):
    """When a campaign was expected to be done: at its start, at each day's first run, and at its end.

    `made_on` is a day of the tenant's calendar. The one of the end is no forecast: on its day the last message left.
    """

    __tablename__ = "campaign_forecast"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        one_of("occasion", Occasion, "campaign_forecast_occasion"),
    )

    tenant_id: int = Field(sa_column=tenant_key(foreign=False))
    campaign_id: int = Field(sa_column=part_of_key("campaign_id"))
    made_on: date = Field(sa_column=Column("made_on", Date, primary_key=True))
    occasion: Occasion = Field(
        sa_column=Column("occasion", word("occasion", of=Occasion).type, primary_key=True)
    )
    waiting: int = Field(sa_column=Column(BigInteger, nullable=False))
    done_on: date = Field(sa_column=Column(Date, nullable=False))
    done_on_p90: date = Field(sa_column=Column(Date, nullable=False))
    binding: str = Field(sa_column=words("binding"))
    providers: list[dict[str, Any]] = Field(default_factory=list, sa_column=json_list("providers"))
    created_at: datetime | None = Field(default=None, sa_column=created())
