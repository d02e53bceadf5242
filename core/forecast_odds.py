"""Forecast's odds: how probable it is that a mailbox provider lets a cap grow, lets it stay, or sends it back.

They begin with what invented receivers do and are corrected by what the providers have done to this sending domain. Of a
domain of which nothing is known much is possible, so each run of a forecast draws its own provider from these odds, a
strict or a lenient one, and keeps it for all days: bad days of a strict provider do not average out.

Terms:
    phase: "exploring" until the provider has sent the cap back once, "careful" from then on: the controller grows more
        slowly above the threshold that it has learned.
    odds: Beta distributions of the share of days, of those that were used, on which the cap goes back, or stays.
    temper: one provider as it was drawn: a share for each phase.

Invariants:
    More days that went back never make going back less probable, nor do more days that grew make it more probable.

Standards:
    The Beta-binomial model. The priors are what the controller met in the worlds of `core.warmup_worlds`, all four scenarios in
    equal parts: 3,200 decisions while exploring, 5,200 while careful.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol


class Chance(Protocol):
    """What a forecast asks for random numbers; `random.Random` is one."""

    def random(self) -> float:
        """Return a number from 0 to 1."""

    def betavariate(self, alpha: float, beta: float, /) -> float:
        """Return a number of a Beta distribution."""


@dataclass(frozen=True, slots=True)
class Beta:
    """A share of which so many days speak for, and so many against."""

    hits: float
    others: float

    def seen(self, *, hit: bool) -> "Beta":
        """Return the distribution after one more day."""
        return Beta(self.hits + 1, self.others) if hit else Beta(self.hits, self.others + 1)

    @property
    def mean(self) -> float:
        """Return the share that is expected."""
        return self.hits / (self.hits + self.others)


@dataclass(frozen=True, slots=True)
class Phase:
    """The odds of one phase: of all days, to go back; of those that do not, to stay."""

    back: Beta
    hold: Beta

    def seen(self, rule: str) -> "Phase":
        """Return the odds after a day that was decided by this rule."""
        back = self.back.seen(hit=rule in BACK)
        hold = self.hold if rule in BACK else self.hold.seen(hit=rule in HOLD)
        return Phase(back, hold)


@dataclass(frozen=True, slots=True)
class Temper:
    """A provider as it was drawn. All are shares of days; those that stay are of all days, too."""

    exploring_back: float
    exploring_hold: float
    careful_back: float
    careful_hold: float

    @property
    def badness(self) -> float:
        """Return how much it slows a campaign, to compare it with others."""
        return self.exploring_back + 2 * self.careful_back + 0.3 * self.careful_hold


@dataclass(frozen=True, slots=True)
class Odds:
    """What is believed of one provider and one sending domain."""

    exploring: Phase
    careful: Phase

    def draw(self, chance: Chance) -> Temper:
        """Return a provider that these odds allow."""
        shares = []
        for phase in (self.exploring, self.careful):
            back = chance.betavariate(phase.back.hits, phase.back.others)
            hold = chance.betavariate(phase.hold.hits, phase.hold.others)
            shares += [back, (1 - back) * hold]
        return Temper(*shares)


# Nobody refuses the first hundreds of a day: in the worlds a fifth as often as what comes then.
SMALL_EXPLORING: Final = 800
SMALL_CAREFUL: Final = 400
SMALL_SHARE: Final = 0.2

# The rules of `core.warmup_controller` and `core.warmup`. What is not here says nothing of the provider: that nobody was
# mailed, that few were, or that two days must pass.
BACK: Final = frozenset({"step_back", "step_down"})
HOLD: Final = frozenset({"hold", "hold_unknown", "hold_lukewarm"})
GROW: Final = frozenset({"grow", "step_up", "warm"})

PRIOR: Final = Odds(
    exploring=Phase(back=Beta(0.7, 2.6), hold=Beta(1.0, 12.0)),
    careful=Phase(back=Beta(0.5, 9.0), hold=Beta(1.5, 8.0)),
)


def drawn(odds: Odds, chance: Chance, runs: int) -> list[Temper]:
    """Return a provider for each run, the kindest first.

    Whoever takes the n-th of each list lets all providers be strict together. So they mostly are: what they dislike is the
    sender. Drawn one by one, the worst of ten providers would nearly always be a very bad one.
    """
    return sorted((odds.draw(chance) for _ in range(runs)), key=lambda temper: temper.badness)


def learned(decisions: Iterable[tuple[str, int]], prior: Odds = PRIOR) -> Odds:
    """Return the odds after a provider's decisions.

    Args:
        decisions: Each with its rule and the cap of the day that it judged, the earliest first. Rules that say nothing of the
            provider are left out, and so are small days that went well: as good as all do.
        prior: What is believed before.
    """
    odds, is_careful = prior, False
    for rule, cap in decisions:
        is_small = cap < (SMALL_CAREFUL if is_careful else SMALL_EXPLORING)
        if rule not in BACK | HOLD | GROW or (rule in GROW and is_small):
            continue
        if is_careful:
            odds = replace(odds, careful=odds.careful.seen(rule))
        else:
            odds = replace(odds, exploring=odds.exploring.seen(rule))
        is_careful = is_careful or rule in BACK
    return odds
