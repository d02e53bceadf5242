"""When a campaign will be done: worked examples, on the morning of 24 November 2026."""

from datetime import date, datetime

import pytest

from core import forecast as forecasting
from core.forecast import Forecast


NOW = datetime(2026, 11, 24, 9)  # noqa: DTZ001  # the tenant's wall clock has no zone


def a_forecast(**changes: object) -> Forecast:
    """50,000 messages of a warm domain at 100 a second."""
    values = {
        "waiting": 50_000,
        "left_today": None,
        "rung": None,
        "quota_left": None,
        "quota_per_day": None,
        "rate": 100.0,
        "now": NOW,
    }
    return forecasting.forecast(**values | changes)


EXAMPLES = [
    pytest.param({}, 50_000, date(2026, 11, 24), None, "rate", 500.0, id="warm: today"),
    pytest.param(
        {"waiting": 10_000, "left_today": 10_000, "rung": 6}, 10_000, date(2026, 11, 24), None, "rate", 100.0,
        id="it just fits into today",
    ),
    pytest.param(
        {"waiting": 201, "left_today": 200, "rung": 0}, 200, date(2026, 11, 25), date(2026, 11, 25), "warm-up",
        2.0, id="one too many: tomorrow",
    ),
    # 25 November 10,000, then 15,000 and 22,000.
    pytest.param(
        {"waiting": 43_600, "left_today": 0, "rung": 5}, 0, date(2026, 11, 27), date(2026, 11, 25), "warm-up",
        0.0, id="four days of a warm-up",
    ),
    # 200 today, then 400 + 800 + 1,600 + 3,200 + 6,400 + 10,000 + 15,000 + 22,000.
    pytest.param(
        {"left_today": 200, "rung": 0}, 200, date(2026, 12, 2), date(2026, 11, 25), "warm-up", 2.0,
        id="a whole warm-up",
    ),
    # 250,000 on the 25th, warm from the 26th on.
    pytest.param(
        {"waiting": 3_000_000, "left_today": 0, "rung": 17}, 0, date(2026, 11, 26), date(2026, 11, 25),
        "warm-up", 0.0, id="the ladder ends",
    ),
    pytest.param(
        {"waiting": 150_000, "quota_left": 20_000, "quota_per_day": 49_000}, 20_000, date(2026, 11, 27),
        date(2026, 11, 25), "quota", 200.0, id="the account's quota",
    ),
    pytest.param(
        {"waiting": 150_000, "left_today": 5_000, "rung": 10, "quota_left": 20_000, "quota_per_day": 49_000},
        5_000, date(2026, 11, 27), date(2026, 11, 25), "warm-up", 50.0, id="the tighter of the two binds",
    ),
    pytest.param(
        {"waiting": 0, "left_today": 0, "rung": 0}, 0, date(2026, 11, 24), None, "rate", 0.0, id="nobody waits"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "today", "done_on", "resumes_on", "binding", "seconds"), EXAMPLES)
def test_the_forecast_walks_the_days_that_are_left(
    given: dict[str, object],
    today: int,
    done_on: date,
    resumes_on: date | None,
    binding: str,
    seconds: float,
) -> None:
    outlook = a_forecast(**given)
    assert (outlook.today, outlook.done_on, outlook.resumes_on, outlook.binding) == (
        today,
        done_on,
        resumes_on,
        binding,
    )
    assert outlook.seconds_today == pytest.approx(seconds)


def test_an_account_without_any_quota_is_never_done() -> None:
    assert a_forecast(waiting=10**9, quota_left=0, quota_per_day=0).done_on == date(2036, 11, 22)


SENTENCES = [
    pytest.param(
        5_000, {"waiting": 45_000, "left_today": 0, "rung": 5},
        "out of today's allowance: 5,000 sent, 45,000 wait until 2026-11-25, done about 2026-11-27",
        id="out of allowance",
    ),
    pytest.param(
        200, {"waiting": 49_800, "left_today": 0, "rung": 0},
        "out of today's allowance: 200 sent, 49,800 wait until 2026-11-25, done about 2026-12-02",
        id="the first day of a warm-up",
    ),
    pytest.param(
        49_000, {"waiting": 1_000, "quota_left": 0, "quota_per_day": 49_000},
        "out of today's SES quota: 49,000 sent, 1,000 wait until 2026-11-25, done about 2026-11-25",
        id="out of quota",
    ),
    pytest.param(9_000, {"waiting": 1_000}, "9,000 sent, 1,000 wait, done today", id="only a matter of time"),
    pytest.param(9_000, {"waiting": 0}, "9,000 sent, nobody waits", id="done"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "given", "sentence"), SENTENCES)
def test_a_run_that_ends_before_its_campaign_says_when_it_goes_on(
    sent: int, given: dict[str, object], sentence: str
) -> None:
    assert forecasting.in_words(sent, a_forecast(**given)) == sentence


def test_the_json_has_iso_dates() -> None:
    assert a_forecast(waiting=201, left_today=200, rung=0, rate=3.0).as_json() == {
        "waiting": 201,
        "fits_today": 200,
        "done_on": "2026-11-25",
        "resumes_on": "2026-11-25",
        "binding": "warm-up",
        "seconds_today": 66.7,
    }
    assert a_forecast(waiting=1).as_json()["resumes_on"] is None
