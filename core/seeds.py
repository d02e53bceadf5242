"""Seeds: mailboxes of our own people, who look at the real mail before anybody else gets it.

A test goes the way of a campaign's messages: the same rendering, headers, SES call, rate and blocks. It does not touch
the campaign: no delivery, no allowance, no report. It has a ledger of its own, so that what is said of it is true.

Terms:
    seed: an address that gets tests. Seeds stand in named lists of a tenant; they are no contacts.
    request: one wish of a person to send a test. Its id makes it safe to repeat.
    test: one message of a request to one seed.

Invariants:
    A request calls a seed at most once for one template, except where the call before is known not to have been sent.
    A test's link is genuine and stops nothing.
    Folding events into a test is union and minimum: any order and any duplication end in the same state.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from core.deliveries import Move
from core.errors import InputError
from core.facts import DROPPED, Fact, Facts


MOST: Final = 50  # in one list: a test is looked at by people
MARK: Final = "[Test] "
LONGEST_NAME: Final = 100


class SeedState(StrEnum):
    """Where a test stands."""

    SUBMITTING = "submitting"  # the intent is committed: the call may have happened
    SENT = "sent"  # SES accepted it, by its answer or by an event
    FAILED = "failed"  # SES refused it for good, or took it and then dropped it
    NOT_SENT = "not_sent"  # certainly not sent: the same request may call it again
    IN_DOUBT = "in_doubt"  # the answer was lost; its events will tell, if there are any


AFTER: Final = {
    Move.REFUSED: SeedState.FAILED,
    Move.NOT_SENT: SeedState.NOT_SENT,
    Move.LOST: SeedState.IN_DOUBT,
}


def checked_name(name: str) -> str:
    """Return a list's name without the spaces around it.

    Raises:
        InputError: It is empty, too long, or has control characters.
    """
    bare = name.strip()
    if not bare or len(bare) > LONGEST_NAME or not bare.isprintable():
        raise InputError("a seed list needs a name of 1 to 100 characters", hint="Such as team.")
    return bare


def tags_for(*, tenant: str, test_id: str, what: str = "test") -> dict[str, str]:
    """Return the tags by which an event finds its test; without a delivery's, so that no ledger misses it."""
    return {"tenant": tenant, "test": test_id, "ses:feedback-id-a": what, "ses:feedback-id-b": tenant}


def state_after(facts: Iterable[Fact]) -> SeedState:
    """Return what events prove of a test: every event says that SES took it, two say that it then dropped it."""
    return SeedState.FAILED if DROPPED.intersection(facts) else SeedState.SENT


def reported(before: Mapping[str, str], news: Facts) -> dict[str, str]:
    """Return when each kind of thing was first reported, in ISO 8601, with what is new."""
    found = {str(fact): seen.first_at for fact, seen in news.items()}
    known = {fact: datetime.fromisoformat(at) for fact, at in before.items()}
    return {
        fact: min(at for at in (known.get(fact), found.get(fact)) if at).isoformat()
        for fact in sorted(known.keys() | found.keys())
    }
