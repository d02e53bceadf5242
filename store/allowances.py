"""Allowances of a sending domain's days: opened, locked, used and given back, in the transactions of the calls.

A day is a date on the tenant's wall, so that a night in which the clocks change is a day like any other. Rows are locked
in order of provider, so that two transactions never wait for each other in a circle.

See:
    core/allowances.py for who is admitted; store/sending_domains.py and store/standings.py for how a day's caps are decided.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from core import warmup, warmup_controller
from core.allowances import ALL
from core.warmup_controller import Pace
from core.warmup_schedule import ADAPTIVE, steps
from core.warmup_shape import room_this_hour
from store import standings
from store.sending_domains import PACE, RUNG, START, standing_of
from store.session import Row, one, rows, run


@dataclass(frozen=True, slots=True)
class Day:
    """A day on the tenant's wall, and what holds a sending domain on it.

    Attributes:
        on: The date.
        hour: Of the wall, from 0 to 23.
        next_hour_in: How long until the wall's next hour.
        schedule: How the domain warms up (`core.warmup_schedule`); None for a warm one.
        is_limited: Whether its messages need tokens. On the day on which a domain became warm they still do, so that what it
            has used goes on being counted.
        rests: How long each mailbox provider that rests still does.
    """

    on: date
    hour: int
    next_hour_in: timedelta
    schedule: str | None
    is_limited: bool
    rests: Mapping[str, timedelta]

    @property
    def hours_left(self) -> int:
        """Return the hours until midnight, this one included."""
        return 24 - self.hour

    @property
    def ends_in(self) -> timedelta:
        """Return how long until midnight; on a day on which the clocks change, perhaps an hour too many or too few."""
        return self.next_hour_in + timedelta(hours=self.hours_left - 1)


def today(session: Session, *, tenant_id: int, sending_domain_id: int) -> Day:
    """Return what day it is for a sending domain."""
    row = one(
        session,
        """SELECT wall.now::date AS day, extract(hour FROM wall.now)::int AS hour, d.schedule,
               date_trunc('hour', wall.now) + interval '1 hour' - wall.now AS next_hour_in,
               d.schedule IS NOT NULL OR EXISTS (
                   SELECT FROM warmup_allowance w WHERE w.tenant_id = d.tenant_id AND w.sending_domain_id = d.id
                     AND w.on_day = wall.now::date) AS limited,
               (SELECT jsonb_object_agg(s.provider, extract(epoch FROM s.braked_until - clock_timestamp()))
                FROM provider_standing s WHERE s.tenant_id = d.tenant_id AND s.sending_domain_id = d.id
                  AND s.braked_until > clock_timestamp()) AS rests
           FROM tenant t JOIN sending_domain d ON d.tenant_id = t.id,
                LATERAL (SELECT clock_timestamp() AT TIME ZONE t.time_zone AS now) AS wall
           WHERE t.id = :tenant_id AND d.id = :sending_domain_id""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
    )
    assert row is not None
    rests = {provider: timedelta(seconds=seconds) for provider, seconds in (row["rests"] or {}).items()}
    return Day(row["day"], row["hour"], row["next_hour_in"], row["schedule"], row["limited"], rests)


def open_day(
    session: Session, *, tenant_id: int, sending_domain_id: int, day: Day, planned: Mapping[str, int]
) -> None:
    """Make the day's caps that nobody has made yet; a warm domain gets none.

    Args:
        session: The caller's transaction.
        tenant_id: Whose domain.
        sending_domain_id: The domain.
        day: What `today` has returned.
        planned: Messages by mailbox provider that want to leave. One that the domain has never sent to begins its warm-up
            at its share of what receivers know already.
    """
    key = {"tenant_id": tenant_id, "sending_domain_id": sending_domain_id}
    if day.schedule == ADAPTIVE:
        met = {each.provider for each in standings.paced(session, **key)}
        paces = standings.start_paces(session, **key, day=day.on, starts=_starts(session, key, planned))
        caps = {provider: paces[provider].cap for provider in planned}
        rules = {provider: PACE if provider in met else START for provider in planned}
        _insert(session, key, day.on, caps, rules)
    elif day.schedule is not None:
        _insert(session, key, day.on, _of_rung(session, key, day.schedule), {ALL: RUNG})


