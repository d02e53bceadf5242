"""Counts for the breakers: what one delivery's facts add to them, so that they can be kept without counting again.

A count that is moved by each event is wrong after the first duplicate, and one that reads the campaign for each batch of events
is too dear. Here a delivery's part is a function of its facts alone. Whoever folds events into a delivery adds its part of
after, less its part of before: whatever came twice or late changes no facts, and so no counts.

Terms:
    part: what one delivery adds. Nothing before it is resolved.
    cell: what parts are added up by: campaign, mailbox provider, and the day (UTC) on which SES took the message.
    first: the first fifty of a campaign's resolved messages, by when SES took them.
    abreast: what is delivered is known up to the newest hit, so that hits may be held against it.

Invariants:
    The sum of all changes is the sum of the parts of all deliveries, for any events in any order, number and batches.
    Hits never outnumber the resolved: a complaint comes from a mailbox that has the message, and so resolves it.
    Days are those of the sending and not of the report. Hits and resolved are then of the same messages, and late complaints
    cannot meet a week in which nothing was sent.
    Nobody is judged by bounces whose deliveries still wait on another queue: two bounces would be two of two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from core.breakers import FIRST_MESSAGES, Counts
from core.facts import Fact, Facts


WINDOW_DAYS: Final = 7
RESOLVING: Final = frozenset({Fact.DELIVERY, Fact.BOUNCE_PERMANENT, Fact.COMPLAINT})

# Bounces travel on the urgent queue, deliveries on the other. Where nothing at all is delivered, nobody waits for longer.
STREAM_PATIENCE: Final = timedelta(minutes=15)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


Days = dict[date, Counts]


class Cell(NamedTuple):
    """What parts are added up by."""

    campaign_id: int
    provider: str
    day: date


class Placed(NamedTuple):
    """A resolved message, by when SES took it: microseconds since 1970."""

    micros: int
    delivery_id: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A delivery whose facts have changed: whose it is, and the facts of before and after."""

    delivery_id: int
    campaign_id: int
    provider: str
    before: Facts
    after: Facts


def part(facts: Facts) -> Counts:
    """Return what a delivery with these facts adds."""
    return Counts(
        resolved=int(bool(RESOLVING.intersection(facts))),
        bounced=int(Fact.BOUNCE_PERMANENT in facts),
        complained=int(Fact.COMPLAINT in facts),
    )


def changes(moved: Iterable[Moved]) -> dict[Cell, Counts]:
    """Return how much each cell grows; a message whose day turns out to be another one leaves the day that it was in."""
    grown: dict[Cell, Counts] = {}
    for one in moved:
        for facts, sign in ((one.before, -1), (one.after, 1)):
            counts = part(facts)
            if counts.resolved:
                cell = Cell(one.campaign_id, one.provider, _taken_at(facts).astimezone(UTC).date())
                grown[cell] = grown.get(cell, Counts()) + scaled(counts, sign)
    return {cell: counts for cell, counts in grown.items() if counts != Counts()}


def placed(moved: Iterable[Moved]) -> dict[int, list[Placed]]:
    """Return the resolved messages among these, by campaign."""
    found: dict[int, list[Placed]] = {}
    for one in moved:
        if part(one.after).resolved:
            micros = (_taken_at(one.after) - _EPOCH) // timedelta(microseconds=1)
            found.setdefault(one.campaign_id, []).append(Placed(micros, one.delivery_id))
    return found


def first_of(known: Iterable[Placed], more: Iterable[Placed]) -> list[Placed]:
    """Return the first fifty of both; of a message that is named twice the earlier time counts."""
    earliest: dict[int, int] = {}
    for micros, delivery_id in (*known, *more):
        earliest[delivery_id] = min(micros, earliest.get(delivery_id, micros))
    return sorted(Placed(micros, delivery_id) for delivery_id, micros in earliest.items())[:FIRST_MESSAGES]


def are_abreast(*, hit_at: datetime | None, delivered_at: datetime | None, now: datetime) -> bool:
    """Whether what is delivered is known as far as the bounces and complaints are.

    Args:
        hit_at: The time of the newest bounce or complaint that is known; None when there is none.
        delivered_at: The time of the newest delivery that is known.
        now: The clock; hits that are older than `STREAM_PATIENCE` wait for no delivery any more.
    """
    if hit_at is None or (delivered_at is not None and hit_at <= delivered_at):
        return True
    return now - hit_at >= STREAM_PATIENCE


def together(of_providers: Iterable[Days]) -> Days:
    """Return counts by day, those of several providers added up."""
    total: Days = {}
    for days in of_providers:
        for day, counts in days.items():
            total[day] = total.get(day, Counts()) + counts
    return total


def scaled(counts: Counts, by: int) -> Counts:
    """Return counts so many times."""
    return Counts(
        resolved=by * counts.resolved, bounced=by * counts.bounced, complained=by * counts.complained
    )


# A person lets a sender go on


def base_of(days: Mapping[date, Counts], complained_of_first: int = 0) -> dict[str, list[int]]:
    """Return counts by day as they are kept when a person lets a sender go on: only what comes after them counts."""
    base = {
        day.isoformat(): [counts.resolved, counts.bounced, counts.complained] for day, counts in days.items()
    }
    return base | {"first": [complained_of_first]}


def since(days: Mapping[date, Counts], base: Mapping[str, Sequence[int]]) -> Counts:
    """Return what was added to these days since they were kept; a day that has shrunk meanwhile counts nothing."""
    total = Counts()
    for day, counts in days.items():
        resolved, bounced, complained = base.get(day.isoformat(), (0, 0, 0))
        total += Counts(
            resolved=max(counts.resolved - resolved, 0),
            bounced=max(counts.bounced - bounced, 0),
            complained=max(counts.complained - complained, 0),
        )
    return total


def _taken_at(facts: Facts) -> datetime:
    """Return when SES took the message; every event brings the fact along."""
    taken = facts.get(Fact.SENT)
    return taken.first_at if taken else min(seen.first_at for seen in facts.values())
