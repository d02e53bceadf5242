"""Fairness: whose turn it is when the account's rate admits somebody, so that a large campaign holds up nobody.

All senders of a region take from one rate (`core.pacing`). Without turns it goes to whoever asks first, and a tenant with
eight processes gets eight parts where another gets one. The rule is start-time fair queueing, over tenants and, within a
tenant, over its campaigns:

- A grant of n messages to a tenant moves its finish tag by n / weight. Its start tag is that, or the virtual time if that is
  later: who did not want anything saves nothing.
- Whoever asks while somebody with a smaller start tag is waiting is told to ask again at once. Nobody else is ever refused,
  so the rate is never idle for one who is busy calling SES.
- Tests and campaigns of at most a thousand messages go first, on an express lane that takes at most a fifth of the rate.
  What they take there is charged to their tenant all the same. When the lane is used, they stand in line like all others.

A refused asker promises to be back at a certain time. One who is a second late has died, or been paused: the others go on
without it, and its place is as it was.

Terms:
    tag: a place in the order of service, in messages for each unit of weight.
    virtual time: how far the service of those who wait has come: the smallest of their start tags.
    turn: how a tenant stands in line, with the places of its campaigns.
    lane: the express lane. It is open while its own limiter, at a fifth of the rate, is due.

Invariants:
    Of those who wait and come back, one at least is not refused: there is no deadlock.
    While two tenants wait for all they can get, their service, each divided by its weight, differs by at most a window of
        each, and by what the lane gave.
    In any stretch the lane gives at most a fifth of the rate and one window.
    No start tag of one who waits lies before the virtual time, and the virtual time never goes back.

Standards:
    Goyal, Vin, Cheng, "Start-time Fair Queueing" (SIGCOMM 1996). Here the virtual time is the smallest start tag of those who
    wait in place of that of whom is served: the same, unless the express lane serves another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from core.pacing import LONGEST_GRANT, Grant


EXPRESS_MESSAGES: Final = 1_000
EXPRESS_SHARE: Final = 0.2
TESTS: Final = 0  # where tests to seeds stand among a tenant's campaigns; no campaign has this id
ABSENCE: Final = timedelta(seconds=1)  # how late a waiting one may be before the others go on without it
POLL: Final = timedelta(milliseconds=10)
STAGGER: Final = timedelta(milliseconds=3)  # so that the first in line is the first to ask
TURN: Final = "turn"  # why somebody is not granted anything: another is next


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for a window: a campaign, or a tenant's tests."""

    tenant_id: int
    campaign_id: int
    weight: float = 1.0
    is_express: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a campaign stands among those of its tenant."""

    finish: float = 0.0
    back_at: datetime | None = None  # None: it does not wait
    is_express: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How a tenant stands among the tenants."""

    finish: float = 0.0
    virtual_time: float = 0.0  # of its campaigns
    campaigns: Mapping[int, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Who waits for an account's rate, by tenant."""

    virtual_time: float
    express_due_at: datetime
    turns: Mapping[int, Turn]

    def turn(self, tenant_id: int) -> Turn:
        """Return how a tenant stands; one that nobody knows is new."""
        return self.turns.get(tenant_id, Turn())


def decide(line: Line, asker: Asker, grant: Grant, per_second: float, now: datetime) -> tuple[Grant, Line]:
    """Return what an asker gets of a grant that the rate would give it, and how everybody stands after it.

    Args:
        line: As it stands.
        asker: Who asks.
        grant: What `core.pacing.reserve` says.
        per_second: The account's rate now.
        now: By the clock that all share.
    """
    if grant.count and is_somebody_ahead(line, asker, now):
        return Grant(count=0, wait=POLL, held_by=TURN), _noted(line, asker, now + POLL)
    if grant.count:
        return grant, granted(line, asker, grant.count, per_second, now)
    if grant.held_by != "rate":
        return grant, left(line, asker)
    back_at = now + grant.wait
    if is_somebody_ahead(line, asker, back_at):
        grant = replace(grant, wait=grant.wait + STAGGER)
    return grant, _noted(line, asker, back_at)


def is_somebody_ahead(line: Line, asker: Asker, now: datetime) -> bool:
    """Whether somebody waits whose turn comes before the asker's."""
    is_open = is_lane_open(line, now)
    mine = _tags(line, asker.tenant_id, asker.campaign_id, is_first=asker.is_express and is_open)
    for tenant_id, campaign_id, place in _waiting(line, now):
        theirs = _tags(line, tenant_id, campaign_id, is_first=place.is_express and is_open)
        # Which of a tenant's campaigns is next matters to the tenant alone.
        length = 3 if tenant_id == asker.tenant_id else 2
        if theirs[:length] < mine[:length]:
            return True
    return False


def is_lane_open(line: Line, now: datetime) -> bool:
    """Whether the express lane has given less than its share; a time that only a clock that went back can have left is over."""
    return line.express_due_at <= now or line.express_due_at > now + LONGEST_GRANT / EXPRESS_SHARE


def granted(line: Line, asker: Asker, count: int, per_second: float, now: datetime) -> Line:
    """Return how everybody stands after an asker was granted some messages."""
    line = _noted(line, asker, now)  # one who is served counts among those who wait
    turn = line.turn(asker.tenant_id)
    starts = {tenant_id: _start(line, tenant_id) for tenant_id, _, _ in _waiting(line, now)}
    places = {
        campaign_id: _place_start(turn, campaign_id)
        for tenant_id, campaign_id, _ in _waiting(line, now)
        if tenant_id == asker.tenant_id
    }
    lane = is_lane_open(line, now) and asker.is_express
    used = timedelta(seconds=count / (EXPRESS_SHARE * per_second)) if lane else timedelta(0)
    served = Place(finish=places[asker.campaign_id] + count, is_express=asker.is_express)
    campaigns = {**turn.campaigns, asker.campaign_id: served}
    after = Turn(
        finish=starts[asker.tenant_id] + count / asker.weight,
        virtual_time=min(places.values()),
        campaigns=campaigns,
    )
    return Line(
        virtual_time=min(starts.values()),
        express_due_at=now + used if lane else line.express_due_at,
        turns={**line.turns, asker.tenant_id: _pruned(after, now)},
    )


def left(line: Line, asker: Asker) -> Line:
    """Return how everybody stands when an asker has something else to wait for; nobody waits for it."""
    return _noted(line, asker, None)


def _noted(line: Line, asker: Asker, back_at: datetime | None) -> Line:
    """Return the line with when an asker will be back; None: it leaves."""
    turn = line.turn(asker.tenant_id)
    place = turn.campaigns.get(asker.campaign_id, Place(finish=turn.virtual_time))
    place = replace(place, back_at=back_at, is_express=asker.is_express)
    turn = replace(turn, campaigns={**turn.campaigns, asker.campaign_id: place})
    return replace(line, turns={**line.turns, asker.tenant_id: turn})


def _pruned(turn: Turn, now: datetime) -> Turn:
    """Forget the campaigns that a new one would not stand behind."""
    kept = {
        campaign_id: place
        for campaign_id, place in turn.campaigns.items()
        if place.finish > turn.virtual_time or _is_waiting(place, now)
    }
    return replace(turn, campaigns=kept)


def _waiting(line: Line, now: datetime) -> Iterator[tuple[int, int, Place]]:
    for tenant_id, turn in line.turns.items():
        for campaign_id, place in turn.campaigns.items():
            if _is_waiting(place, now):
                yield tenant_id, campaign_id, place


def _is_waiting(place: Place, now: datetime) -> bool:
    """Whether it will be back or is not very late; a promise further ahead than any is left by a clock that went back."""
    return place.back_at is not None and -LONGEST_GRANT - POLL <= now - place.back_at <= ABSENCE


def _tags(line: Line, tenant_id: int, campaign_id: int, *, is_first: bool) -> tuple[bool, float, float]:
    return not is_first, _start(line, tenant_id), _place_start(line.turn(tenant_id), campaign_id)


def _start(line: Line, tenant_id: int) -> float:
    return max(line.virtual_time, line.turn(tenant_id).finish)


def _place_start(turn: Turn, campaign_id: int) -> float:
    return max(turn.virtual_time, turn.campaigns.get(campaign_id, Place()).finish)
