"""The lines of the list that says who got a campaign, who did not, and why."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from core.deliveries import SkipReason, State
from core.recipients import COLUMNS, OUTCOMES, Outcome, lines, states_of


def a_row(**changes: Any) -> dict[str, Any]:
    """What the ledger says of a contact who was sent a message."""
    called = datetime(2026, 11, 24, 10, 0, 0, 123, tzinfo=timezone(timedelta(hours=1)))
    return {
        "contact_id": 7,
        "address": "ann@example.net",
        "state_reason": "",
        "state": "sent",
        "skip_reason": None,
        "outcome_code": None,
        "provider": "gmail",
        "submitted_at": called,
        "ses_message_id": "ses-1",
        "at": called,
        "facts": None,
    } | changes


def line(**changes: Any) -> dict[str, object]:
    (cells,) = lines([a_row(**changes)])
    assert len(cells) == len(COLUMNS)
    return dict(zip(COLUMNS, cells, strict=True))


def test_every_state_has_an_outcome_and_every_outcome_a_state() -> None:
    assert set(OUTCOMES) == set(State)
    assert set(OUTCOMES.values()) == set(Outcome)


def test_no_choice_is_all_states_and_a_choice_only_its_own() -> None:
    assert set(states_of([])) == set(State)
    assert states_of([Outcome.FAILED, Outcome.UNCONFIRMED]) == [State.FAILED, State.UNCONFIRMED]
    assert len(states_of([Outcome.WAITING])) == 4


def test_a_message_that_was_read_has_its_moments_in_utc() -> None:
    facts = {
        "sent": {"at": "2026-11-24T09:00:01+00:00", "reason": None},
        "delivery": {"at": "2026-11-24T10:00:05.25+01:00", "reason": None},
        "open": {"at": "2026-11-24T11:00:00+00:00", "reason": None},
        "open_machine": {"at": "2026-11-24T09:00:06+00:00", "reason": None},
    }
    assert line(facts=facts) == {
        "email": "ann@example.net",
        "contact_id": 7,
        "outcome": "sent",
        "reason": None,
        "why": "SES accepted it; reported since: delivered, opened by a machine, opened by a person.",
        "at": "2026-11-24T09:00:00Z",
        "called_at": "2026-11-24T09:00:00Z",
        "delivered_at": "2026-11-24T09:00:05Z",
        "bounced_as": None,
        "bounced_at": None,
        "complained_at": None,
        "opened_at": "2026-11-24T11:00:00Z",
        "clicked_at": None,
        "provider": "gmail",
        "ses_message_id": "ses-1",
    }


@pytest.mark.parametrize(
    ("fact", "reason", "told"),
    [
        pytest.param("bounce_permanent", "no_such_mailbox", "hard: no_such_mailbox", id="hard"),
        pytest.param("bounce_transient", "mailbox_full", "soft: mailbox_full", id="soft"),
        pytest.param("bounce_block", None, "block", id="block without a reason"),
        pytest.param("bounce_content", "too_large", "content: too_large", id="content"),
    ],
)
def test_a_bounce_says_its_class_and_reason(fact: str, reason: str | None, told: str) -> None:
    found = line(facts={fact: {"at": "2026-11-24T09:00:05+00:00", "reason": reason}})
    assert (found["bounced_as"], found["bounced_at"]) == (told, "2026-11-24T09:00:05Z")


def test_the_worst_bounce_counts_where_there_are_two() -> None:
    facts = {
        "bounce_transient": {"at": "2026-11-24T09:00:05+00:00", "reason": "x"},
        "bounce_permanent": {"at": "2026-11-25T09:00:05+00:00", "reason": "y"},
    }
    assert line(facts=facts)["bounced_as"] == "hard: y"


@pytest.mark.parametrize("reason", SkipReason)
def test_whoever_was_skipped_is_told_why_in_words(reason: SkipReason) -> None:
    found = line(state="skipped", skip_reason=str(reason), submitted_at=None, ses_message_id=None)
    assert (found["outcome"], found["reason"]) == ("skipped", str(reason))
    why = str(found["why"])
    assert why.startswith("Not sent: ")
    assert why.endswith(".")
    assert "_" not in why


def test_a_retired_contact_is_told_which_rule_it_was() -> None:
    found = line(state="skipped", skip_reason="retired", state_reason="no open in 180 days")
    assert found["why"] == "Not sent: hygiene has retired the contact: no open in 180 days."


def test_an_erased_contact_keeps_its_line_without_an_address() -> None:
    assert line(address=None)["email"] is None


def test_a_refusal_keeps_the_code_of_ses() -> None:
    found = line(state="failed", outcome_code="MessageRejected")
    assert (found["reason"], found["why"]) == (
        "MessageRejected",
        "SES refused it for good (MessageRejected).",
    )


def test_what_nobody_was_called_for_yet_waits_since_the_plan() -> None:
    planned = datetime(2026, 11, 24, 8, tzinfo=UTC)
    found = line(state="pending", submitted_at=None, at=planned)
    assert (found["outcome"], found["at"], found["called_at"]) == ("waiting", "2026-11-24T08:00:00Z", None)
