"""Standings: how a sending domain stands with each mailbox provider. Its pace while it warms up, and its rests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from core.warmup_controller import Pace, Tally
from store.session import one, rows, run


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider's pace, and the day for which it was decided last."""

    provider: str
    pace: Pace
    decided_on: date


def start_paces(
    session: Session, *, tenant_id: int, sending_domain_id: int, day: date, starts: Mapping[str, Pace]
) -> dict[str, Pace]:
    """Give providers that have no pace their first one; return the paces of all of these providers."""
    run(
        session,
        """INSERT INTO provider_standing AS s (tenant_id, sending_domain_id, provider, pace, decided_on)
           SELECT :tenant_id, :sending_domain_id, p.provider, CAST(p.pace AS jsonb), :day
           FROM unnest(CAST(:providers AS text[]), CAST(:paces AS text[])) AS p (provider, pace)
           ORDER BY p.provider
           ON CONFLICT (tenant_id, sending_domain_id, provider) DO UPDATE
           SET pace = excluded.pace, decided_on = excluded.decided_on WHERE s.pace IS NULL""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        providers=list(starts),
        paces=[json.dumps(pace.as_json()) for pace in starts.values()],
    )
    found = paced(session, tenant_id=tenant_id, sending_domain_id=sending_domain_id)
    return {standing.provider: standing.pace for standing in found if standing.provider in starts}


def paced(session: Session, *, tenant_id: int, sending_domain_id: int) -> list[Standing]:
    """Return the providers that a sending domain is warming up at, by name."""
    found = rows(
        session,
        """SELECT provider, pace, decided_on FROM provider_standing
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id AND pace IS NOT NULL
           ORDER BY provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
    )
    return [Standing(row["provider"], Pace.from_json(row["pace"]), row["decided_on"]) for row in found]


def set_pace(
    session: Session, *, tenant_id: int, sending_domain_id: int, provider: str, pace: Pace, decided_on: date
) -> None:
    """Keep the pace that was decided for a day."""
    run(
        session,
        """UPDATE provider_standing SET pace = CAST(:pace AS jsonb), decided_on = :decided_on
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id AND provider = :provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        provider=provider,
        pace=json.dumps(pace.as_json()),
        decided_on=decided_on,
    )


def forget(session: Session, *, tenant_id: int, sending_domain_id: int) -> None:
    """Drop all paces: the domain is warm, or begins anew."""
    run(
        session,
        """UPDATE provider_standing SET pace = NULL, decided_on = NULL
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
    )


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of one day's messages to one provider, and how many replies were which block."""

    tally: Tally
    blocks: Mapping[str, int]


