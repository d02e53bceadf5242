"""A forecast as bars."""

from datetime import date, timedelta

import pytest

from core.forecast import ExpectedDay, Forecast
from core.forecast_picture import bars, table


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
