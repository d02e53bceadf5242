"""Sending domains: their rung, and the allowances of their days."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from core.allowances import ALL
from core.errors import NotFoundError
from core.warmup import DayReport
from store.session import Row, count, one, rows, run


# The rules of a day that began before yesterday was judged: on its rung, with the pace that was decided last, with a first one.
RUNG, PACE, START = "rung", "pace", "start"
UNDECIDED = (RUNG, PACE, START)
OPERATOR = "operator"  # the rule of a day that a person has set
UNLIMITED = 2**62  # the allowance of the day on which a domain became warm


def add(
    session: Session,
    *,
    tenant_id: int,
    domain: str,
    schedule: str | None,
    rung: int | None = None,
    known_daily_volume: int = 0,
    started_on: date | None = None,
) -> int:
    """Store a sending domain and return its id; one that exists keeps its schedule and rung."""
    row = one(
        session,
        """INSERT INTO sending_domain (tenant_id, domain, schedule, rung, known_daily_volume, warmup_started_on)
           VALUES (:tenant_id, :domain, :schedule, :rung, :known_daily_volume, :started_on)
           ON CONFLICT (tenant_id, domain) DO UPDATE SET domain = excluded.domain RETURNING id""",
        tenant_id=tenant_id,
        domain=domain,
        schedule=schedule,
        rung=rung,
        known_daily_volume=known_daily_volume,
        started_on=started_on,
    )
    assert row is not None
    return int(row["id"])


def of_tenant(session: Session, *, tenant_id: int) -> Sequence[Row]:
    """Return the tenant's sending domains: id, domain, schedule, rung, warmup_started_on."""
    return rows(
        session,
        """SELECT id, domain, schedule, rung, warmup_started_on FROM sending_domain
           WHERE tenant_id = :tenant_id ORDER BY domain""",
        tenant_id=tenant_id,
    )


def by_name(session: Session, *, tenant_id: int, domain: str) -> Row:
    """Return a sending domain: id, domain, schedule, rung.

    Raises:
        NotFoundError: The tenant has no such sending domain.
    """
    row = one(
        session,
        "SELECT id, domain, schedule, rung FROM sending_domain WHERE tenant_id = :tenant_id AND domain = :domain",
        tenant_id=tenant_id,
        domain=domain,
    )
    if row is None:
        raise NotFoundError(
            f"{domain} is not a sending domain of this tenant", hint="posthouse warmup show TENANT"
        )
    return row


def local_now(session: Session, *, tenant_id: int) -> datetime:
    """Return the database's clock on the tenant's wall, naive: its date is the day of an allowance."""
    row = one(
        session,
        "SELECT clock_timestamp() AT TIME ZONE time_zone AS now FROM tenant WHERE id = :tenant_id",
        tenant_id=tenant_id,
    )
    assert row is not None
    now: datetime = row["now"]
    return now