def reported(session: Session, *, tenant_id: int, sending_domain_id: int, day: date) -> dict[str, Reported]:
    """Return what became of a day's messages, by mailbox provider; one that got none is not in it."""
    found = rows(
        session,
        """WITH day AS (
               SELECT CAST(:day AS date)::timestamp AT TIME ZONE time_zone AS begins,
                      (CAST(:day AS date) + 1)::timestamp AT TIME ZONE time_zone AS ends
               FROM tenant WHERE id = :tenant_id
           ), accepted AS (
               SELECT d.id, d.provider
               FROM day, campaign c JOIN delivery d ON d.tenant_id = c.tenant_id AND d.campaign_id = c.id
               WHERE c.tenant_id = :tenant_id AND c.sending_domain_id = :sending_domain_id
                 AND (c.finished_at IS NULL OR c.finished_at >= day.begins) AND c.started_at < day.ends
                 AND d.state IN ('sent', 'unconfirmed') AND d.submitted_at >= day.begins AND d.submitted_at < day.ends
           ), told AS (
               SELECT a.provider, a.id, f.fact, f.detail ->> 'block' AS block
               FROM accepted a LEFT JOIN delivery_fact f ON f.tenant_id = :tenant_id AND f.delivery_id = a.id
           )
           SELECT provider, count(DISTINCT id) AS accepted,
                  count(*) FILTER (WHERE fact = 'delivery') AS delivered,
                  count(*) FILTER (WHERE fact = 'bounce_permanent') AS hard_bounced,
                  count(*) FILTER (WHERE fact = 'delay') AS delayed,
                  count(*) FILTER (WHERE fact = 'complaint') AS complained,
                  (SELECT jsonb_object_agg(b.block, b.times) FROM (
                       SELECT t.block, count(*) AS times FROM told t
                       WHERE t.provider = told.provider AND t.block IS NOT NULL GROUP BY t.block) AS b) AS blocks
           FROM told GROUP BY provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
    )
    return {
        row["provider"]: Reported(Tally(**{name: row[name] for name in Tally.__slots__}), row["blocks"] or {})
        for row in found
    }


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often a provider gave one block as its answer lately, and how often it was rested for it today."""

    sending_domain_id: int
    provider: str
    block: str
    lately: int
    brakes: int
    is_braked: bool


def refusals(session: Session, *, tenant_id: int, within: timedelta) -> list[Refusals]:
    """Return the blocks that a tenant's messages met lately, by sending domain and mailbox provider."""
    found = rows(
        session,
        """SELECT c.sending_domain_id, d.provider, f.detail ->> 'block' AS block, count(*) AS lately,
                  coalesce(max(s.brakes) FILTER (WHERE s.brake = f.detail ->> 'block' AND s.braked_on = wall.today), 0)
                      AS brakes,
                  coalesce(bool_or(s.braked_until > clock_timestamp()), false) AS is_braked
           FROM delivery_fact f
           JOIN delivery d ON d.tenant_id = f.tenant_id AND d.id = f.delivery_id
           JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
           JOIN tenant t ON t.id = f.tenant_id
           CROSS JOIN LATERAL (SELECT (clock_timestamp() AT TIME ZONE t.time_zone)::date AS today) AS wall
           LEFT JOIN provider_standing s ON s.tenant_id = f.tenant_id AND s.sending_domain_id = c.sending_domain_id
                AND s.provider = d.provider
           WHERE f.tenant_id = :tenant_id AND f.fact IN ('delay', 'bounce_transient', 'bounce_block')
             AND f.last_at > clock_timestamp() - :within AND f.detail ? 'block'
           GROUP BY c.sending_domain_id, d.provider, f.detail ->> 'block'""",
        tenant_id=tenant_id,
        within=within,
    )
    return [Refusals(**row) for row in found]


def brake(session: Session, *, tenant_id: int, refusals: Refusals, rest: timedelta) -> None:
    """Let a provider rest. Rests of one block are counted on the tenant's day, since each is longer than the one before."""
    run(
        session,
        """INSERT INTO provider_standing AS s
               (tenant_id, sending_domain_id, provider, braked_until, brake, brakes, braked_on)
           SELECT id, :sending_domain_id, :provider, clock_timestamp() + :rest, :block, 1,
                  (clock_timestamp() AT TIME ZONE time_zone)::date FROM tenant WHERE id = :tenant_id
           ON CONFLICT (tenant_id, sending_domain_id, provider) DO UPDATE
           SET braked_until = excluded.braked_until, brake = excluded.brake, brakes = :brakes + 1,
               braked_on = excluded.braked_on""",
        tenant_id=tenant_id,
        sending_domain_id=refusals.sending_domain_id,
        provider=refusals.provider,
        rest=rest,
        block=refusals.block,
        brakes=refusals.brakes,
    )


def rests(session: Session, *, tenant_id: int, sending_domain_id: int) -> dict[str, tuple[str, timedelta]]:
    """Return the providers that rest, each with its block and how long it still does."""
    found = rows(
        session,
        """SELECT provider, brake, braked_until - clock_timestamp() AS still FROM provider_standing
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id
             AND braked_until > clock_timestamp()""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
    )
    return {row["provider"]: (row["brake"], row["still"]) for row in found}


def wake(session: Session, *, tenant_id: int, sending_domain_id: int, provider: str) -> bool:
    """End a provider's rest; return whether it rested."""
    row = one(
        session,
        """UPDATE provider_standing SET braked_until = NULL WHERE tenant_id = :tenant_id
           AND sending_domain_id = :sending_domain_id AND provider = :provider AND braked_until > clock_timestamp()
           RETURNING provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        provider=provider,
    )
    return row is not None


STOPPED = "breaker"  # a rest that only a person ends; others are named after the block that they answer
_UNTIL_A_PERSON = timedelta(days=3653)


def stop(session: Session, *, tenant_id: int, provider: str) -> None:
    """Let a provider rest at all of a tenant's sending domains until a person ends it (`go_on`)."""
    run(
        session,
        """INSERT INTO provider_standing AS s (tenant_id, sending_domain_id, provider, braked_until, brake)
           SELECT tenant_id, id, :provider, clock_timestamp() + :rest, :brake FROM sending_domain
           WHERE tenant_id = :tenant_id
           ON CONFLICT (tenant_id, sending_domain_id, provider) DO UPDATE
           SET braked_until = excluded.braked_until, brake = excluded.brake""",
        tenant_id=tenant_id,
        provider=provider,
        rest=_UNTIL_A_PERSON,
        brake=STOPPED,
    )


def go_on(session: Session, *, tenant_id: int, provider: str) -> None:
    """End a provider's rest at all of a tenant's sending domains, if a breaker began it."""
    run(
        session,
        """UPDATE provider_standing SET braked_until = NULL
           WHERE tenant_id = :tenant_id AND provider = :provider AND brake = :brake AND braked_until > clock_timestamp()""",
        tenant_id=tenant_id,
        provider=provider,
        brake=STOPPED,
    )
