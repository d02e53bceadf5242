"""Recipients: everybody of a campaign's audience in one line each: who got it, who did not, and why.

What people ask most of a sender, and what most senders cannot answer. The ledger has a row or an exclusion for every contact of
the audience, so the list is complete by itself; this module says in which words.

Terms:
    outcome: what became of one contact's message, in the five words that everybody understands.
    waiting: not called yet, being called, or called and not yet known.
    list: one line for each contact, with an address in it: personal data, so that whoever takes it is written down.

Invariants:
    Every state of a delivery has exactly one outcome, and an exclusion is always `skipped`.
    A line holds what a machine did nowhere: opens and clicks are a person's.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from core import reporting
from core.deliveries import SkipReason, State
from core.facts import Fact


class Outcome(StrEnum):
    """What became of one contact's message."""

    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"


OUTCOMES: Final[dict[State, Outcome]] = {
    State.PENDING: Outcome.WAITING,
    State.CLAIMED: Outcome.WAITING,
    State.SUBMITTING: Outcome.WAITING,
    State.IN_DOUBT: Outcome.WAITING,
    State.SENT: Outcome.SENT,
    State.FAILED: Outcome.FAILED,
    State.SKIPPED: Outcome.SKIPPED,
    State.UNCONFIRMED: Outcome.UNCONFIRMED,
}

# The address is called `email` in the file, as every other system calls it.
COLUMNS: Final = (
    "email",
    "contact_id",
    "outcome",
    "reason",
    "why",
    "at",
    "called_at",
    "delivered_at",
    "bounced_as",
    "bounced_at",
    "complained_at",
    "opened_at",
    "clicked_at",
    "provider",
    "ses_message_id",
)

_BOUNCES: Final[dict[Fact, str]] = {
    Fact.BOUNCE_PERMANENT: "hard",
    Fact.BOUNCE_TRANSIENT: "soft",
    Fact.BOUNCE_BLOCK: "block",
    Fact.BOUNCE_CONTENT: "content",
}


def states_of(outcomes: Iterable[Outcome]) -> list[State]:
    """Return the states of deliveries that come to these outcomes; of no outcomes, all states."""
    wanted = set(outcomes) or set(Outcome)
    return [state for state, outcome in OUTCOMES.items() if outcome in wanted]


def lines(found: Iterable[Mapping[str, Any]]) -> Iterator[list[object]]:
    """Yield the cells of each line, in the order of `COLUMNS`.

    Args:
        found: What the ledger says of each contact (`store.recipients`).
    """
    for row in found:
        facts: Mapping[str, Mapping[str, Any]] = row["facts"] or {}
        bounce = next((fact for fact in _BOUNCES if fact in facts), None)
        yield [
            row["address"],
            row["contact_id"],
            OUTCOMES[State(row["state"])],
            row["skip_reason"] or row["outcome_code"],
            why(row),
            _moment(row["at"]),
            _moment(row["submitted_at"]),
            _first(facts, Fact.DELIVERY),
            _class(bounce, facts),
            _first(facts, bounce),
            _first(facts, Fact.COMPLAINT),
            _first(facts, Fact.OPEN),
            _first(facts, Fact.CLICK),
            row["provider"],
            row["ses_message_id"],
        ]


def why(row: Mapping[str, Any]) -> str:
    """Return in a sentence why one contact's message is where it is."""
    facts: Mapping[str, Mapping[str, Any]] = row["facts"] or {}
    told = reporting.why(
        state=row["state"],
        skip_reason=row["skip_reason"],
        outcome_code=row["outcome_code"],
        facts=sorted(facts, key=lambda fact: (_read(facts[fact]["at"]), fact)),
    )
    if row["skip_reason"] == SkipReason.RETIRED and row["state_reason"]:
        return f"{told.rstrip('.')}: {row['state_reason']}."
    return told


def _class(bounce: Fact | None, facts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the class of a bounce with its reason, such as `hard: no_such_mailbox`."""
    if bounce is None:
        return None
    reason = facts[bounce].get("reason")
    return f"{_BOUNCES[bounce]}: {reason}" if reason else _BOUNCES[bounce]


def _first(facts: Mapping[str, Mapping[str, Any]], fact: Fact | None) -> str | None:
    return _moment(facts[fact]["at"]) if fact is not None and fact in facts else None


def _moment(at: datetime | str | None) -> str | None:
    """Return a time in UTC to the second, as ISO 8601 writes it."""
    return None if at is None else f"{_read(at).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read(at: datetime | str) -> datetime:
    """Return a time that JSON has told as text."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at
