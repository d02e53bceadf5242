"""The sending rate and the 24-hour quota."""

import pytest

from simulator.errors import SesError
from simulator.limits import Clock, Limits, timestamp


class HandClock(Clock):
    """A clock that is moved by hand."""

    now = 1_790_000_000.0

    def seconds(self) -> float:
        return self.now


def limits(**given: float) -> tuple[Limits, HandClock]:
    clock = HandClock()
    return Limits(clock, **{"max_send_rate": 10.0, "max_24_hour_send": 100.0} | given), clock


def refused(limits: Limits) -> str:
    try:
        limits.check()
    except SesError as error:
        return error.code
    return ""


def test_one_second_holds_as_many_recipients_as_the_rate() -> None:
    account, clock = limits()
    for _ in range(10):
        assert refused(account) == ""
        account.spend(1, counted=1)
    assert refused(account) == "TooManyRequestsException"
    clock.now += 0.11
    assert refused(account) == ""


def test_a_call_that_overdraws_the_rate_passes_and_the_next_ones_wait_until_it_is_paid_off() -> None:
    account, clock = limits()
    account.check()
    account.spend(50, counted=50)
    clock.now += 4.0
    assert refused(account) == "TooManyRequestsException"
    clock.now += 0.2
    assert refused(account) == ""


def test_an_account_of_less_than_one_message_a_second_can_send_at_all() -> None:
    account, clock = limits(max_send_rate=0.5)
    assert refused(account) == ""
    account.spend(1, counted=1)
    clock.now += 1.9
    assert refused(account) == "TooManyRequestsException"
    clock.now += 1.2
    assert refused(account) == ""


def test_the_quota_rolls_off_after_24_hours() -> None:
    account, clock = limits(max_24_hour_send=2.0)
    account.spend(1, counted=1)
    clock.now += 3600
    account.spend(1, counted=1)
    assert refused(account) == "LimitExceededException"
    clock.now += 23 * 3600 + 1
    assert account.sent_last_24_hours() == 1
    assert refused(account) == ""


def test_minus_one_means_no_quota() -> None:
    account, _ = limits(max_24_hour_send=-1)
    account.spend(1_000_000, counted=1_000_000)
    assert account.has_quota(1_000_000)


def test_a_fast_clock_makes_a_day_pass_in_less() -> None:
    clock = Clock(speed=86_400.0)
    assert clock.stretched(1.0) == pytest.approx(86_400.0)


def test_time_is_written_in_utc_with_milliseconds() -> None:
    assert timestamp(1_790_841_600.12) == "2026-10-01T08:00:00.120Z"
