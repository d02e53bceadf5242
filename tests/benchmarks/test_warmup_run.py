"""A whole warm-up from cold to done, by the calendar: the real campaign code against receivers that learn, at a tenth of the caps."""

import pytest

from benchmarks import warmup_run
from benchmarks.warmup_people import PROVIDERS, STRICT, people, profile, provider_of
from benchmarks.warmup_report import Report
from core import warmup_controller


CONTACTS = 3_000
SCALE = 0.1


@pytest.fixture(scope="module")
def report() -> Report:
    """One run; whatever it has set in the environment ends with it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "AWS_ENDPOINT_URL_SESV2",
            "AWS_DEFAULT_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ):
            patch.setenv(name, "")
        for name in ("START", "FLOOR", "MIN_DELIVERED"):
            patch.setattr(warmup_controller, name, int(getattr(warmup_controller, name) * SCALE))
        return warmup_run.warm_up(CONTACTS, days=45, seed=7, scale=SCALE)


def test_everybody_is_reached_and_nobody_twice(report: Report) -> None:
    assert (str(report.status.state), report.status.sent) == ("done", CONTACTS)
    assert (report.verdict.duplicates, report.verdict.lost) == (0, 0)


def test_no_cap_is_exceeded_and_every_message_is_counted(report: Report) -> None:
    """The accept log against the ledger, by the tenant's day and provider."""
    assert report.verdict.over_a_cap == 0
    assert all(day.log == day.used == day.accepted <= day.cap for day in report.days)
    assert sum(day.log for day in report.days) == CONTACTS


def test_a_cap_is_filled_before_the_campaign_waits_for_another_day(report: Report) -> None:
    last = {each.key: max(day.on for day in report.days if day.provider == each.key and day.log) for each in PROVIDERS}  # fmt: skip
    early = [day for day in report.days if day.on < last[day.provider]]
    assert early
    assert [day for day in early if day.used != day.cap] == []


def test_the_strict_provider_slows_its_own_mail_and_puts_little_off(report: Report) -> None:
    assert 0 < report.put_off(STRICT) < 0.05
    rules = [day.rule for day in report.days if day.provider == STRICT]
    assert "step_back" in rules
    assert "hold_after_step_back" in rules
    days = {each.key: sum(day.provider == each.key and day.log > 0 for day in report.days) for each in PROVIDERS}  # fmt: skip
    assert days[STRICT] == max(days.values())


def test_each_morning_has_a_forecast_and_the_last_one_is_right(report: Report) -> None:
    assert report.done_on is not None
    assert [one.on for one in report.mornings] == sorted({day.on for day in report.days})
    assert report.mornings[-1].p50 == report.done_on.isoformat()
    assert all(one.p50 <= one.p90 for one in report.mornings)


def test_the_report_reads_as_tables(report: Report) -> None:
    text = report.as_markdown()
    assert f"{CONTACTS:,} contacts, {CONTACTS:,} sent, done on day {len(report.mornings)}" in text
    assert "**no**" not in text
    assert report.as_json()["by_provider"][STRICT]["put_off"] == pytest.approx(
        report.put_off(STRICT), abs=1e-4
    )


def test_the_audience_is_shared_among_the_providers() -> None:
    counts = people(1_000)
    by_provider = {
        each.key: sum(number for domain, number in counts.items() if provider_of(f"a@{domain}") == each.key)
        for each in PROVIDERS
    }
    assert by_provider == {
        "gmail": 450,
        "microsoft_consumer": 200,
        "yahoo": 150,
        "united_internet": 120,
        "apple": 80,
    }
    assert profile(scale=0.1)["yahoo-1.example"]["learns"]["capacity"] == 25
