"""When silence proves that a call was never accepted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.evidence import Neighbourhood, clocks_agree, is_refuted


GUARD = timedelta(minutes=20)


def refuted(*, minutes: float = 30, confirmed: int = 200, told: int = 200, clear: bool = True) -> bool:
    return is_refuted(
        age=timedelta(minutes=minutes),
        guard=GUARD,
        around=Neighbourhood(confirmed=confirmed, told=told),
        pipeline_is_clear=clear,
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param({}, True, id="F02: all neighbours' events came, and its own did not"),
        pytest.param({"minutes": 20}, False, id="within the guard the call may still be accepted"),
        pytest.param({"told": 199}, False, id="F36: an event of a neighbour is missing"),
        pytest.param({"confirmed": 199, "told": 199}, False, id="too few neighbours prove nothing"),
        pytest.param({"confirmed": 0, "told": 0}, False, id="F03: no neighbours at all"),
        pytest.param({"clear": False}, False, id="its event may still wait in a queue"),
    ],
)
def test_silence_is_proof_only_past_the_guard_and_the_watermark(
    case: dict[str, int], *, expected: bool
) -> None:
    assert refuted(**case) is expected


@given(confirmed=st.integers(0, 300), missing=st.integers(0, 300), more=st.integers(1, 50))
def test_more_missing_events_never_refute_more(confirmed: int, missing: int, more: int) -> None:
    told = max(confirmed - missing, 0)
    assert refuted(confirmed=confirmed, told=max(told - more, 0)) <= refuted(confirmed=confirmed, told=told)


def test_the_loss_that_remains_possible_is_stated() -> None:
    assert Neighbourhood(confirmed=300, told=300).loss_bound == pytest.approx(0.01)
    assert Neighbourhood(confirmed=300, told=299).loss_bound == 1.0


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amazons", "agree"),
    [
        pytest.param(NOON, True, id="the same second"),
        pytest.param(NOON - timedelta(minutes=2), True, id="two minutes ahead of it"),
        pytest.param(NOON + timedelta(minutes=2), True, id="two minutes behind it"),
        pytest.param(NOON - timedelta(seconds=121), False, id="more"),
        pytest.param(NOON + timedelta(hours=1), False, id="F20: our clock went back an hour"),
        pytest.param(None, False, id="Amazon's was not told"),
    ],
)
def test_our_clock_is_believed_when_amazons_agrees(amazons: datetime | None, *, agree: bool) -> None:
    assert clocks_agree(NOON, amazons) is agree
