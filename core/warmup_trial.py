"""Warm-up trial: ways of pacing, each walked through the same worlds.

Terms:
    way: the controller, the ladder of `core.warmup`, or a published table. It says how many messages may leave for each
        provider, and learns what became of them.
    reached: the first of three days in a row on which nine tenths of the wanted volume were taken.
    deferred: messages that receivers put off, of all that were sent, over all days of all worlds.
    offences: how often receivers shrank because of us; the mean of a world.

Invariants:
    A world is drawn from its own chance, so that every way meets the same receivers.

Standards:
    None; `core.warmup_worlds` says what the worlds are worth.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import fmean, median_low
from typing import Final, Protocol

from core import warmup, warmup_controller
from core.warmup_controller import ProviderDay, Tally
from core.warmup_tables import SCHEDULES, Schedule
from core.warmup_worlds import DAYS, SHARES, Chance, Scenario, World


REACHED_SHARE: Final = 0.9
REACHED_DAYS: Final = 3


class Way(Protocol):
    """A way of pacing, in the middle of its warm-up."""

    def caps(self) -> Mapping[str, int]:
        """Return the messages that may leave today, by provider."""

    def learn(self, tallies: Mapping[str, Tally]) -> None:
        """Take in what became of today's messages, by provider."""


class Controlled:
    """The controller: a pace for each provider."""

    def __init__(self, wanted: Mapping[str, int], *, known: int = 0) -> None:
        """Start all providers, of whom each knows its share of the daily volume that is `known`."""
        self._wanted = wanted
        self._paces = {
            provider: warmup_controller.start(round(known * SHARES[provider])) for provider in wanted
        }

    def caps(self) -> Mapping[str, int]:
        """Return the paces' caps."""
        return {provider: pace.cap for provider, pace in self._paces.items()}

    def learn(self, tallies: Mapping[str, Tally]) -> None:
        """Decide each provider's next day."""
        for provider, tally in tallies.items():
            day, goal = ProviderDay(tally=tally), self._wanted[provider]
            self._paces[provider] = warmup_controller.decide(self._paces[provider], day, goal=goal).pace


class Laddered:
    """The ladder of `core.warmup`: one allowance for all providers."""

    def __init__(self, known: int = 0) -> None:
        """Start on the rung of the volume that receivers know."""
        self._rung: int | None = warmup.rung_for(known)

    def caps(self) -> Mapping[str, int]:
        """Return the providers' shares of the allowance."""
        return _shared(warmup.allowance(self._rung))

    def learn(self, tallies: Mapping[str, Tally]) -> None:
        """Judge the day as the ladder does, all providers together."""
        allowance = warmup.allowance(self._rung)
        if allowance is not None:
            day = _together(tallies)
            report = warmup.DayReport(
                allowance=sum(_shared(allowance).values()),
                accepted=day.accepted,
                delivered=day.delivered,
                hard_bounced=day.hard_bounced,
                delayed=day.delayed,
                complained=day.complained,
            )
            self._rung = warmup.next_rung(self._rung, report).rung


class Tabled:
    """A published table, whose number is shared among the providers."""

    def __init__(self, schedule: Schedule) -> None:
        """Start on the table's first day."""
        self._schedule, self._day = schedule, 0

    def caps(self) -> Mapping[str, int]:
        """Return the providers' shares of the table's number."""
        return _shared(self._schedule.cap(self._day))

    def learn(self, tallies: Mapping[str, Tally]) -> None:
        """Go on to the next number, unless the table waits and the day was bad."""
        day = _together(tallies)
        is_good = day.delivered > 0.9 * day.accepted and day.complained < 0.001 * max(day.delivered, 1)
        self._day += 1 if is_good or not self._schedule.holds else 0


def ways(known: int = 0) -> dict[str, Callable[[World], Way]]:
    """Return how each way starts in a world, by its name; tables do not know of a volume that is `known`."""

    def tabled(schedule: Schedule) -> Callable[[World], Way]:
        return lambda _: Tabled(schedule)

    return {
        "controller": lambda world: Controlled(world.wanted, known=known),
        "ladder": lambda _: Laddered(known),
        **{key: tabled(schedule) for key, schedule in SCHEDULES.items()},
    }


@dataclass(frozen=True, slots=True)
class Walk:
    """What one way did in one world."""

    reached_on: int | None
    sent: int
    deferred: int
    offences: int


def walk(world: World, way: Way, *, days: int = DAYS) -> Walk:
    """Send for some days, as much as is wanted and allowed."""
    sent = deferred = in_a_row = 0
    reached_on: int | None = None
    wanted = sum(world.wanted.values())
    for day in range(1, days + 1):
        caps = way.caps()
        tallies = {
            provider: world.send(provider, min(caps[provider], wish))
            for provider, wish in world.wanted.items()
        }
        way.learn(tallies)
        together = _together(tallies)
        sent, deferred = sent + together.accepted, deferred + together.delayed
        in_a_row = in_a_row + 1 if together.accepted - together.delayed >= REACHED_SHARE * wanted else 0
        if in_a_row == REACHED_DAYS and reached_on is None:
            reached_on = day - REACHED_DAYS + 1
    return Walk(reached_on, sent, deferred, world.offences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one way did in all worlds of a scenario. Days are those of the worlds in which it reached the volume."""

    scenario: str
    schedule: str
    worlds: int
    reached: float
    median_days: int | None
    p90_days: int | None
    deferred_rate: float
    penalised: float


def trial(
    scenario: Scenario, schedule: str, *, chances: Iterable[Chance], volume: int, known: int = 0
) -> Summary:
    """Walk one way through the worlds of a scenario.

    Args:
        scenario: What the receivers are like.
        schedule: The way's name, one of `ways()`.
        chances: Random numbers, one generator for each world. The same seeds are the same worlds.
        volume: Messages a day that are wanted.
        known: Messages a day that receivers know already.
    """
    begin = ways(known)[schedule]
    walks = []
    for chance in chances:
        world = World(scenario, chance, volume=volume, known=known)
        walks.append(walk(world, begin(world)))
    return _summary(scenario.key, schedule, walks)


def _summary(scenario: str, schedule: str, walks: Sequence[Walk]) -> Summary:
    days = sorted(one.reached_on for one in walks if one.reached_on is not None)
    return Summary(
        scenario=scenario,
        schedule=schedule,
        worlds=len(walks),
        reached=len(days) / max(len(walks), 1),
        median_days=median_low(days) if days else None,
        p90_days=days[int(len(days) * 0.9)] if days else None,
        deferred_rate=sum(one.deferred for one in walks) / max(sum(one.sent for one in walks), 1),
        penalised=fmean(one.offences for one in walks) if walks else 0.0,
    )


def _shared(allowance: int | None) -> dict[str, int]:
    unlimited = 10**9
    total = unlimited if allowance is None else allowance
    return {provider: round(total * share) for provider, share in SHARES.items()}


def _together(tallies: Mapping[str, Tally]) -> Tally:
    return reduce(add, tallies.values(), Tally())
