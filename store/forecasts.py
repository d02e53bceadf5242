"""Forecasts as they were made, so that each can be compared with what happened."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from core.forecast import Forecast
from core.forecast_score import Told
from store.session import count, rows


@dataclass(frozen=True, slots=True)
class Kept:
    """A forecast of a campaign that is done: what was said, and the day of the last message."""

    campaign_id: int
    campaign: str
    made_on: date
    done_on: date
    done_on_p90: date
    happened_on: date


def keep(session: Session, *, tenant_id: int, campaign_id: int, forecast: Forecast) -> bool:
    """Keep what is said of a campaign's end: the first, the first of each day, and that nobody waits any more.

    Returns:
        Whether it was one of these. The day is that of the tenant's clock.
    """
    kept = count(
        session,
        """INSERT INTO campaign_forecast
               (tenant_id, campaign_id, made_on, occasion, waiting, done_on, done_on_p90, binding, providers)
           SELECT t.id, :campaign_id, wall.today, CASE WHEN :waiting = 0 THEN 'end' WHEN made.any_day THEN 'day' ELSE 'start' END,
                  :waiting, CASE WHEN :waiting = 0 THEN wall.today ELSE CAST(:done_on AS date) END,
                  CASE WHEN :waiting = 0 THEN wall.today ELSE CAST(:done_on_p90 AS date) END,
                  :binding, CAST(:providers AS jsonb)
           FROM tenant t,
                LATERAL (SELECT (clock_timestamp() AT TIME ZONE t.time_zone)::date AS today) AS wall,
                LATERAL (SELECT count(*) > 0 AS any_day, coalesce(bool_or(f.made_on = wall.today), false) AS this_day,
                                coalesce(bool_or(f.occasion = 'end'), false) AS is_over
                         FROM campaign_forecast f WHERE f.tenant_id = t.id AND f.campaign_id = :campaign_id) AS made
           WHERE t.id = :tenant_id AND NOT made.is_over AND (:waiting = 0 OR NOT made.this_day)
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        waiting=forecast.waiting,
        done_on=forecast.done_on,
        done_on_p90=forecast.done_on_p90 or forecast.done_on,
        binding=forecast.binding,
        providers=json.dumps([each.as_json() for each in forecast.providers]),
    )
    return bool(kept)


def of_done(session: Session, *, tenant_id: int, campaign_id: int | None = None) -> Sequence[Kept]:
    """Return the forecasts of a tenant's campaigns that are done, the newest campaign first, or of one of them.

    What was said on the day of the last message is left out: it was no feat.
    """
    found = rows(
        session,
        """SELECT f.campaign_id, c.name AS campaign, f.made_on, f.done_on, f.done_on_p90, e.made_on AS happened_on
           FROM campaign_forecast f
           JOIN campaign_forecast e ON e.tenant_id = f.tenant_id AND e.campaign_id = f.campaign_id AND e.occasion = 'end'
           JOIN campaign c ON c.tenant_id = f.tenant_id AND c.id = f.campaign_id
           WHERE f.tenant_id = :tenant_id AND f.occasion <> 'end' AND (f.made_on < e.made_on OR f.occasion = 'start')
             AND (CAST(:campaign_id AS bigint) IS NULL OR f.campaign_id = :campaign_id)
           ORDER BY f.campaign_id DESC, f.made_on""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return [Kept(**row) for row in found]


def told(session: Session, *, tenant_id: int, campaign_id: int) -> list[Told]:
    """Return what was said of a campaign's end, the oldest first; the day of its last message is among it once it is done."""
    found = rows(
        session,
        """SELECT made_on, waiting, done_on, done_on_p90, occasion = 'end' AS is_end FROM campaign_forecast
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id ORDER BY made_on, is_end""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return [Told(**row) for row in found]
