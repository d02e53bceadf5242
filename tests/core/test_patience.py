"""What a template may cost before it waits behind others, and before it is not tried for a while."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.patience import GOOD, Conduct, Rank


LIMIT = 2.0


def after(seconds: list[float], conduct: Conduct = GOOD) -> Conduct:
    """Fill messages of these durations, one a second; what takes longer than the limit is stopped."""
    for number, spent in enumerate(seconds):
        end = conduct.stopped if spent > LIMIT else conduct.filled
        conduct = end(spent, limit=LIMIT, now=float(number))
    return conduct


@pytest.mark.parametrize(
    ("seconds", "rank"),
    [
        pytest.param([], Rank.EQUAL, id="nothing yet"),
        pytest.param([0.02] * 1_000, Rank.EQUAL, id="a thousand quick ones"),
        pytest.param([0.4], Rank.EQUAL, id="one that is slow"),
        pytest.param([0.054] * 20, Rank.EQUAL, id="twenty that premailer inlines"),
        pytest.param([0.054] * 40, Rank.BEHIND, id="forty of them"),
        pytest.param([1.9], Rank.LAST, id="one that is very slow"),
        pytest.param([0.3] * 20, Rank.LAST, id="always slow"),
        pytest.param([2.1], Rank.LAST, id="one that was stopped"),
        pytest.param([2.1, 0.001], Rank.LAST, id="and a good one"),
        pytest.param([2.1, *[0.001] * 8], Rank.BEHIND, id="and eight good ones"),
        pytest.param([2.1, *[0.001] * 70], Rank.EQUAL, id="and seventy good ones"),
    ],
)
def test_who_took_much_waits_behind_others(seconds: list[float], rank: Rank) -> None:
    assert after(seconds).rank(LIMIT) is rank


def test_of_quick_messages_nothing_is_remembered() -> None:
    assert after([0.02] * 50) is GOOD


def test_good_messages_pay_everything_back() -> None:
    assert after([2.1, 0.3, *[0.001] * 200]) == GOOD


@pytest.mark.parametrize(("stops", "allowed"), [(0, 2.0), (1, 2.0), (2, 2.0), (3, 0.25), (5, 0.25)], ids=str)
def test_after_three_stops_in_a_row_a_message_may_take_less(stops: int, allowed: float) -> None:
    assert after([2.1] * stops).allowed(LIMIT) == allowed


def test_a_good_message_in_between_gives_the_whole_limit_back() -> None:
    assert after([2.1, 2.1, 0.001, 2.1]).allowed(LIMIT) == LIMIT


def test_the_sixth_stop_in_a_row_is_followed_by_a_rest_of_a_minute() -> None:
    assert not after([2.1] * 5).rests(5.0)
    tired = after([2.1] * 6)
    assert [tired.rests(at) for at in (5.0, 64.9, 65.0)] == [True, True, False]


def test_a_death_counts_as_a_stop_however_soon_it_came() -> None:
    conduct = GOOD
    for _ in range(6):
        conduct = conduct.stopped(0.0, limit=LIMIT, now=0.0)
    assert conduct.rests(1.0)


def test_after_its_rest_one_bad_message_is_enough_and_one_good_one_too() -> None:
    tired = after([2.1] * 6)
    assert tired.stopped(0.3, limit=LIMIT, now=70.0).rests(71.0)
    better = tired.filled(0.001, limit=LIMIT, now=70.0)
    assert not better.rests(71.0)
    assert better.allowed(LIMIT) == LIMIT


@given(st.lists(st.floats(0, 3), max_size=300))
def test_what_a_template_takes_before_it_rests_is_bounded(seconds: list[float]) -> None:
    """Twelve seconds and a quarter of a second a message, with a limit of two."""
    conduct, spent = GOOD, 0.0
    for number, message in enumerate(itertools.chain(seconds, [0.3] * 500), start=1):
        if conduct.rests(0.0):
            break
        taken = min(message, conduct.allowed(LIMIT))
        spent += taken
        end = conduct.stopped if message > taken else conduct.filled
        conduct = end(taken, limit=LIMIT, now=0.0)
        assert spent <= 12 + 0.25 * number
    assert conduct.rests(0.0)
