"""Forecast's score: how good a forecast was, once its campaign is done.

Terms:
    kept: of a quantile, that the last message left on its day or before.
    coverage: the share of forecasts whose quantile was kept: a half of honest P50s, nine in ten of honest P90s.
    pinball loss: what a quantile costs, in days. A P90 that was a day too early costs 0.9, one that was a day too late 0.1, so
        that it costs least on average when nine in ten are kept.

Invariants:
    A loss is never negative, and zero only of the day itself.

Standards:
    The pinball loss of quantile regression (Koenker and Bassett, 1978).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Score:
    """Whether a forecast's quantiles were kept, and what they cost in days."""

    in_p50: bool
    in_p90: bool
    loss_p50: float
    loss_p90: float


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a campaign's end on a day, when so many messages waited; `is_end` for the day of the last message."""

    made_on: date
    waiting: int
    done_on: date
    done_on_p90: date
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of several forecasts. Coverages are shares, losses are mean days; all None without forecasts."""

    forecasts: int
    coverage_p50: float | None
    coverage_p90: float | None
    loss_p50: float | None
    loss_p90: float | None

    def as_json(self) -> dict[str, object]:
        """Return them as the command line answers them."""
        shares = (self.coverage_p50, self.coverage_p90, self.loss_p50, self.loss_p90)
        p50, p90, loss_p50, loss_p90 = (None if each is None else round(each, 3) for each in shares)
        return {
            "forecasts": self.forecasts,
            "within_p50": p50,
            "within_p90": p90,
            "pinball_p50_days": loss_p50,
            "pinball_p90_days": loss_p90,
        }


def pinball(share: float, told: date, happened: date) -> float:
    """Return what a quantile cost, in days."""
    late = (happened - told).days
    return max(share * late, (share - 1) * late)


def score(done_on: date, done_on_p90: date, happened: date) -> Score:
    """Return the score of a forecast of a campaign whose last message left on the day `happened`."""
    return Score(
        in_p50=happened <= done_on,
        in_p90=happened <= done_on_p90,
        loss_p50=pinball(0.5, done_on, happened),
        loss_p90=pinball(0.9, done_on_p90, happened),
    )


def together(scores: Sequence[Score]) -> Scores:
    """Return the scores of several forecasts as one."""
    if not scores:
        return Scores(0, None, None, None, None)
    return Scores(
        forecasts=len(scores),
        coverage_p50=fmean(one.in_p50 for one in scores),
        coverage_p90=fmean(one.in_p90 for one in scores),
        loss_p50=fmean(one.loss_p50 for one in scores),
        loss_p90=fmean(one.loss_p90 for one in scores),
    )


def in_words(scores: Scores) -> str:
    """Return in a sentence how good the forecasts were."""
    if scores.coverage_p90 is None:
        return "no campaign is done yet whose end was forecast"
    return (
        f"{scores.coverage_p90:.0%} of {scores.forecasts:,} forecasts were kept by their P90 (of honest ones 90 %), "
        f"{scores.coverage_p50:.0%} by their P50"
    )
