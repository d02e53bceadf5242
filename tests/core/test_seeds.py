"""Tests to seeds: names, tags, and what events make of them."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InputError
from core.facts import Fact, Seen
from core.seeds import checked_name, reported, state_after, tags_for


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)


def seen(at: datetime) -> Seen:
    return Seen(first_at=at, last_at=at)


@pytest.mark.parametrize(
    ("given", "kept"),
    [pytest.param("team", "team", id="plain"), pytest.param("  Our team ", "Our team", id="spaces around")],
)
def test_a_list_has_a_name_without_spaces_around(given: str, kept: str) -> None:
    assert checked_name(given) == kept


@pytest.mark.parametrize("given", ["", "  ", "x" * 101, "a\nb"])
def test_a_list_needs_a_name_that_people_can_read(given: str) -> None:
    with pytest.raises(InputError):
        checked_name(given)


def test_a_test_names_no_delivery_so_that_no_ledger_misses_one() -> None:
    assert tags_for(tenant="acme", test_id="test-1") == {
        "tenant": "acme",
        "test": "test-1",
        "ses:feedback-id-a": "test",
        "ses:feedback-id-b": "acme",
    }


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        pytest.param([Fact.SENT], "sent", id="any event says that SES has it"),
        pytest.param([Fact.SENT, Fact.BOUNCE_PERMANENT], "sent", id="a bounce was sent before"),
        pytest.param([Fact.SENT, Fact.REJECT], "failed", id="SES found a virus"),
        pytest.param([Fact.SENT, Fact.RENDERING_FAILURE], "failed", id="SES could not fill it in"),
    ],
)
def test_events_prove_whether_a_test_was_sent(facts: list[Fact], state: str) -> None:
    assert state_after(facts) == state


def test_reports_fold_to_the_first_time_of_each_in_any_order() -> None:
    early, late = {Fact.OPEN: seen(NOON)}, {Fact.OPEN: seen(LATER), Fact.DELIVERY: seen(LATER)}
    whole = {"delivery": "2026-11-24T12:05:00+00:00", "open": "2026-11-24T12:00:00+00:00"}
    assert reported(reported({}, early), late) == whole
    assert reported(reported({}, late), early) == whole
    assert reported(whole, late) == whole
