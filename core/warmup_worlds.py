"""Warm-up worlds: invented receivers, to find out which way of pacing they like better.

They are toys. Nobody knows how the providers really judge, and nothing here was measured on one. What the toys share with what
providers say of themselves is the shape: a receiver takes so many messages a day from a sender as it has got used to, defers the
rest, gets used to more when that went well, and to less after too much at once or too many complaints. So they rank ways of
pacing; they do not tell how many days a real domain will need.

Terms:
    world: six receivers with the shares of a usual list, an audience with its complaints, and chance.
    capacity: messages a day that a receiver takes now. Hidden from the sender.
    tolerance: how many times its capacity a receiver bears before it takes offence.
    offence: too many messages or complaints at once; the capacity shrinks.
    depth: how far down the list, sorted by engagement, today's volume reaches; complaints grow with its square.
    scenario: the ranges from which the receivers of a world are drawn.

Invariants:
    The same random generator gives the same world, and the same way of pacing the same days in it.
    A receiver never takes more than it is offered.

Standards:
    None. After the prototype that the first measurements were made with; Gmail's complaints stay hidden, as they are from the
    events of Amazon SES.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Final, Protocol

from core.warmup_controller import Tally


# What part of a list of consumers each provider keeps.
SHARES: Final[Mapping[str, float]] = {
    "gmail": 0.42,
    "microsoft_consumer": 0.22,
    "yahoo": 0.12,
    "apple": 0.08,
    "united_internet": 0.06,
    "other": 0.10,
}
SILENT: Final = frozenset({"gmail"})  # sends no complaints to Amazon SES

DAYS: Final = 90
LIST_DAYS: Final = 12.5  # the list holds so many times the messages of one day
_LEAST: Final = 50.0
_MOST: Final = 5e6


class Chance(Protocol):
    """What a world asks for random numbers; `random.Random` is one. The same seed must give the same numbers."""

    def random(self) -> float:
        """Return a number from 0 to 1."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number from `a` to `b`."""

    def gauss(self, mu: float, sigma: float, /) -> float:
        """Return a number of the normal distribution."""

    def lognormvariate(self, mu: float, sigma: float, /) -> float:
        """Return a number whose logarithm is normally distributed."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The ranges of a world's receivers. `capacity` is the mean and deviation of its logarithm."""

    key: str
    capacity: tuple[float, float]
    growth: tuple[float, float]
    tolerance: tuple[float, float]
    complaint_limit: tuple[float, float]


SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.key: scenario
    for scenario in (
        Scenario("strict", (7.0, 1.1), (1.15, 2.0), (1.3, 3.0), (0.0015, 0.003)),
        Scenario("lenient", (9.2, 1.1), (1.3, 2.5), (3.0, 8.0), (0.0015, 0.003)),
        Scenario("slow_to_trust", (7.0, 1.1), (1.05, 1.2), (1.3, 3.0), (0.0015, 0.003)),
        Scenario("wary_of_complaints", (8.0, 1.1), (1.15, 2.0), (1.3, 3.0), (0.0008, 0.0015)),
    )
}


@dataclass(slots=True)
class Receiver:
    """One provider's temper, and what it has got used to."""

    capacity: float
    growth: float
    tolerance: float
    complaint_limit: float
    offences: int = 0


class World:
    """Six receivers and an audience, of whom each day asks."""

    def __init__(self, scenario: Scenario, chance: Chance, *, volume: int, known: int = 0) -> None:
        """Draw a world from a scenario.

        Args:
            scenario: The ranges.
            chance: Random numbers, also for the days to come.
            volume: Messages a day that the sender wants to send.
            known: Messages a day that the receivers together are used to already.
        """
        self._chance = chance
        self.wanted = {provider: round(volume * share) for provider, share in SHARES.items()}
        self.receivers = {
            provider: _receiver(scenario, chance, known * share) for provider, share in SHARES.items()
        }
        self._best_complaints = chance.uniform(0.0001, 0.0004)
        self._worst_complaints = chance.uniform(0.001, 0.006)
        self._moods = chance.uniform(0.1, 0.4)
        self._dead = chance.uniform(0.001, 0.008)

    @property
    def offences(self) -> int:
        """Return how often the receivers took offence."""
        return sum(receiver.offences for receiver in self.receivers.values())

    def send(self, provider: str, messages: int) -> Tally:
        """Return what becomes of the day's messages; the receiver remembers them."""
        receiver = self.receivers[provider]
        if not messages:
            receiver.capacity = max(receiver.capacity * 0.985, _LEAST)
            return Tally()
        complaints = self._complaint_rate(messages / self.wanted[provider])
        taken = min(messages, int(receiver.capacity * self._chance.uniform(0.9, 1.1)))
        self._remember(receiver, messages, taken, complaints)
        bounced = min(taken, poisson(taken * self._dead, self._chance))
        delivered = taken - bounced
        complained = (
            0 if provider in SILENT else min(delivered, poisson(delivered * complaints, self._chance))
        )
        return Tally(
            accepted=messages,
            delivered=delivered,
            hard_bounced=bounced,
            delayed=messages - taken,
            complained=complained,
        )

    def _complaint_rate(self, share_of_the_day: float) -> float:
        depth = min(share_of_the_day / LIST_DAYS * 6 + 0.02, 1.0)
        mean = self._best_complaints + (self._worst_complaints - self._best_complaints) * depth**2 * 2 / 3
        return mean * self._chance.lognormvariate(0, 0.25)

    def _remember(self, receiver: Receiver, messages: int, taken: int, complaints: float) -> None:
        if complaints > receiver.complaint_limit:
            receiver.capacity, receiver.offences = max(receiver.capacity * 0.6, _LEAST), receiver.offences + 1
        elif messages > receiver.tolerance * receiver.capacity:
            receiver.capacity, receiver.offences = (
                max(receiver.capacity * 0.75, _LEAST),
                receiver.offences + 1,
            )
        elif taken > receiver.capacity / 2:
            mood = self._chance.uniform(1 - self._moods / 2, 1 + self._moods / 2)
            grown = min(receiver.capacity, taken) * receiver.growth * mood
            receiver.capacity = min(max(receiver.capacity, grown), _MOST)


def _receiver(scenario: Scenario, chance: Chance, known: float) -> Receiver:
    return Receiver(
        capacity=max(chance.lognormvariate(*scenario.capacity), known),
        growth=chance.uniform(*scenario.growth),
        tolerance=chance.uniform(*scenario.tolerance),
        complaint_limit=chance.uniform(*scenario.complaint_limit),
    )


def poisson(mean: float, chance: Chance) -> int:
    """Return a random count; for large means by the normal distribution, which is near enough there."""
    if mean > 50:
        return max(round(chance.gauss(mean, mean**0.5)), 0)
    count, product, least = 0, chance.random(), exp(-mean)
    while product > least:
        count, product = count + 1, product * chance.random()
    return count
