"""The shape of a warm-up's day: no burst, nothing lost, engaged people first."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.warmup_shape import room_this_hour, tier


TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("cap", "today", "hour", "room"),
    [
        pytest.param(2_000, 0, 0, 200, id="a tenth"),
        pytest.param(2_000, 350, 150, 50, id="what is left of the hour"),
        pytest.param(2_000, 1_900, 0, 100, id="what is left of the day"),
        pytest.param(2_000, 200, 200, 0, id="an hour that is full"),
        pytest.param(2_000, 2_000, 0, 0, id="a day that is full"),
        pytest.param(15, 0, 0, 2, id="rounded up, so that small days end"),
        pytest.param(0, 0, 0, 0, id="a stopped domain"),
        pytest.param(100, 300, 40, 0, id="a cap that was lowered during the day"),
    ],
)
def test_an_hour_takes_a_tenth_of_the_day(cap: int, today: int, hour: int, room: int) -> None:
    assert room_this_hour(cap, used_today=today, used_this_hour=hour) == room


@given(st.integers(0, 100_000), st.lists(st.integers(1, 50_000), min_size=24, max_size=24))
def test_a_day_never_takes_more_than_its_cap_nor_an_hour_more_than_its_part(
    cap: int, wishes: list[int]
) -> None:
    hours = []
    for wish in wishes:
        hours.append(min(wish, room_this_hour(cap, used_today=sum(hours), used_this_hour=0)))
    assert sum(hours) <= cap
    assert max(hours) <= cap / 10 + 1


@given(st.integers(0, 100_000))
def test_ten_full_hours_take_all_of_it(cap: int) -> None:
    used = 0
    for _ in range(10):
        used += room_this_hour(cap, used_today=used, used_this_hour=0)
    assert used == cap


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, 0), (30, 0), (31, 1), (60, 1), (61, 2), (90, 2), (91, 3), (180, 3), (181, 4), (365, 4), (366, 5)],
)
def test_who_acted_lately_goes_first(age: int, expected: int) -> None:
    assert tier(TODAY - timedelta(days=age), TODAY) == expected


def test_who_never_acted_goes_last() -> None:
    assert tier(None, TODAY) == 5


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_a_later_act_never_gives_a_later_tier(one: int, other: int) -> None:
    later, earlier = sorted((one, other))
    assert tier(TODAY - timedelta(days=later), TODAY) <= tier(TODAY - timedelta(days=earlier), TODAY)
