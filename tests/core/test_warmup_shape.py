"""The shape of a warm-up's day: no burst, and nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.warmup_shape import CALM, room_this_hour


@pytest.mark.parametrize(
    ("cap", "today", "hour", "hours_left", "room"),
    [
        pytest.param(20_000, 0, 0, 24, 2_000, id="a tenth"),
        pytest.param(20_000, 3_500, 1_500, 15, 500, id="what is left of the hour"),
        pytest.param(20_000, 19_000, 0, 12, 1_000, id="what is left of the day"),
        pytest.param(20_000, 2_000, 2_000, 22, 0, id="an hour that is full"),
        pytest.param(20_000, 20_000, 0, 20, 0, id="a day that is full"),
        pytest.param(20_005, 0, 0, 24, 2_001, id="rounded up"),
        pytest.param(400, 0, 0, 24, 400, id="a small day is no outbreak"),
        pytest.param(20_000, 0, 0, 4, 5_000, id="who begins in the evening has larger hours"),
        pytest.param(20_000, 5_000, 5_000, 4, 0, id="and fills them one by one"),
        pytest.param(20_000, 5_000, 0, 3, 5_000, id="evenly"),
        pytest.param(20_000, 15_000, 0, 1, 5_000, id="to the last"),
        pytest.param(0, 0, 0, 24, 0, id="a stopped domain"),
        pytest.param(100, 300, 40, 24, 0, id="a cap that was lowered during the day"),
    ],
)
def test_an_hour_takes_its_part_of_the_day(
    cap: int, today: int, hour: int, hours_left: int, room: int
) -> None:
    assert room_this_hour(cap, used_today=today, used_this_hour=hour, hours_left=hours_left) == room


@given(st.integers(0, 100_000), st.lists(st.integers(1, 50_000), min_size=24, max_size=24))
def test_a_day_never_takes_more_than_its_cap(cap: int, wishes: list[int]) -> None:
    used = 0
    for hour, wish in enumerate(wishes):
        room = room_this_hour(cap, used_today=used, used_this_hour=0, hours_left=24 - hour)
        assert hour > 24 - 10 or room <= max(cap / 10 + 1, CALM)
        used += min(wish, room)
    assert used <= cap


@given(st.integers(0, 100_000), st.integers(0, 23))
def test_whoever_fills_every_hour_that_is_left_fills_the_day(cap: int, first: int) -> None:
    used = 0
    for hour in range(first, 24):
        used += room_this_hour(cap, used_today=used, used_this_hour=0, hours_left=24 - hour)
    assert used == cap


@given(st.integers(0, 100_000), st.lists(st.integers(1, 5_000), max_size=30), st.integers(1, 24))
def test_an_hour_that_is_taken_in_pieces_takes_no_more_than_at_once(
    cap: int, pieces: list[int], hours_left: int
) -> None:
    whole = room_this_hour(cap, used_today=0, used_this_hour=0, hours_left=hours_left)
    used = 0
    for piece in pieces:
        used += min(piece, room_this_hour(cap, used_today=used, used_this_hour=used, hours_left=hours_left))
    assert used <= whole
