"""Outlook: when a campaign will be done, from what the ledger knows now. The same for every door."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlmodel import Session

from core import forecast as forecasting
from core import pacing, warmup, warmup_controller
from core.allowances import ALL
from core.errors import ConfigurationError
from core.forecast import Forecast
from core.forecast_odds import PRIOR, Odds, learned
from core.forecast_walk import NO_CAP, Account, Ladder, Lane, Road
from core.pacing import CEILING_SHARE, QUOTA_SHARE
from core.warmup_schedule import ADAPTIVE, WARM, steps
from core.windows import Manners, Timing, together
from models import Campaign, Tenant
from store import accounts, allowances, prospects, sending_domains, standings, tenants
from store.allowances import Today
from store.session import Row, one, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What somebody would like to know: what if ... None and empty change nothing.

    Attributes:
        quota: The account's messages in 24 hours.
        rate: The account's messages a second.
        begins_on: When the campaign begins, by the tenant's calendar.
        without_tiers: Who is left out, by tier of engagement.
        schedule: How the sending domain warms up.
    """

    quota: int | None = None
    rate: float | None = None
    begins_on: date | None = None
    without_tiers: frozenset[int] = frozenset()
    schedule: str | None = None


NO_CHANGES = Changes()
WINDOW_DAYS = 120  # for longer campaigns later days count as open


def of_campaign(
    session: Session,
    campaign: Campaign,
    *,
    tenant_id: int,
    region: str,
    waiting: int,
    changes: Changes = NO_CHANGES,
) -> Forecast | None:
    """Say when a campaign's messages will have left; None before the quota of the region was ever read.

    Args:
        session: The caller's transaction.
        campaign: Which.
        tenant_id: Whose.
        region: Of the SES account.
        waiting: How many it would be sent to, if it started now; of a planned one the ledger tells who waits.
        changes: What if.

    Raises:
        InputError: The schedule of the changes does not exist.
    """
    try:
        account, clock = accounts.find(session, region=region)
    except ConfigurationError:
        return None
    tenant = tenants.by_id(session, tenant_id=tenant_id)
    now = clock.astimezone(ZoneInfo(tenant.time_zone))
    planned = prospects.expected(
        session,
        campaign,
        tenant_id=tenant_id,
        waiting=waiting,
        without_tiers=changes.without_tiers,
    )
    road = replace(
        _road(session, campaign, planned, now, changes),
        account=_account(session, campaign, account, changes),
        closed=_closed(tenant, campaign, changes.begins_on or now.date(), now),
    )
    rate = pacing.rate(account, clock) if changes.rate is None else changes.rate * CEILING_SHARE
    # The same campaign is told the same all day long, at every door.
    chance = Random(f"{campaign.id} {now.date()}")  # noqa: S311  # repeatable on purpose
    return forecasting.forecast(road, now=now, rate=rate, chance=chance, begins_on=changes.begins_on)


def _closed(tenant: Tenant, campaign: Campaign, first: date, now: datetime) -> frozenset[int]:
    """Return the days, counted from the first, on which the tenant's and the campaign's hours are never open."""
    hours = together(Manners.of(tenant.policies).hours, Timing.of(campaign.timing).hours)
    if not hours.windows and not hours.blackout:
        return frozenset()
    zone, closed = ZoneInfo(tenant.time_zone), []
    for number in range(WINDOW_DAYS):
        day = first + timedelta(days=number)
        begins = max(datetime.combine(day, time(0), tzinfo=zone), now)
        if hours.opening(begins, zone).astimezone(zone).date() > day:
            closed.append(number)
    return frozenset(closed)


def today(session: Session, *, tenant_id: int) -> date:
    """Return what day it is for a tenant."""
    return sending_domains.local_now(session, tenant_id=tenant_id).date()


def _account(session: Session, campaign: Campaign, account: pacing.Account, changes: Changes) -> Account:
    """Return what the account admits, and who else waits for it."""
    if changes.quota is not None:
        account = replace(account, max_24_hour_send=changes.quota)
    unlimited = account.max_24_hour_send < 0
    per_day = None if unlimited else int(account.max_24_hour_send * QUOTA_SHARE)
    waiting, a_day = _elsewhere(session, campaign)
    begins_later = changes.begins_on is not None
    return Account(
        quota_left=per_day if begins_later else pacing.quota_left(account),
        quota_per_day=per_day,
        elsewhere=waiting,
        elsewhere_a_day=a_day,
    )


def _elsewhere(session: Session, campaign: Campaign) -> tuple[int, int]:
    """Return how many messages of other sending domains wait, of all tenants, and how many their caps admit on one day."""
    row = one(
        session,
        """WITH waiting AS (
               SELECT c.tenant_id, c.sending_domain_id, d.provider, count(*) AS people
               FROM campaign c JOIN delivery d ON d.tenant_id = c.tenant_id AND d.campaign_id = c.id
               WHERE c.state = 'sending' AND c.planned_at IS NOT NULL AND d.is_pending
                 AND (c.tenant_id, c.sending_domain_id) <> (:tenant_id, :sending_domain_id)
               GROUP BY c.tenant_id, c.sending_domain_id, d.provider
           ), by_domain AS (
               SELECT sum(w.people) AS waiting,
                      least(sum(CASE WHEN s.schedule = 'adaptive'
                                THEN least(w.people, coalesce((p.pace ->> 'cap')::bigint, :start)) ELSE w.people END),
                            (SELECT a.allowance FROM warmup_allowance a
                             WHERE a.tenant_id = s.tenant_id AND a.sending_domain_id = s.id AND a.provider = :all
                               AND s.schedule IS NOT NULL AND s.schedule <> 'adaptive'
                             ORDER BY a.on_day DESC LIMIT 1)) AS a_day
               FROM waiting w JOIN sending_domain s ON s.tenant_id = w.tenant_id AND s.id = w.sending_domain_id
               LEFT JOIN provider_standing p ON p.tenant_id = w.tenant_id AND p.sending_domain_id = w.sending_domain_id
                    AND p.provider = w.provider
               GROUP BY s.tenant_id, s.id
           )
           SELECT coalesce(sum(waiting), 0)::bigint AS waiting, coalesce(sum(a_day), 0)::bigint AS a_day FROM by_domain""",
        tenant_id=campaign.tenant_id,
        sending_domain_id=campaign.sending_domain_id,
        all=ALL,
        start=warmup_controller.START,
    )
    assert row is not None
    return row["waiting"], row["a_day"]


