"""The walk moves caps as the controller decides, and its odds follow what a domain has met."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.forecast_odds import PRIOR, Temper, drawn, learned
from core.forecast_walk import BEST_TAKEN, FRIENDLY, WORST_TAKEN, Lane, Luck, Road, grown, walk
from core.warmup_controller import Pace, ProviderDay, Tally, decide


MANY = 10**9
SHARE_TAKEN = (WORST_TAKEN + BEST_TAKEN) / 2  # at half the luck that a step back allows


def days_of(pace: Pace, luck: Luck, days: int) -> list[int]:
    """What leaves on each day under this pace."""
    lane = Lane(provider="gmail", waiting=MANY, left=pace.cap, pace=pace)
    return walk(Road(lanes=[lane]), [luck, FRIENDLY], horizon=days).sent[0]


def decided(pace: Pace, tallies: list[tuple[float, bool]]) -> list[int]:
    """What leaves on each day when the controller itself decides: by day, the share that is delayed, and whether it holds."""
    sent = []
    for delayed_share, holds in tallies:
        sent.append(pace.cap)
        delayed = round(pace.cap * delayed_share)
        tally = Tally(accepted=pace.cap, delivered=pace.cap - delayed, delayed=delayed)
        pace = decide(pace, ProviderDay(tally=tally, spam_rate=0.001 if holds else None)).pace
    return sent


paces = st.builds(
    Pace,
    cap=st.integers(800, 2_000_000),
    threshold=st.none() | st.integers(50, 3_000_000),
    hold_days=st.integers(0, 2),
)


@given(paces)
@settings(max_examples=60)
def test_a_friendly_walk_is_what_the_controller_decides(pace: Pace) -> None:
    assert days_of(pace, FRIENDLY, 25) == decided(pace, [(0.0, False)] * 25)


@given(st.integers(50, 799))
def test_small_caps_are_put_together_as_the_controller_does(cap: int) -> None:
    assert days_of(Pace(cap=cap), FRIENDLY, 15) == decided(Pace(cap=cap), [(0.0, False)] * 15)


@given(
    st.lists(st.sampled_from(["grow", "hold", "back"]), min_size=1, max_size=20),
    st.integers(100_000, 400_000),
)
@settings(max_examples=60)
def test_a_walk_with_bad_days_is_what_the_controller_decides(outcomes: list[str], cap: int) -> None:
    luck = {"back": 0.1, "hold": 0.3, "grow": 0.9}
    temper = Temper(0.2, 0.2, 0.2, 0.2)
    found = days_of(Pace(cap=cap), Luck(temper, [luck[each] for each in outcomes]), len(outcomes))
    share = {"back": 1 - SHARE_TAKEN, "hold": 0.0, "grow": 0.0}
    expected = decided(Pace(cap=cap), [(share[each], each == "hold") for each in outcomes])
    # What is taken of a day is rounded to whole messages by the controller, and by the walk later.
    assert found == pytest.approx(expected, rel=2e-3, abs=2)


@given(st.integers(50, 10_000_000), st.integers(50, 10_000_000))
def test_a_cap_never_grows_over_its_threshold_by_more_than_a_quarter(cap: int, threshold: int) -> None:
    assert grown(cap, threshold) <= max(threshold, int(cap * 1.25))


def test_a_friendly_walk_is_the_fastest() -> None:
    chance, lane = Random(3), Lane(provider="gmail", waiting=80_000, left=200, pace=Pace(cap=200))
    road = Road(lanes=[lane])
    best = walk(road, [FRIENDLY, FRIENDLY], horizon=400).ends[0]
    for temper in drawn(PRIOR, chance, 100):
        luck = Luck(temper, [chance.random() for _ in range(61)])
        assert walk(road, [luck, FRIENDLY], horizon=400).ends[0] >= best


def test_a_walk_that_reaches_its_horizon_ends_there() -> None:
    lane = Lane(provider="gmail", waiting=10, left=0, pace=Pace(cap=50), rests=True)
    assert walk(Road(lanes=[lane], closed=frozenset(range(9))), [FRIENDLY] * 2, horizon=9).ends == [9]


def test_providers_are_drawn_from_the_kindest_to_the_worst() -> None:
    tempers = drawn(PRIOR, Random(1), 50)
    assert [each.badness for each in tempers] == sorted(each.badness for each in tempers)
    assert tempers[0].exploring_back < 0.05 < tempers[-1].exploring_back


LESSONS = [
    pytest.param([], 0.7 / 3.3, 0.5 / 9.5, id="nothing is known"),
    pytest.param([("grow", 1_600), ("grow", 3_200)], 0.7 / 5.3, 0.5 / 9.5, id="two days were welcome"),
    pytest.param([("grow", 200), ("step_up", 400)], 0.7 / 3.3, 0.5 / 9.5, id="small days teach nothing"),
    pytest.param([("hold_unused", 3_200), ("quiet", 3_200)], 0.7 / 3.3, 0.5 / 9.5, id="nor do unused ones"),
    pytest.param([("step_back", 1_600)], 1.7 / 4.3, 0.5 / 9.5, id="a step back"),
    pytest.param(
        [("step_back", 1_600), ("hold_after_step_back", 900), ("step_back", 900)], 1.7 / 4.3, 1.5 / 10.5,
        id="a second one is a careful domain's",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("decisions", "exploring", "careful"), LESSONS)
def test_the_odds_follow_what_a_domain_has_met(
    decisions: list[tuple[str, int]], exploring: float, careful: float
) -> None:
    odds = learned(decisions)
    assert (odds.exploring.back.mean, odds.careful.back.mean) == pytest.approx((exploring, careful))


def test_a_domain_of_which_no_events_arrive_is_expected_to_stay() -> None:
    odds = learned([("hold_unknown", 200)] * 20)
    assert odds.exploring.hold.mean > 0.6


rules = st.sampled_from(["grow", "hold", "step_back"])


@given(st.lists(rules, max_size=10))
def test_one_more_day_that_went_back_never_makes_it_less_probable(history: list[str]) -> None:
    before = learned([(rule, 5_000) for rule in history])
    after = learned([*((rule, 5_000) for rule in history), ("step_back", 5_000)])
    assert after.exploring.back.mean >= before.exploring.back.mean
    assert after.careful.back.mean >= before.careful.back.mean
