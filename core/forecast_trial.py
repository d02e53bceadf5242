"""Forecast's trial: campaigns sent to invented receivers, each with the forecasts that were made on the way.

Terms:
    kept: of a forecast, that the last message left on its day or before.
    coverage: the share of forecasts whose P90 was kept. Of honest ones it is nine in ten.

Invariants:
    The receivers of a campaign do not depend on what is forecast.

Standards:
    None; `core.warmup_worlds` says what the worlds are worth.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from core import forecast, warmup_controller
from core.forecast import Forecast
from core.forecast_odds import PRIOR, Odds, learned
from core.forecast_score import Score, score
from core.forecast_walk import Lane, Road
from core.warmup_controller import Pace, ProviderDay
from core.warmup_worlds import SHARES, Chance, Scenario, World


LONGEST: Final = 1_000  # days; no world needs as many
FAST: Final = 1_000.0  # messages a second: the rate shall not bind


class Dice(Chance, Protocol):
    """What a trial asks for random numbers; `random.Random` is one."""

    def betavariate(self, alpha: float, beta: float, /) -> float:
        """Return a number of a Beta distribution."""


@dataclass(slots=True)
class _Provider:
    """A provider in the middle of a campaign."""

    waiting: int
    pace: Pace
    decisions: list[tuple[str, int]]

    @property
    def odds(self) -> Odds:
        return learned(self.decisions) if self.decisions else PRIOR


def trial(
    scenario: Scenario,
    *,
    dice: Callable[[], Dice],
    volume: int,
    messages: int,
    now: datetime,
    on_days: Iterable[int] = (0,),
) -> list[Score]:
    """Send one campaign of a new domain, and score the forecasts that were made on the way.

    Args:
        scenario: What the receivers are like.
        dice: Random numbers, a new generator of the same seed at each call.
        volume: Messages a day that the audience is meant for; more reach people who complain more.
        messages: Of the campaign.
        now: The morning of the first day, in the tenant's zone.
        on_days: On which days to make a forecast, 0 being the first.
    """
    world, wanted = World(scenario, dice(), volume=volume), set(on_days)
    providers = {
        name: _Provider(round(messages * share), warmup_controller.start(), [])
        for name, share in SHARES.items()
    }
    told: list[Forecast] = []
    day = 0
    while True:
        if day in wanted:
            told.append(_told(providers, now + timedelta(days=day), dice()))
        _send(world, providers)
        if day == LONGEST or not any(each.waiting for each in providers.values()):
            break
        day += 1
    done_on = now.date() + timedelta(days=day)
    return [score(one.done_on, one.done_on_p90 or one.done_on, done_on) for one in told]


def _told(providers: dict[str, _Provider], now: datetime, dice: Dice) -> Forecast:
    lanes = [
        Lane(provider=name, waiting=each.waiting, left=each.pace.cap, pace=each.pace, odds=each.odds)
        for name, each in providers.items()
        if each.waiting
    ]
    return forecast.forecast(Road(lanes=lanes), now=now, rate=FAST, chance=dice)


def _send(world: World, providers: dict[str, _Provider]) -> None:
    """Send what today's caps admit, and decide tomorrow's."""
    for name, each in providers.items():
        if not each.waiting:
            continue
        number = min(each.waiting, each.pace.cap)
        tally = world.send(name, number)
        decision = warmup_controller.decide(each.pace, ProviderDay(tally=tally))
        each.decisions.append((decision.rule, decision.before))
        each.waiting, each.pace = each.waiting - number, decision.pace
