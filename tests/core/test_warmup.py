"""The warm-up ladder: every rule with its numbers, and the laws that hold for all numbers."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import warmup
from core.warmup import DayReport, Decision


def a_day(**changes: int) -> DayReport:
    """A full and welcome day on the rung of 1,600."""
    return DayReport(
        **{"allowance": 1_600, "accepted": 1_600, "delivered": 1_590, "hard_bounced": 10} | changes
    )


RULES = [
    pytest.param(3, a_day(), 4, "step_up", id="a full and welcome day"),
    pytest.param(3, a_day(accepted=1_280), 4, "step_up", id="80 % used is used"),
    pytest.param(3, a_day(accepted=1_279), 3, "hold_unused", id="less than 80 % used"),
    pytest.param(3, a_day(accepted=0, delivered=0, hard_bounced=0), 3, "hold_unused", id="a day off"),
    pytest.param(3, a_day(complained=1), 4, "step_up", id="one complaint in 1,590"),
    pytest.param(3, a_day(complained=2), 3, "hold_lukewarm", id="complaints reach 0.1 %"),
    pytest.param(3, a_day(complained=4), 3, "hold_lukewarm", id="complaints just below 0.3 %"),
    pytest.param(3, a_day(complained=5), 2, "step_down", id="complaints reach 0.3 %"),
    pytest.param(3, a_day(delivered=1_569, hard_bounced=31), 4, "step_up", id="bounces just below 2 %"),
    pytest.param(3, a_day(delivered=1_568, hard_bounced=32), 3, "hold_lukewarm", id="bounces reach 2 %"),
    pytest.param(3, a_day(delivered=1_520, hard_bounced=80), 2, "step_down", id="bounces reach 5 %"),
    pytest.param(3, a_day(delivered=1_600, hard_bounced=0, delayed=79), 4, "step_up", id="delays just below 5 %"),
    pytest.param(3, a_day(delivered=1_600, hard_bounced=0, delayed=80), 3, "hold_lukewarm", id="delays reach 5 %"),
    pytest.param(3, a_day(delivered=1_600, hard_bounced=0, delayed=240), 2, "step_down", id="delays reach 15 %"),
    pytest.param(3, a_day(accepted=100, complained=5), 2, "step_down", id="unwelcome though hardly used"),
    pytest.param(0, a_day(allowance=200, complained=5), 0, "step_down", id="there is nothing below the first rung"),
    pytest.param(
        0, a_day(allowance=200, accepted=200, delivered=49, hard_bounced=0, complained=1), 0, "hold_unknown",
        id="49 outcomes: one complaint is an accident",
    ),
    pytest.param(
        0, a_day(allowance=200, accepted=200, delivered=50, hard_bounced=0, complained=1), 0, "step_down",
        id="50 outcomes: it is a rate",
    ),
    pytest.param(
        4, a_day(allowance=3_200, accepted=3_200, delivered=0, hard_bounced=0), 4, "hold_unknown",
        id="no events arrive: nobody climbs blindly",
    ),
    pytest.param(17, a_day(allowance=210_000, accepted=210_000, delivered=210_000), 18, "step_up", id="to the top"),
    pytest.param(18, a_day(allowance=250_000, accepted=250_000, delivered=250_000), None, "warm", id="over the top"),
    pytest.param(18, a_day(allowance=250_000, accepted=150_000), 18, "hold_unused", id="not over the top"),
    pytest.param(None, a_day(complained=1_000), None, "warm", id="a warm domain has no ladder"),
]  # fmt: skip


@pytest.mark.parametrize(("rung", "day", "next_rung", "rule"), RULES)
def test_the_next_rung_follows_from_the_day(
    rung: int | None, day: DayReport, next_rung: int | None, rule: str
) -> None:
    decision = warmup.next_rung(rung, day)
    assert (decision.rung, decision.rule) == (next_rung, rule)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        pytest.param(a_day(), "Stepped up: 1,600 of 1,600, welcome.", id="up"),
        pytest.param(a_day(accepted=100), "Held: 100 of 1,600 were used, less than 80 %.", id="unused"),
        pytest.param(
            a_day(delivered=1_540, hard_bounced=60, complained=2),
            "Held: complaints 0.13%, hard bounces 3.8%, delays 0.0% of 1,600.",
            id="lukewarm",
        ),
        pytest.param(
            a_day(delivered=1_500, hard_bounced=100, delayed=300),
            "Stepped down: complaints 0.00%, hard bounces 6.2%, delays 20.0% of 1,600.",
            id="down",
        ),
    ],
)
def test_a_decision_says_why_in_numbers(day: DayReport, why: str) -> None:
    assert warmup.next_rung(3, day).why == why


def test_a_month_of_good_days_ends_warm() -> None:
    """The ladder is climbed in 19 days: the worked month."""
    rung: int | None = 0
    climbed = []
    while rung is not None:
        allowed = warmup.allowance(rung)
        climbed.append(allowed)
        rung = warmup.next_rung(rung, DayReport(allowance=allowed, accepted=allowed, delivered=allowed)).rung
    assert climbed == [
        200, 400, 800, 1_600, 3_200, 6_400, 10_000, 15_000, 22_000, 33_000, 50_000, 65_000, 85_000,
        100_000, 120_000, 145_000, 175_000, 210_000, 250_000,
    ]  # fmt: skip


def test_the_ladder_never_more_than_doubles() -> None:
    steps = [above / below for below, above in zip(warmup.LADDER, warmup.LADDER[1:], strict=False)]
    assert all(1 < step <= 2 for step in steps)


@pytest.mark.parametrize(
    ("daily_volume", "rung"),
    [
        pytest.param(0, 0, id="unknown"),
        pytest.param(799, 0, id="a quarter is less than the first rung"),
        pytest.param(1_599, 0, id="just below the second"),
        pytest.param(1_600, 1, id="a quarter is the second rung"),
        pytest.param(40_000, 6, id="10,000"),
        pytest.param(10_000_000, 18, id="beyond the ladder"),
    ],
)
def test_a_known_domain_starts_at_a_quarter_of_its_volume(daily_volume: int, rung: int) -> None:
    assert warmup.rung_for(daily_volume) == rung


@pytest.mark.parametrize(
    ("rung", "messages"),
    [
        pytest.param(0, 200, id="first"),
        pytest.param(18, 250_000, id="last"),
        pytest.param(40, 250_000, id="beyond"),
        pytest.param(None, None, id="warm"),
    ],
)
def test_a_rung_is_an_allowance(rung: int | None, messages: int | None) -> None:
    assert warmup.allowance(rung) == messages


# Half of the days are near the thresholds, where one message more or less decides.
days = st.builds(
    DayReport,
    allowance=st.sampled_from(warmup.LADDER[:8]),
    accepted=st.integers(0, 20_000),
    delivered=st.integers(0, 120) | st.integers(0, 20_000),
    hard_bounced=st.integers(0, 12) | st.integers(0, 3_000),
    delayed=st.integers(0, 25) | st.integers(0, 3_000),
    complained=st.integers(0, 3) | st.integers(0, 200),
)
rungs = st.integers(0, len(warmup.LADDER) - 1)


def height(decision: Decision) -> int:
    """Warm is above every rung."""
    return len(warmup.LADDER) if decision.rung is None else decision.rung


@given(rungs, days, st.sampled_from(["hard_bounced", "delayed", "complained"]), st.integers(1, 500))
@example(3, DayReport(allowance=200, accepted=200, delivered=100, delayed=5), "hard_bounced", 1)
def test_more_evidence_against_a_domain_never_gives_a_higher_rung(
    rung: int, day: DayReport, against: str, more: int
) -> None:
    worse = replace(day, **{against: getattr(day, against) + more})
    assert height(warmup.next_rung(rung, worse)) <= height(warmup.next_rung(rung, day))


@given(rungs, days, st.integers(1, 500))
def test_a_message_that_bounced_in_place_of_being_delivered_never_gives_a_higher_rung(
    rung: int, day: DayReport, more: int
) -> None:
    moved = min(more, day.delivered)
    worse = replace(day, delivered=day.delivered - moved, hard_bounced=day.hard_bounced + moved)
    assert height(warmup.next_rung(rung, worse)) <= height(warmup.next_rung(rung, day))


@given(rungs, days)
def test_the_rung_rises_only_after_a_day_that_was_used_and_welcome(rung: int, day: DayReport) -> None:
    decision = warmup.next_rung(rung, day)
    if height(decision) > rung:
        assert day.accepted >= 0.8 * day.allowance
        assert day.delivered + day.hard_bounced >= 50
        assert day.complained < 0.001 * max(day.delivered, 1)
        assert day.hard_bounced < 0.02 * (day.delivered + day.hard_bounced)


@given(rungs, days)
def test_a_day_moves_a_domain_by_one_rung_at_most(rung: int, day: DayReport) -> None:
    assert abs(height(warmup.next_rung(rung, day)) - rung) <= 1
