"""How good an import is, by what became of the mail to its people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.source_quality import Source, Verdict, rate


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        pytest.param(0, 0, 0.0, 1.0, id="nobody"),
        pytest.param(0, 20, 0.0, 0.161, id="none of twenty"),
        pytest.param(1, 20, 0.009, 0.236, id="one of twenty"),
        pytest.param(20, 20, 0.839, 1.0, id="all of twenty"),
        pytest.param(1_000, 20_000, 0.047, 0.053, id="the same share of many"),
    ],
)
def test_the_bounds_are_wilsons(hits: int, of: int, low: float, high: float) -> None:
    """As tables and statistics programs have them."""
    found = rate(hits, of)
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)


@pytest.mark.parametrize(
    ("counts", "score", "verdict"),
    [
        pytest.param({}, 100, Verdict.TOO_FEW, id="never mailed"),
        pytest.param({"mailed": 20, "bounced": 1}, 96, Verdict.TOO_FEW, id="one bounce of twenty damns nobody"),
        pytest.param({"mailed": 20_000, "bounced": 1_000}, 76, Verdict.BAD, id="the same share of many does"),
        pytest.param({"mailed": 10, "bounced": 9}, 0, Verdict.BAD, id="nine of ten are enough"),
        pytest.param({"mailed": 20_000, "bounced": 60, "complained": 2}, 99, Verdict.GOOD, id="a good list"),
        pytest.param({"mailed": 1_000, "bounced": 3}, 99, Verdict.FAIR, id="few bounces, complaints not known yet"),
        pytest.param({"mailed": 20_000, "complained": 80}, 68, Verdict.BAD, id="complaints alone"),
        pytest.param({"mailed": 1_000, "bounced": 300}, 0, Verdict.BAD, id="bought"),
    ],
)  # fmt: skip
def test_a_source_is_judged_by_the_bound_that_speaks_for_it(
    counts: dict[str, int], score: int, verdict: Verdict
) -> None:
    source = Source(name="file", contacts=20_000, **counts)
    assert (source.score, source.verdict) == (score, verdict)


def test_opens_do_not_count_because_tracking_may_be_off() -> None:
    silent = Source(name="a", contacts=10, mailed=10, opened=0)
    keen = Source(name="b", contacts=10, mailed=10, opened=10)
    assert silent.score == keen.score == 100
    assert keen.opens.value == 1.0


@given(st.integers(1, 10_000), st.data())
def test_more_bounces_never_raise_the_score(mailed: int, data: st.DataObject) -> None:
    fewer = data.draw(st.integers(0, mailed))
    more = data.draw(st.integers(fewer, mailed))
    one = Source(name="a", contacts=mailed, mailed=mailed, bounced=fewer)
    other = Source(name="a", contacts=mailed, mailed=mailed, bounced=more)
    assert 0 <= other.score <= one.score <= 100
