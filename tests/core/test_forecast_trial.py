"""Campaigns in invented worlds: nine in ten are done by the day that was said for nine in ten."""

from datetime import date, datetime
from itertools import product
from random import Random
from zoneinfo import ZoneInfo

import pytest

from core.forecast_score import Score, Scores, in_words, pinball, score, together
from core.forecast_trial import trial
from core.warmup_worlds import SCENARIOS


NOW = datetime(2026, 11, 24, 0, 5, tzinfo=ZoneInfo("Europe/Berlin"))
CAMPAIGNS = 224
VOLUMES, TIMES = (20_000, 60_000, 120_000), (1, 2, 5)


def trial_of(number: int, *, on_days: tuple[int, ...] = (0,)) -> list[Score]:
    """The scores of one campaign: the scenarios come in turn, and for each of them the sizes."""
    sizes = list(product(VOLUMES, TIMES))
    volume, times = sizes[number // len(SCENARIOS) % len(sizes)]
    return trial(
        list(SCENARIOS.values())[number % len(SCENARIOS)],
        dice=lambda: Random(4_000 + number),
        volume=volume,
        messages=volume * times,
        now=NOW,
        on_days=on_days,
    )


def test_nine_in_ten_campaigns_are_done_by_the_p90_of_their_first_day() -> None:
    found = together([trial_of(number)[0] for number in range(CAMPAIGNS)])
    assert found.forecasts == CAMPAIGNS
    assert found.coverage_p90 is not None
    assert found.coverage_p50 is not None
    assert 0.85 <= found.coverage_p90 <= 0.97
    assert 0.40 <= found.coverage_p50 <= 0.75


def test_what_a_domain_has_met_makes_its_forecasts_better() -> None:
    found = [trial_of(number, on_days=(0, 10)) for number in range(60)]
    both = [scores for scores in found if len(scores) == 2]  # the others were done before the tenth day
    assert len(both) > 30
    first, later = (together([scores[number] for scores in both]) for number in range(2))
    assert later.loss_p90 < first.loss_p90
    assert later.loss_p50 < first.loss_p50


LOSSES = [
    pytest.param(0.9, date(2026, 12, 1), date(2026, 12, 1), 0.0, id="on the day"),
    pytest.param(0.9, date(2026, 12, 1), date(2026, 12, 11), 9.0, id="ten days later than said"),
    pytest.param(0.9, date(2026, 12, 11), date(2026, 12, 1), 1.0, id="ten days earlier than said"),
    pytest.param(
        0.5, date(2026, 12, 11), date(2026, 12, 1), 5.0, id="the middle costs the same on both sides"
    ),
]


@pytest.mark.parametrize(("share", "told", "happened", "loss"), LOSSES)
def test_the_loss_is_that_of_the_quantile(share: float, told: date, happened: date, loss: float) -> None:
    assert pinball(share, told, happened) == pytest.approx(loss)


def test_scores_are_told_together() -> None:
    early = score(date(2026, 12, 1), date(2026, 12, 5), date(2026, 12, 3))
    late = score(date(2026, 12, 1), date(2026, 12, 5), date(2026, 12, 15))
    found = together([early, late])
    assert found.as_json() == {
        "forecasts": 2,
        "within_p50": 0.0,
        "within_p90": 0.5,
        "pinball_p50_days": 4.0,
        "pinball_p90_days": 4.6,
    }
    assert in_words(found) == (
        "50% of 2 forecasts were kept by their P90 (of honest ones 90 %), 0% by their P50"
    )


def test_without_forecasts_nothing_is_scored() -> None:
    assert together([]) == Scores(0, None, None, None, None)
    assert in_words(together([])) == "no campaign is done yet whose end was forecast"
    assert together([]).as_json()["within_p90"] is None
