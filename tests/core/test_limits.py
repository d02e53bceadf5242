"""An operator's limits: which messages they let through, and that no second sees more."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import limits
from core.allowances import ALL
from core.limits import Limit


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_limit(per_second: float, *, due_in: float = 0) -> Limit:
    return Limit(per_second=per_second, due_at=later(due_in))


@pytest.mark.parametrize(
    ("held", "providers", "wanted", "chosen"),
    [
        pytest.param({"g": a_limit(8)}, "gyggy", 9, [0, 1, 2, 4], id="two of a provider, and all others"),
        pytest.param({"g": a_limit(8, due_in=0.1)}, "gyg", 9, [1], id="a provider that is not due"),
        pytest.param({ALL: a_limit(8)}, "gyg", 9, [0, 1], id="the tenant as a whole"),
        pytest.param({ALL: a_limit(8, due_in=0.1), "g": a_limit(99)}, "gy", 9, [], id="and it is not due"),
        pytest.param({"g": a_limit(0.2)}, "ggy", 9, [0, 2], id="one at least"),
        pytest.param({"g": a_limit(99)}, "gyg", 2, [0, 1], id="no more than was wanted"),
        pytest.param({"g": a_limit(8, due_in=3600)}, "gg", 9, [0, 1], id="a clock that went back"),
    ],
)
def test_which_messages_fit(held: dict[str, Limit], providers: str, wanted: int, chosen: list[int]) -> None:
    assert limits.fitting(held, list(providers), wanted, NOW) == chosen


def test_messages_move_the_limits_above_them_and_no_others() -> None:
    held = {ALL: a_limit(10), "g": a_limit(4), "y": a_limit(1)}
    moved = limits.taken(held, ["g", "g", "other"], NOW)
    assert moved == {ALL: a_limit(10, due_in=0.3), "g": a_limit(4, due_in=0.5)}


@pytest.mark.parametrize(
    ("held", "providers", "seconds"),
    [
        pytest.param({"g": a_limit(1, due_in=0.7)}, "gg", 0.7, id="until it is due"),
        pytest.param({"g": a_limit(1, due_in=0.7)}, "gy", 0.0, id="somebody may leave"),
        pytest.param(
            {ALL: a_limit(4, due_in=0.2), "g": a_limit(1, due_in=0.7)}, "gy", 0.2, id="the earliest of them"
        ),
        pytest.param({"g": a_limit(1, due_in=3600)}, "g", 0.0, id="a clock that went back"),
    ],
)
def test_how_long_until_somebody_may_leave(held: dict[str, Limit], providers: str, seconds: float) -> None:
    assert limits.wait(held, list(providers), NOW) == timedelta(seconds=seconds)


def test_a_claim_is_no_larger_than_what_gets_through_while_it_is_sent() -> None:
    assert limits.in_time({"g": a_limit(8), "y": a_limit(0.2)}, 2.6) == {"g": 21, "y": 1}


@given(
    per_second=st.floats(0.2, 200),
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(1, 100)), min_size=1, max_size=60),
    jump=st.floats(0, 4000),
)
def test_over_any_second_at_most_the_rate_and_one_window(per_second, steps, jump) -> None:
    """Whoever asks when; and a clock that goes back once admits one window more and holds nobody up."""
    held, now, log = {"g": a_limit(per_second)}, NOW, []
    window = max(int(per_second / 4), 1)
    for number, (pause, wanted) in enumerate(steps):
        now += timedelta(seconds=pause)
        if number == len(steps) // 2:
            now -= timedelta(seconds=jump)
            log, before = [], limits.wait(held, ["g"], now)
            assert before <= timedelta(seconds=max(1 / per_second, 0.25))
        chosen = limits.fitting(held, ["g"] * wanted, wanted, now)
        held |= limits.taken(held, ["g"] * len(chosen), now)
        log.append((now, len(chosen)))
    for begins, _ in log:
        second = [n for at, n in log if begins <= at < begins + timedelta(seconds=1)]
        assert sum(second) <= per_second + window + 1e-6
