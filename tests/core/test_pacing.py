"""The rate that all workers share: GCRA, additive increase, multiplicative decrease, and the quota."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import outcomes, pacing
from core.pacing import Account, Grant


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def an_account(**changes: object) -> Account:
    """100 messages a second, of which we take 90."""
    values = {
        "max_send_rate": 100.0,
        "send_rate": 100.0,
        "max_24_hour_send": 50_000.0,
        "sent_last_24_hours": 0.0,
        "due_at": NOW,
    }
    return Account(**values | changes)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("max_send_rate", "ceiling"),
    [
        pytest.param(100.0, 90.0, id="ninety per cent"),
        pytest.param(14.0, 12.6, id="a new account"),
        pytest.param(1.0, 1.0, id="the sandbox keeps its one a second"),
    ],
)
def test_the_ceiling_is_ninety_per_cent_of_the_account(max_send_rate: float, ceiling: float) -> None:
    assert pacing.ceiling(an_account(max_send_rate=max_send_rate)) == pytest.approx(ceiling)


@pytest.mark.parametrize(
    ("limit", "ceiling"),
    [
        pytest.param(None, 90.0, id="nobody has set one"),
        pytest.param(12.5, 12.5, id="below the account's it holds as it was said"),
        pytest.param(90.0, 90.0, id="at the account's"),
        pytest.param(500.0, 90.0, id="it never raises what Amazon allows"),
    ],
)
def test_an_operators_limit_lowers_the_ceiling(limit: float | None, ceiling: float) -> None:
    assert pacing.ceiling(an_account(rate_limit=limit)) == pytest.approx(ceiling)


def test_a_limit_holds_from_the_next_grant_on_and_after_its_end_the_account_is_as_fast_as_before() -> None:
    grant, limited = pacing.reserve(an_account(rate_limit=8.0), 48, NOW)
    assert (grant.count, limited.due_at) == (2, later(0.25))
    grant, _ = pacing.reserve(replace(limited, rate_limit=None), 48, later(0.25))
    assert grant.count == 22


GRANTS = [
    pytest.param({}, 48, 22, 22 / 90, id="a quarter of a second's worth"),
    pytest.param({}, 5, 5, 5 / 90, id="no more than was wanted"),
    pytest.param({"max_send_rate": 1.0}, 48, 1, 1.0, id="one at least"),
    pytest.param({"sent_last_24_hours": 48_990.0}, 48, 10, 10 / 90, id="what is left of the quota"),
    pytest.param({"max_24_hour_send": -1.0}, 48, 22, 22 / 90, id="no quota"),
    pytest.param({"due_at": NOW - timedelta(hours=1)}, 48, 22, 22 / 90, id="no burst after a pause"),
]


@pytest.mark.parametrize(("changes", "wanted", "granted", "seconds"), GRANTS)
def test_a_grant_moves_the_next_one_by_its_own_length(
    changes: dict[str, object], wanted: int, granted: int, seconds: float
) -> None:
    account = an_account(**changes)
    grant, after = pacing.reserve(account, wanted, NOW)
    assert grant == Grant(count=granted)
    assert (after.due_at - NOW).total_seconds() == pytest.approx(seconds, abs=1e-5)
    assert after.sent_last_24_hours == account.sent_last_24_hours + granted


HELD = [
    pytest.param({"due_at": later(0.2)}, timedelta(seconds=0.2), "rate", id="somebody was just granted"),
    pytest.param({"sent_last_24_hours": 49_000.0}, timedelta(minutes=10), "quota", id="98 % of the quota"),
    pytest.param({"sent_last_24_hours": 60_000.0}, timedelta(minutes=10), "quota", id="others used it up"),
    pytest.param(
        {"blocked_until": later(30), "blocked_reason": "ses_unreachable"},
        timedelta(seconds=30),
        "ses_unreachable",
        id="blocked",
    ),
    pytest.param({"blocked_until": later(1)}, timedelta(seconds=1), "blocked", id="blocked without a word"),
]


@pytest.mark.parametrize(("changes", "wait", "held_by"), HELD)
def test_nobody_is_granted_anything_while_the_account_is_held(
    changes: dict[str, object], wait: timedelta, held_by: str
) -> None:
    account = an_account(**changes)
    assert pacing.reserve(account, 10, NOW) == (Grant(count=0, wait=wait, held_by=held_by), account)


def test_a_block_that_is_over_holds_nobody() -> None:
    grant, _ = pacing.reserve(an_account(blocked_until=NOW, blocked_reason="quota"), 10, NOW)
    assert grant.count == 10


# Clocks that jump


HOUR = timedelta(hours=1)
JUMPED = [
    pytest.param({"due_at": NOW + HOUR}, {"told_twice_until": NOW + HOUR}, id="a grant of an hour ahead"),
    pytest.param({"due_at": later(1.001)}, {"told_twice_until": later(1.001)}, id="longer than any grant"),
    pytest.param(
        {"due_at": NOW + HOUR, "told_twice_until": NOW + 2 * HOUR},
        {"told_twice_until": NOW + 2 * HOUR},
        id="it has gone back further before",
    ),
    pytest.param(
        {"due_at": NOW + HOUR, "told_twice_until": NOW - HOUR},
        {"told_twice_until": NOW + HOUR},
        id="it has gone back long ago, too",
    ),
    pytest.param(
        {"blocked_until": NOW + HOUR, "blocked_reason": "quota"},
        {"blocked_until": None},
        id="longer than any block",
    ),
    pytest.param({"slowed_at": NOW + HOUR}, {"slowed_at": NOW}, id="a throttling that is still to come"),
]


@pytest.mark.parametrize(("left", "changed"), JUMPED)
def test_a_time_that_only_a_clock_that_went_back_can_have_left_holds_nobody(
    left: dict[str, object], changed: dict[str, object]
) -> None:
    """F20"""
    grant, after = pacing.reserve(an_account(**left), 5, NOW)
    assert grant.count == 5
    assert {name: getattr(after, name) for name in changed} == changed
    assert after.due_at <= later(1)


BELIEVED = [
    pytest.param({"due_at": later(1)}, id="the longest grant"),
    pytest.param({"blocked_until": NOW + timedelta(minutes=10)}, id="the longest block"),
    pytest.param({"due_at": NOW - HOUR, "slowed_at": NOW - HOUR}, id="all of it past"),
]


@pytest.mark.parametrize("left", BELIEVED)
def test_a_time_that_the_rule_itself_can_have_left_is_believed(left: dict[str, object]) -> None:
    account = an_account(**left)
    assert pacing.believed(account, NOW) == account


def test_after_a_block_for_ambiguity_a_clock_that_went_back_still_admits_no_more_than_a_probe() -> None:
    account = pacing.blocked(an_account(), NOW + HOUR, pause=timedelta(seconds=30), reason=pacing.AMBIGUITY)
    grant, _ = pacing.reserve(account, 48, NOW)
    assert grant == Grant(count=1, is_probe=True)


def test_a_block_after_the_clock_went_back_holds_for_its_own_time() -> None:
    account = pacing.blocked(an_account(), NOW + HOUR, pause=timedelta(minutes=10), reason="quota")
    account = pacing.blocked(account, NOW, pause=timedelta(minutes=5), reason="quota")
    assert account.blocked_until == NOW + timedelta(minutes=5)


def test_throttling_after_the_clock_went_back_slows_down_and_heals_in_time() -> None:
    account = pacing.slowed(pacing.slowed(an_account(), NOW + HOUR), NOW)
    account = pacing.slowed(account, later(1))
    assert account.send_rate == pytest.approx(44.1)
    assert pacing.rate(account, later(60)) == pytest.approx(90.0)


def test_no_reason_for_a_block_is_longer_than_the_longest() -> None:
    pauses = [
        outcomes.QUOTA_PAUSE_SECONDS,
        outcomes.CLOCK_PAUSE_SECONDS,
        outcomes.LONGEST_AMBIGUITY_PAUSE,
        *outcomes.UNREACHABLE_PAUSES,
    ]
    assert timedelta(seconds=max(pauses)) <= pacing.LONGEST_BLOCK


@given(
    st.floats(min_value=1, max_value=500),
    st.lists(st.tuples(st.floats(-7200, 7200), st.integers(1, 500)), min_size=1, max_size=40),
)
def test_whatever_the_clock_does_nobody_waits_longer_than_a_second(
    max_send_rate: float, asked: list[tuple[float, int]]
) -> None:
    """F20"""
    account, now = an_account(max_send_rate=max_send_rate, max_24_hour_send=-1.0), NOW
    for jump, wanted in asked:
        now += timedelta(seconds=jump)
        grant, account = pacing.reserve(account, wanted, now)
        assert grant.wait <= timedelta(seconds=1)
        assert grant.count or grant.wait


@pytest.mark.parametrize(
    ("quota", "sent", "left"),
    [
        pytest.param(50_000.0, 0.0, 49_000, id="98 % of it"),
        pytest.param(50_000.0, 48_999.5, 0, id="less than one"),
        pytest.param(50_000.0, 50_000.0, 0, id="never negative"),
        pytest.param(-1.0, 1e9, None, id="unlimited"),
    ],
)
def test_two_per_cent_of_the_quota_is_left_alone(quota: float, sent: float, left: int | None) -> None:
    assert pacing.quota_left(an_account(max_24_hour_send=quota, sent_last_24_hours=sent)) == left


def test_a_throttled_account_slows_to_seventy_per_cent() -> None:
    """F07"""
    slowed = pacing.slowed(an_account(), NOW)
    assert slowed.send_rate == pytest.approx(63.0)
    assert pacing.rate(slowed, NOW) == pytest.approx(63.0)


def test_a_second_answer_within_the_second_changes_nothing() -> None:
    slowed = pacing.slowed(an_account(), NOW)
    assert pacing.slowed(slowed, later(0.99)) == slowed


def test_throttling_that_goes_on_halves_the_rate_in_two_seconds() -> None:
    slowed = pacing.slowed(pacing.slowed(an_account(), NOW), later(1))
    assert slowed.send_rate == pytest.approx(44.1)


def test_the_rate_never_falls_below_one_a_second() -> None:
    account = an_account(max_send_rate=1.2)
    for second in range(20):
        account = pacing.slowed(account, later(second))
    assert pacing.rate(account, later(20)) == 1.0


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [
        pytest.param(0, 63.0, id="at once"),
        pytest.param(10, 63.0, id="ten quiet seconds"),
        pytest.param(11, 64.8, id="then 2 % of the ceiling a second"),
        pytest.param(20, 81.0, id="ten of them"),
        pytest.param(25, 90.0, id="back at the ceiling"),
        pytest.param(3600, 90.0, id="never above it"),
    ],
)
def test_a_quiet_account_recovers(seconds: int, rate: float) -> None:
    """F07"""
    assert pacing.rate(pacing.slowed(an_account(), NOW), later(seconds)) == pytest.approx(rate)


def test_a_throttling_while_it_recovers_lowers_what_it_had_become() -> None:
    slowed = pacing.slowed(pacing.slowed(an_account(), NOW), later(20))
    assert slowed.send_rate == pytest.approx(81.0 * 0.7)


def test_a_larger_account_is_used_at_once_when_nothing_was_throttled() -> None:
    assert pacing.rate(an_account(max_send_rate=500.0), NOW) == pytest.approx(450.0)


@given(
    st.floats(min_value=1, max_value=500),
    st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 500)), min_size=1, max_size=80),
)
def test_over_any_second_no_more_than_the_rate_and_one_grant_is_granted(
    max_send_rate: float, asked: list[tuple[float, int]]
) -> None:
    account = an_account(max_send_rate=max_send_rate, max_24_hour_send=-1.0)
    now, granted = NOW, []
    for pause, wanted in asked:
        now += timedelta(seconds=pause)
        grant, account = pacing.reserve(account, wanted, now)
        if grant.count:
            granted.append((now, grant.count))
    rate = pacing.ceiling(account)
    for first, (begins, _) in enumerate(granted):
        within = [number for at, number in granted[first:] if (at - begins).total_seconds() < 1]
        # A microsecond is the finest that a moment can be told apart.
        assert sum(within[:-1]) <= rate + 0.01


@given(st.lists(st.integers(1, 500), max_size=50), st.floats(0, 2000))
def test_the_quota_is_never_exceeded(wanted: list[int], sent: float) -> None:
    account = an_account(max_24_hour_send=1000.0, sent_last_24_hours=sent)
    total = 0
    for number in wanted:
        grant, after = pacing.reserve(replace(account, due_at=NOW), number, NOW)
        account, total = after, total + grant.count
    assert total <= max(980 - sent, 0)
