from datetime import UTC, datetime, timedelta

import pytest

from core.engagement import tier


NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(-1, 0, id="by a clock that is ahead"),
        pytest.param(0, 0, id="now"),
        pytest.param(30, 0, id="30 days"),
        pytest.param(30.1, 1, id="a little longer"),
        pytest.param(60, 1, id="60 days"),
        pytest.param(90, 2, id="90 days"),
        pytest.param(180, 3, id="half a year"),
        pytest.param(365, 4, id="a year"),
        pytest.param(366, 5, id="longer"),
        pytest.param(None, 5, id="never"),
    ],
)
def test_the_more_lately_a_person_was_engaged_the_earlier_is_the_tier(
    days: float | None, expected: int
) -> None:
    engaged_at = None if days is None else NOW - timedelta(days=days)
    assert tier(engaged_at, NOW) == expected