def standing_of(session: Session, *, tenant_id: int, sending_domain_id: int) -> Row:
    """Return how a sending domain warms up: schedule, rung, known_daily_volume. A warm one has neither schedule nor rung."""
    row = one(
        session,
        """SELECT schedule, rung, known_daily_volume FROM sending_domain
           WHERE tenant_id = :tenant_id AND id = :sending_domain_id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
    )
    assert row is not None
    return row


def rung_of(session: Session, *, tenant_id: int, sending_domain_id: int) -> int | None:
    """Return the rung of a domain whose schedule has rungs, else None."""
    standing = standing_of(session, tenant_id=tenant_id, sending_domain_id=sending_domain_id)
    rung: int | None = standing["rung"]
    return rung


def day_report(session: Session, *, tenant_id: int, sending_domain_id: int, day: date) -> DayReport | None:
    """Return what became of one day's messages; None when the day had no allowance."""
    row = one(
        session,
        """WITH day AS (
               SELECT allowance, (on_day::timestamp AT TIME ZONE t.time_zone) AS begins,
                      ((on_day + 1)::timestamp AT TIME ZONE t.time_zone) AS ends
               FROM warmup_allowance w JOIN tenant t ON t.id = w.tenant_id
               WHERE w.tenant_id = :tenant_id AND w.sending_domain_id = :sending_domain_id
                 AND w.on_day = :day AND w.provider = :provider
           ), accepted AS (
               SELECT d.id FROM day, delivery d JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
               WHERE d.tenant_id = :tenant_id AND c.sending_domain_id = :sending_domain_id
                 AND d.state IN ('sent', 'unconfirmed') AND d.submitted_at >= day.begins AND d.submitted_at < day.ends
           )
           SELECT (SELECT allowance FROM day) AS allowance, (SELECT count(*) FROM accepted) AS accepted,
                  count(*) FILTER (WHERE f.fact = 'delivery') AS delivered,
                  count(*) FILTER (WHERE f.fact = 'bounce_permanent') AS hard_bounced,
                  count(*) FILTER (WHERE f.fact = 'delay') AS delayed,
                  count(*) FILTER (WHERE f.fact = 'complaint') AS complained
           FROM accepted LEFT JOIN delivery_fact f ON f.tenant_id = :tenant_id AND f.delivery_id = accepted.id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        provider=ALL,
    )
    return None if row is None or row["allowance"] is None else DayReport(**row)


def decide_day(
    session: Session,
    *,
    tenant_id: int,
    sending_domain_id: int,
    day: date,
    allowance: int | None,
    rule: str,
    evidence: Mapping[str, Any],
    provider: str = ALL,
) -> bool:
    """Give a day its cap, None for no limit, with the rule and the evidence beside it; return whether it was undecided.

    A day that began on yesterday's cap is raised or lowered, never below what it has used. A day is decided once.
    """
    decided = count(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule, evidence)
           VALUES (:tenant_id, :sending_domain_id, :day, :provider, :allowance, :rule, CAST(:evidence AS jsonb))
           ON CONFLICT (tenant_id, sending_domain_id, on_day, provider) DO UPDATE
           SET allowance = greatest(excluded.allowance, warmup_allowance.used), rule = excluded.rule,
               evidence = excluded.evidence
           WHERE warmup_allowance.rule = ANY(:undecided)""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        provider=provider,
        allowance=UNLIMITED if allowance is None else allowance,
        rule=rule,
        evidence=json.dumps(dict(evidence), default=str),
        undecided=list(UNDECIDED),
    )
    return bool(decided)


def set_rung(session: Session, *, tenant_id: int, sending_domain_id: int, rung: int | None) -> None:
    """Put a domain on a rung of its schedule; without one it is warm."""
    run(
        session,
        """UPDATE sending_domain SET rung = :rung, schedule = CASE WHEN CAST(:rung AS int) IS NOT NULL THEN schedule END
           WHERE tenant_id = :tenant_id AND id = :sending_domain_id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        rung=rung,
    )


def set_schedule(
    session: Session, *, tenant_id: int, sending_domain_id: int, schedule: str | None, rung: int | None
) -> None:
    """Let a domain warm up in another way from its next undecided day on; None is warm."""
    run(
        session,
        """UPDATE sending_domain SET schedule = :schedule, rung = :rung,
               warmup_started_on = CASE WHEN CAST(:schedule AS text) IS NOT NULL THEN coalesce(warmup_started_on, current_date) END
           WHERE tenant_id = :tenant_id AND id = :sending_domain_id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        schedule=schedule,
        rung=rung,
    )


def drop_caps(session: Session, *, tenant_id: int, sending_domain_id: int, day: date) -> None:
    """Take a day's caps away; its messages are counted by the ledger as ever."""
    run(
        session,
        """DELETE FROM warmup_allowance
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id AND on_day = :day""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
    )


def set_day(
    session: Session,
    *,
    tenant_id: int,
    sending_domain_id: int,
    day: date,
    allowance: int,
    evidence: dict[str, Any],
    provider: str = ALL,
) -> int:
    """Give a day the allowance that a person wants, never below what is used; return what it is now.

    The day counts as decided. A domain that is warm has an allowance on this day, too.
    """
    row = one(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule, evidence)
           VALUES (:tenant_id, :sending_domain_id, :day, :provider, :allowance, :rule, CAST(:evidence AS jsonb))
           ON CONFLICT (tenant_id, sending_domain_id, on_day, provider) DO UPDATE
           SET allowance = greatest(excluded.allowance, warmup_allowance.used), rule = excluded.rule,
               evidence = excluded.evidence
           RETURNING allowance""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        provider=provider,
        allowance=allowance,
        rule=OPERATOR,
        evidence=json.dumps(evidence, default=str),
    )
    assert row is not None
    return int(row["allowance"])


def rule_of(
    session: Session, *, tenant_id: int, sending_domain_id: int, day: date, provider: str = ALL
) -> str | None:
    """Return the rule that gave a day its allowance; None when it has none."""
    row = one(
        session,
        """SELECT rule FROM warmup_allowance WHERE tenant_id = :tenant_id AND on_day = :day
           AND sending_domain_id = :sending_domain_id AND provider = :provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        provider=provider,
    )
    return None if row is None else str(row["rule"])


def is_decided(
    session: Session, *, tenant_id: int, sending_domain_id: int, day: date, provider: str = ALL
) -> bool:
    """Whether the day's allowance was decided already."""
    rule = rule_of(
        session, tenant_id=tenant_id, sending_domain_id=sending_domain_id, day=day, provider=provider
    )
    return rule not in {None, *UNDECIDED}


def last_day_before(session: Session, *, tenant_id: int, sending_domain_id: int, day: date) -> date | None:
    """Return the newest day before `day` that had an allowance."""
    row = one(
        session,
        """SELECT max(on_day) AS last FROM warmup_allowance WHERE tenant_id = :tenant_id
           AND sending_domain_id = :sending_domain_id AND on_day < :day""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
    )
    last: date | None = row["last"] if row else None
    return last


def days(session: Session, *, tenant_id: int, sending_domain_id: int, limit: int = 30) -> Sequence[Row]:
    """Return the newest days first: on_day, provider, allowance, used, rule, evidence."""
    return rows(
        session,
        """SELECT on_day, provider, nullif(allowance, :unlimited) AS allowance, used, rule, evidence
           FROM warmup_allowance
           WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id
           ORDER BY on_day DESC, provider LIMIT :limit""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        limit=limit,
        unlimited=UNLIMITED,
    )