def _starts(session: Session, key: Mapping[str, int], planned: Mapping[str, int]) -> dict[str, Pace]:
    known = standing_of(session, **key)["known_daily_volume"]
    total = sum(planned.values()) or 1
    return {
        provider: warmup_controller.start(known * number // total) for provider, number in planned.items()
    }


def _of_rung(session: Session, key: Mapping[str, int], schedule: str) -> dict[str, int]:
    rung = standing_of(session, **key)["rung"]
    return {ALL: warmup.allowance(rung, steps(schedule)) or 0}


_WHY = {
    RUNG: "The day began with {cap:,}, on the rung of the day before.",
    PACE: "The day began with {cap:,}, as was decided last.",
    START: "Begins at {cap:,}: the first day at {provider}.",
}


def _insert(
    session: Session, key: Mapping[str, int], day: date, caps: Mapping[str, int], rules: Mapping[str, str]
) -> None:
    run(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule, evidence)
           SELECT :tenant_id, :sending_domain_id, :day, c.provider, c.cap, c.rule, jsonb_build_object('why', c.why)
           FROM unnest(CAST(:providers AS text[]), CAST(:caps AS bigint[]), CAST(:rules AS text[]), CAST(:why AS text[]))
                AS c (provider, cap, rule, why)
           ORDER BY c.provider ON CONFLICT DO NOTHING""",
        **key,
        day=day,
        providers=list(caps),
        caps=list(caps.values()),
        rules=[rules[provider] for provider in caps],
        why=[_WHY[rules[each]].format(cap=cap, provider=each) for each, cap in caps.items()],
    )


def left(session: Session, *, tenant_id: int, sending_domain_id: int, day: Day) -> dict[str, int]:
    """Return what may leave now under the day's caps, by mailbox provider, `core.allowances.ALL` for all together.

    A provider that rests has nothing. Without caps and rests there are no entries.
    """
    caps = _caps(session, tenant_id, sending_domain_id, day)
    return {cap.provider: cap.now for cap in caps} | dict.fromkeys(day.rests, 0)


def locked(session: Session, *, tenant_id: int, sending_domain_id: int, day: Day) -> dict[str, int]:
    """Return what may leave, as `left` does, and keep others from using it until the transaction ends."""
    caps = _caps(session, tenant_id, sending_domain_id, day, lock="FOR UPDATE")
    return {cap.provider: cap.now for cap in caps} | dict.fromkeys(day.rests, 0)


def reopens_in(
    session: Session, *, tenant_id: int, sending_domain_id: int, day: Day, providers: Collection[str]
) -> timedelta | None:
    """Return how long until one of these mailbox providers, who take nothing now, takes more today.

    That is the next hour or the end of a rest; None when today's caps are used, so that they go on tomorrow.
    """
    caps = {cap.provider: cap for cap in _caps(session, tenant_id, sending_domain_id, day)}
    waits = []
    for provider in providers:
        over_it = [caps[key] for key in (ALL, provider) if key in caps]
        if all(cap.today > 0 for cap in over_it):
            is_full = any(cap.now <= 0 for cap in over_it)
            hour = day.next_hour_in if is_full else timedelta(0)
            waits.append(max(hour, day.rests.get(provider, timedelta(0))))
    return min(waits, default=None)


@dataclass(frozen=True, slots=True)
class _Cap:
    provider: str
    today: int  # what is left of the day
    now: int  # what is left of the hour
    used: int = 0  # of the day


def _caps(session: Session, tenant_id: int, sending_domain_id: int, day: Day, lock: str = "") -> list[_Cap]:
    found = rows(
        session,
        f"""SELECT provider, allowance, used, CASE WHEN hour = :hour THEN used_this_hour ELSE 0 END AS used_this_hour
            FROM warmup_allowance
            WHERE tenant_id = :tenant_id AND sending_domain_id = :sending_domain_id AND on_day = :day
            ORDER BY provider {lock}""",  # noqa: S608  # our own words
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day.on,
        hour=day.hour,
    )
    return [_cap(row, day.hours_left) for row in found]


def _cap(row: Row, hours_left: int) -> _Cap:
    now = room_this_hour(
        row["allowance"],
        used_today=row["used"],
        used_this_hour=row["used_this_hour"],
        hours_left=hours_left,
    )
    return _Cap(row["provider"], row["allowance"] - row["used"], now, row["used"])


def left_today(
    session: Session, *, tenant_id: int, sending_domain_id: int, planned: Mapping[str, int]
) -> int | None:
    """Return how many of these messages today's caps still admit, or would on a day that nobody has opened; None without caps.

    Args:
        session: The caller's transaction.
        tenant_id: Whose domain.
        sending_domain_id: The domain.
        planned: Messages by mailbox provider that wait.
    """
    key = {"tenant_id": tenant_id, "sending_domain_id": sending_domain_id}
    day = today(session, **key)
    caps = _unopened(session, key, day, planned) | {
        cap.provider: cap.today for cap in _caps(session, tenant_id, sending_domain_id, day)
    }
    if not caps:
        return None
    fits = sum(min(number, max(caps.get(provider, number), 0)) for provider, number in planned.items())
    return min(fits, max(caps.get(ALL, fits), 0))


@dataclass(frozen=True, slots=True)
class Today:
    """A cap of today: what it still admits, and what it has admitted."""

    left: int
    used: int


def today_caps(
    session: Session, *, tenant_id: int, sending_domain_id: int, planned: Mapping[str, int]
) -> dict[str, Today]:
    """Return today's caps by mailbox provider, `core.allowances.ALL` for all together; of a day that nobody has opened, too."""
    key = {"tenant_id": tenant_id, "sending_domain_id": sending_domain_id}
    day = today(session, **key)
    unopened = {each: Today(cap, 0) for each, cap in _unopened(session, key, day, planned).items()}
    return unopened | {
        cap.provider: Today(cap.today, cap.used) for cap in _caps(session, tenant_id, sending_domain_id, day)
    }


def _unopened(
    session: Session, key: Mapping[str, int], day: Day, planned: Mapping[str, int]
) -> dict[str, int]:
    """Return what `open_day` would make, without making it."""
    if day.schedule is None:
        return {}
    if day.schedule != ADAPTIVE:
        return _of_rung(session, key, day.schedule)
    paces = {each.provider: each.pace for each in standings.paced(session, **key)}
    return {each: pace.cap for each, pace in (_starts(session, key, planned) | paces).items()}


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
           UPDATE warmup_allowance w SET used = w.used + locked.tokens,
               hour = CASE WHEN locked.tokens > 0 THEN wall.hour ELSE w.hour END,
               used_this_hour = CASE WHEN w.hour = wall.hour THEN greatest(w.used_this_hour + locked.tokens, 0)
                                     WHEN locked.tokens > 0 THEN locked.tokens ELSE w.used_this_hour END
           FROM locked, (SELECT extract(hour FROM clock_timestamp() AT TIME ZONE time_zone)::int AS hour
                         FROM tenant WHERE id = :tenant_id) AS wall
           WHERE w.tenant_id = :tenant_id AND w.sending_domain_id = :sending_domain_id AND w.on_day = :day
             AND w.provider = locked.provider""",
        tenant_id=tenant_id,
        sending_domain_id=sending_domain_id,
        day=day,
        providers=list(changed),
        tokens=list(changed.values()),
    )
