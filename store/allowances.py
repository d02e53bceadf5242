"""Allowances of a sending domain's days: opened, locked, used and given back, in the transactions of the calls.

A day is a date on the tenant's wall, so that a night in which the clocks change is a day like any other. Rows are locked
in order of provider, so that two transactions never wait for each other in a circle.

See:
    core/allowances.py for who is admitted; store/sending_domains.py for how a day's cap is decided.
"""

from collections.abc import Mapping
from datetime import date

from sqlmodel import Session

from core import warmup
from core.allowances import ALL
from store.sending_domains import UNDECIDED, local_now, rung_of
from store.session import one, rows, run


def today(session: Session, *, tenant_id: int, sending_domain_id: int) -> tuple[date, bool]:
    """Return the day on the tenant's wall, and whether its messages need an allowance, as those of a warm domain do not.

    On the day on which a domain became warm there still is one, and what it has used goes on being counted.
    """
    row = one(
        session,
        """SELECT wall.day, d.rung IS NOT NULL OR EXISTS (
               SELECT FROM warmup_allowance w WHERE w.tenant_id = d.tenant_id AND w.sending_domain_id = d.id
                 AND w.on_day = wall.day) AS limited
           FROM tenant t JOIN sending_domain d ON d.tenant_id = t.id,
                LATERAL (SELECT (clock_timestamp() AT TIME ZONE t.time_zone)::date AS day) AS wall
           WHERE t.id = :tenant_id AND d.id = :sending_domain_id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
    )
    assert row is not None
    return row["day"], row["limited"]


def open_day(session: Session, *, tenant_id: int, sending_domain_id: int) -> bool:
    """Make today's allowance from the domain's rung if there is none yet; return False when the domain is warm."""
    rung = rung_of(session, tenant_id=tenant_id, sending_domain_id=sending_domain_id)
    allowance = warmup.allowance(rung)
    if allowance is None:
        return False
    run(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule)
           VALUES (:tenant_id, :sending_domain_id, :day, :provider, :allowance, :undecided)
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=local_now(session, tenant_id=tenant_id).date(),
        provider=ALL,
        allowance=allowance,
        undecided=UNDECIDED,
    )
    return True


def left(session: Session, *, tenant_id: int, sending_domain_id: int, day: date) -> dict[str, int]:
    """Return what is left of a day's caps by provider, `core.allowances.ALL` for all together; no caps, no entries."""
    return _left(session, tenant_id, sending_domain_id, day)


def locked(session: Session, *, tenant_id: int, sending_domain_id: int, day: date) -> dict[str, int]:
    """Return what is left, as `left` does, and keep others from using it until the transaction ends."""
    return _left(session, tenant_id, sending_domain_id, day, lock="FOR UPDATE")


def _left(
    session: Session, tenant_id: int, sending_domain_id: int, day: date, lock: str = ""
) -> dict[str, int]:
    found = rows(
        session,
        f"""SELECT provider, allowance - used AS left FROM warmup_allowance
            WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id AND on_day = :day
            ORDER BY provider {lock}""",  # noqa: S608  # our own words
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
    )
    return {row["provider"]: int(row["left"]) for row in found}


def left_or_allowed(session: Session, *, tenant_id: int, sending_domain_id: int) -> int | None:
    """Return what is left of today for all providers together, or what the rung would allow on a day that nobody has opened.

    None when no cap holds the domain.
    """
    key = {"tenant_id": tenant_id, "sending_domain_id": sending_domain_id}
    day, _ = today(session, **key)
    return left(session, **key, day=day).get(ALL, warmup.allowance(rung_of(session, **key)))


def use(
    session: Session, *, tenant_id: int, sending_domain_id: int, day: date, tokens: Mapping[str, int]
) -> None:
    """Take tokens of a day's caps, or give them back where the number is negative; a cap that is not there has none.

    Tokens are given back of messages that are proven unsent. A message in doubt keeps its tokens.
    """
    changed = {provider: number for provider, number in tokens.items() if number}
    if not changed:
        return
    run(
        session,
        """WITH locked AS MATERIALIZED (
               SELECT w.provider, t.tokens FROM warmup_allowance w
               JOIN unnest(CAST(:providers AS text[]), CAST(:tokens AS bigint[])) AS t (provider, tokens) USING (provider)
               WHERE w.tenant_id = :tenant_id AND w.sending_domain_id = :sending_domain_id AND w.on_day = :day
               ORDER BY w.provider FOR UPDATE OF w
           )
           UPDATE warmup_allowance w SET used = w.used + locked.tokens FROM locked
           WHERE w.tenant_id = :tenant_id AND w.sending_domain_id = :sending_domain_id AND w.on_day = :day
             AND w.provider = locked.provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        providers=list(changed),
        tokens=list(changed.values()),
    )
