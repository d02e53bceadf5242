"""Columns of a batch arrive in PostgreSQL as they were sent."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlmodel import Session

from store.arrays import Moments, Numbers, Texts
from store.session import one


def there_and_back(session: Session, column: object) -> object:
    row = one(session, "SELECT :column AS column, pg_typeof(:column)::text AS type", column=column)
    assert row is not None
    return row["column"], row["type"]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        pytest.param(Texts(['{"a": "\\"b\\""}', "Zo\u00eb \U0001f600", "", "NULL", " {},\n"]), "text[]", id="texts"),
        pytest.param(Texts(["a", None]), "text[]", id="texts with a null"),
        pytest.param(Texts([None]), "text[]", id="nothing but a null"),
        pytest.param(Texts(), "text[]", id="no text"),
        pytest.param(Numbers([0, -1, 2**63 - 1, -(2**63)]), "bigint[]", id="numbers"),
        pytest.param(Numbers(), "bigint[]", id="no number"),
        pytest.param(
            Moments([datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 10, 1, 8, 0, 0, 120_000, tzinfo=UTC)]),
            "timestamp with time zone[]", id="times on both sides of PostgreSQL's epoch",
        ),
        pytest.param(Moments(), "timestamp with time zone[]", id="no time"),
    ],
)  # fmt: skip
def test_a_column_comes_back_as_it_was(session: Session, sent: tuple[object, ...], kind: str) -> None:
    assert there_and_back(session, sent) == (list(sent), kind)


def test_a_time_of_another_zone_is_the_same_moment(session: Session) -> None:
    berlin = datetime(2026, 10, 1, 10, 0, tzinfo=timezone(timedelta(hours=2)))
    assert there_and_back(session, Moments([berlin]))[0] == [datetime(2026, 10, 1, 8, 0, tzinfo=UTC)]