def _road(
    session: Session, campaign: Campaign, planned: Mapping[str, int], now: datetime, changes: Changes
) -> Road:
    """Return what waits, and the caps of its sending domain."""
    key = {"tenant_id": campaign.tenant_id, "sending_domain_id": campaign.sending_domain_id}
    standing = sending_domains.standing_of(session, **key)
    schedule = changes.schedule or standing["schedule"] or WARM
    is_as_it_is = changes.schedule in {None, standing["schedule"] or WARM}
    others = _others(session, campaign)
    caps = allowances.today_caps(session, **key, planned=planned) if is_as_it_is else {}
    if schedule not in {ADAPTIVE, WARM}:
        ladder = _ladder(session, key, standing, schedule, caps.get(ALL), changes)
        return Road(
            lanes=[
                Lane(provider=each, waiting=number, others=others.get(each, 0))
                for each, number in planned.items()
            ],
            ladder=ladder,
        )
    rests = allowances.today(session, **key).rests if not changes.begins_on else {}
    ends = timedelta(seconds=forecasting.seconds_left(now))
    paces = _paces(session, key, standing["known_daily_volume"], planned) if schedule == ADAPTIVE else {}
    odds = _odds(session, key)
    return Road(
        lanes=[
            _lane(
                Lane(
                    provider=each,
                    waiting=number,
                    others=others.get(each, 0),
                    pace=paces.get(each),
                    odds=odds.get(each, PRIOR),
                    rests=rests.get(each, timedelta(0)) >= ends,
                ),
                caps.get(each),
                changes,
                now,
            )
            for each, number in planned.items()
        ],
        left=caps[ALL].left if ALL in caps and not changes.begins_on else None,
    )


def _lane(lane: Lane, cap: Today | None, changes: Changes, now: datetime) -> Lane:
    """Return a lane with its cap of the first day."""
    if changes.begins_on and lane.pace:
        quiet = (changes.begins_on - now.date()).days
        pace = warmup_controller.rest(lane.pace, quiet) if quiet > 0 else lane.pace
        return replace(lane, pace=pace, left=pace.cap)
    if cap is None or changes.begins_on:
        return replace(lane, left=lane.pace.cap if lane.pace else None)
    return replace(lane, left=max(cap.left, 0), used=cap.used)


def _paces(
    session: Session, key: Mapping[str, int], known: int, planned: Mapping[str, int]
) -> dict[str, warmup_controller.Pace]:
    """Return the pace of each provider; one that got nothing yet begins as the domain's first day would."""
    total = sum(planned.values()) or 1
    begun = {each.provider: each.pace for each in standings.paced(session, **key)}
    return {
        each: warmup_controller.start(known * number // total) for each, number in planned.items()
    } | begun


def _ladder(
    session: Session,
    key: Mapping[str, int],
    standing: Row,
    schedule: str,
    cap: Today | None,
    changes: Changes,
) -> Ladder:
    ladder = steps(schedule)
    is_other = changes.schedule not in {None, standing["schedule"]}
    rung = (
        warmup.rung_for(standing["known_daily_volume"], ladder)
        if is_other or standing["rung"] is None
        else standing["rung"]
    )
    rung = min(rung, len(ladder) - 1)
    today = Today(ladder[rung], 0) if cap is None or changes.begins_on else cap
    return Ladder(
        steps=ladder,
        rung=rung,
        left=min(max(today.left, 0), NO_CAP),
        used=today.used,
        odds=_odds(session, key).get(ALL, PRIOR),
    )


def _others(session: Session, campaign: Campaign) -> dict[str, int]:
    """Count who waits in other campaigns of the same sending domain, by mailbox provider."""
    found = rows(
        session,
        """SELECT d.provider, count(*) AS people
           FROM campaign c JOIN delivery d ON d.tenant_id = c.tenant_id AND d.campaign_id = c.id
           WHERE c.tenant_id = :tenant_id AND c.sending_domain_id = :sending_domain_id AND c.id <> :campaign_id
             AND c.state = 'sending' AND c.planned_at IS NOT NULL AND d.is_pending
           GROUP BY d.provider""",
        tenant_id=campaign.tenant_id,
        sending_domain_id=campaign.sending_domain_id,
        campaign_id=campaign.id,
    )
    return {row["provider"]: row["people"] for row in found}


def _odds(session: Session, key: Mapping[str, int]) -> dict[str, Odds]:
    """Return what the domain's own decisions of the last half year have taught, by mailbox provider."""
    found = rows(
        session,
        """SELECT provider, rule, coalesce(nullif(evidence ->> 'cap_before', ''), evidence ->> 'allowance')::bigint AS cap
           FROM warmup_allowance
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id AND on_day > current_date - 180
           ORDER BY on_day, provider""",
        **key,
    )
    decided: dict[str, list[tuple[str, int]]] = {}
    for row in found:
        decided.setdefault(row["provider"], []).append((row["rule"], row["cap"] or 0))
    return {provider: learned(decisions) for provider, decisions in decided.items()}
