"""A forecast as bars."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.forecast import AtProvider, ExpectedDay, Forecast
from core.forecast_picture import bars, by_provider, history, table
from core.forecast_score import Told


FIRST = date(2026, 11, 24)


def a_forecast(*days: dict[str, float], p50: int = 0, p90: int = 0) -> Forecast:
    return Forecast(
        waiting=1,
        today=1,
        done_on=FIRST + timedelta(days=p50),
        done_on_p90=FIRST + timedelta(days=p90),
        resumes_on=None,
        binding="warm-up",
        seconds_today=1.0,
        days=[ExpectedDay(FIRST + timedelta(days=number), sent) for number, sent in enumerate(days)],
    )


def test_the_table_has_a_bar_for_each_day_and_marks_the_ends() -> None:
    outlook = a_forecast(
        {"gmail": 400.0, "yahoo": 200.0},
        {"gmail": 1_200.0, "yahoo": 0.4},
        {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0},
        p50=1,
        p90=2,
    )
    assert table(outlook) == [
        "",
        "| Day | Expected | | Of these |",
        "| --- | ---: | --- | --- |",
        "| 24 Nov | 600 | ████████████ | gmail 400, yahoo 200 |",
        "| 25 Nov | 1,200 | ████████████████████████ **P50** | gmail 1,200, yahoo 0 |",
        "| 26 Nov | 15 | ▎ **P90** | e 5, d 4, c 3, others 3 |",
    ]


def test_what_leaves_on_one_day_needs_no_picture() -> None:
    assert table(a_forecast({"gmail": 5.0})) == []
    assert table(a_forecast()) == []


@pytest.mark.parametrize(("days", "number"), [(21, 21), (22, 11), (60, 20), (400, 20)])
def test_many_days_share_bars(days: int, number: int) -> None:
    found = bars(a_forecast(*[{"gmail": 10.0}] * days))
    assert len(found) <= 21
    assert len(found) == pytest.approx(number, abs=1)
    assert sum(bar.total for bar in found) == days * 10
    assert max(bar.length for bar in found) == 1.0


def test_a_bar_of_several_days_names_the_first_and_the_last() -> None:
    assert bars(a_forecast(*[{"gmail": 10.0}] * 4), most=2)[1].days == "26 Nov – 27 Nov"


def test_each_provider_has_its_end_and_what_binds_it_the_last_first() -> None:
    def at(provider: str, waiting: int, p90: int, binding: str) -> AtProvider:
        ends = {"done_on": FIRST, "done_on_p90": FIRST + timedelta(days=p90)}
        return AtProvider(provider=provider, waiting=waiting, today=200, binding=binding, **ends)

    told = replace(a_forecast(), providers=[at("gmail", 9_000, 0, "rate"), at("yahoo", 6_000, 7, "warm-up")])
    assert by_provider(told)[3:] == [
        "| yahoo | 6,000 | 200 | 2026-11-24 | 2026-12-01 | its warm-up cap |",
        "| gmail | 9,000 | 200 | 2026-11-24 | 2026-11-24 | SES's rate |",
    ]
    assert by_provider(a_forecast()) == []


def said(day: int, p90: int, *, is_end: bool = False) -> Told:
    return Told(FIRST + timedelta(days=day), 900 - day, FIRST, FIRST + timedelta(days=p90), is_end)


def test_before_the_end_nobody_knows_whether_a_forecast_is_kept() -> None:
    assert history([said(0, 3)])[2:] == ["| 2026-11-24 | 900 | 2026-11-24 | 2026-11-27 | not known yet |"]
    assert history([]) == history([said(0, 0, is_end=True)]) == []


def test_once_it_is_done_each_forecast_is_compared_with_what_happened() -> None:
    told = [said(0, 3), said(1, 4), said(2, 5), said(5, 5, is_end=True)]
    assert [line.split(" | ")[-1] for line in history(told)[2:]] == [
        "**missed**: done on 2026-11-29, 2 days after the P90 |",
        "**missed**: done on 2026-11-29, 1 day after the P90 |",
        "kept: done on 2026-11-29 |",
    ]


def test_of_many_days_the_first_and_the_newest_are_told() -> None:
    lines = history([said(day, 90) for day in range(40)])
    assert [line[2:12] for line in lines[2:5]] == ["2026-11-24", "2026-12-25", "2026-12-26"]
    assert lines[-1] == "30 days between the first and the second are left out."
