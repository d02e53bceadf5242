"""Forecasts: when a campaign will be done, what would change it, and whether what was said came true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from core.campaigns import CampaignState
from core.errors import ConfigurationError, InputError
from core.forecast import Forecast
from core.forecast_score import Scores, Told, in_words, score, together
from core.warmup_schedule import WARM, names
from models import Campaign
from store import campaigns, forecasts, planning, tenants
from store import outlook as outlooks
from store.forecasts import Kept
from store.outlook import NO_CHANGES, Changes
from store.session import Session
from tasks.resources import Resources


LONGEST_WAIT: Final = 366  # days: how far ahead a start is looked for


def outlook(resources: Resources, campaign_id: int, changes: Changes = NO_CHANGES) -> Forecast:
    """Say when a campaign will be done: from the ledger once it is planned, before that from its audience.

    Args:
        resources: Of this process.
        campaign_id: Which.
        changes: What if.

    Raises:
        ConfigurationError: The SES quota was never read.
        InputError: A change that makes no sense.
    """
    with resources.database.begin() as session:
        campaign, waiting = _waiting(session, campaign_id)
        return _forecast(resources, session, campaign, waiting, changes)


def newest(resources: Resources, campaign_id: int) -> Forecast | None:
    """Say when a campaign will be done, for a report; None where the SES quota was never read."""
    try:
        return outlook(resources, campaign_id)
    except ConfigurationError:
        return None


def note(resources: Resources, campaign_id: int) -> None:
    """Keep what is said of a campaign's end now."""
    with resources.database.begin() as session:
        campaign, waiting = _waiting(session, campaign_id)
        found = outlooks.of_campaign(
            session, campaign, tenant_id=campaign.tenant_id, region=resources.ses.region, waiting=waiting
        )
        keep(session, campaign, found)


def keep(session: Session, campaign: Campaign, forecast: Forecast | None) -> None:
    """Keep what is said of a campaign's end, if it is the first time on this day or nobody waits any more.

    Of a campaign that was cancelled nothing is kept: it has no end that could have been foreseen. Nor is anything without a quota.
    """
    if forecast is None or campaign.state == CampaignState.CANCELLED:
        return
    assert campaign.id is not None, "it came from the database"
    forecasts.keep(session, tenant_id=campaign.tenant_id, campaign_id=campaign.id, forecast=forecast)


def told(resources: Resources, campaign_id: int) -> list[Told]:
    """Return what was said of a campaign's end from day to day, the oldest first."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        return forecasts.told(session, tenant_id=tenant_id, campaign_id=campaign_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """What a day asks of a campaign.

    Attributes:
        by: The day.
        messages: How many of those that wait will probably have left by then, if it begins as planned.
        latest_start: The last day on which it may begin to be done by then, nine times in ten; None when there is none.
    """

    by: date
    messages: int
    latest_start: date | None

    def as_json(self) -> dict[str, object]:
        """Return it with ISO dates."""
        latest = self.latest_start.isoformat() if self.latest_start else None
        return {"by": self.by.isoformat(), "messages": self.messages, "latest_start": latest}


def deadline(resources: Resources, campaign_id: int, *, by: date, changes: Changes = NO_CHANGES) -> Deadline:
    """Answer how many messages will have left by the end of a day, and when the campaign must begin for all of them.

    Raises:
        ConfigurationError: The SES quota was never read.
        InputError: The day is over, or too far ahead.
    """
    with resources.database.begin() as session:
        campaign, waiting = _waiting(session, campaign_id)

        def told(begins_on: date | None) -> Forecast:
            return _forecast(
                resources,
                session,
                campaign,
                waiting,
                replace(changes, begins_on=begins_on) if begins_on else changes,
            )

        usual, today = told(None), outlooks.today(session, tenant_id=campaign.tenant_id)
        if not 0 <= (by - today).days <= LONGEST_WAIT:
            raise InputError(
                f"{by.isoformat()} is not within a year from now", hint="Such as --by 2026-12-24."
            )
        left = round(sum(day.total for day in usual.days if day.on <= by))
        return Deadline(by=by, messages=min(left, usual.waiting), latest_start=_latest(told, today, by))


def _latest(told: Callable[[date | None], Forecast], today: date, by: date) -> date | None:
    """Return the last day from which the campaign is done in time, nine times in ten, by halving what is possible."""

    def is_in_time(days: int) -> bool:
        found = told(today + timedelta(days=days) if days else None)
        return (found.done_on_p90 or found.done_on) <= by

    if not is_in_time(0):
        return None
    low, high = 0, (by - today).days + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_in_time(middle) else (low, middle)
    return today + timedelta(days=low)


@dataclass(frozen=True, slots=True)
class Record:
    """How good forecasts were: all together, and each of them."""

    scores: Scores
    kept: Sequence[Kept]

    @property
    def words(self) -> str:
        """Return it as a sentence."""
        return in_words(self.scores)

    def as_json(self) -> dict[str, Any]:
        """Return the scores, and each forecast with what happened."""
        return {
            **self.scores.as_json(),
            "campaigns": [
                {
                    "campaign_id": each.campaign_id,
                    "name": each.campaign,
                    "made_on": each.made_on.isoformat(),
                    "done_on": each.done_on.isoformat(),
                    "done_on_p90": each.done_on_p90.isoformat(),
                    "happened_on": each.happened_on.isoformat(),
                    "within_p90": each.happened_on <= each.done_on_p90,
                }
                for each in self.kept
            ],
        }


def record(resources: Resources, *, tenant_slug: str | None = None) -> Record:
    """Compare what was said with what happened, of one tenant's campaigns or of all.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        chosen = [tenants.by_slug(session, tenant_slug)] if tenant_slug else tenants.everyone(session)
        kept = [
            each
            for tenant in chosen
            if tenant.id is not None
            for each in forecasts.of_done(session, tenant_id=tenant.id)
        ]
    return Record(together([score(one.done_on, one.done_on_p90, one.happened_on) for one in kept]), kept)


def _waiting(session: Session, campaign_id: int) -> tuple[Campaign, int]:
    """Return a campaign, and before its plan how many it would be sent to."""
    tenant_id = campaigns.tenant_of(session, campaign_id)
    campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
    if campaign.planned_at:
        return campaign, 0  # the ledger tells
    people = planning.preview(session, tenant_id=tenant_id, audience_id=campaign.audience_id)
    return campaign, people.get(None, 0)


def _forecast(
    resources: Resources, session: Session, campaign: Campaign, waiting: int, changes: Changes
) -> Forecast:
    _check(changes)
    found = outlooks.of_campaign(
        session,
        campaign,
        tenant_id=campaign.tenant_id,
        region=resources.ses.region,
        waiting=waiting,
        changes=changes,
    )
    if found is None:
        raise ConfigurationError(
            "the SES quota was never read", hint="posthouse doctor tells whether SES answers."
        )
    return found


def _check(changes: Changes) -> None:
    if changes.schedule is not None and changes.schedule not in {WARM, *names()}:
        raise InputError(
            f"there is no schedule {changes.schedule!r}", hint=f"One of {', '.join((*names(), WARM))}."
        )
    if changes.rate is not None and changes.rate <= 0:
        raise InputError("a rate is larger than nothing", hint="Messages a second, such as --rate 50.")
    if not changes.without_tiers <= set(range(6)):
        raise InputError("tiers are numbers from 0 to 5", hint="Such as --without-tiers 4,5.")
