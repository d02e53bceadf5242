"""Words: how the pages for operators say what the ledger knows."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from core import addresses
from core.campaigns import Action, CampaignState, Status


_ADDRESS = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+")

# What was asked, what came of it, and what follows.
DONE: Final = {
    Action.PAUSE: (
        "Paused",
        "At most the window of calls that was under way still goes out. Nothing is cancelled: it can go on at any time.",
    ),
    Action.RESUME: ("Resumed", "Dispatch takes the campaign up within minutes, where it stopped."),
    Action.CANCEL: (
        "Cancelled",
        "Who waited is skipped. Calls that were under way, and doubt, are still settled by SES's events.",
    ),
}

_ENDED: Final = "A campaign that has ended stays ended. Create another one."
_REFUSALS: Final = {
    (Action.PAUSE, CampaignState.DRAFT): (
        "It was never started, so that there is nothing to pause.",
        "If it shall never be sent, cancel it.",
    ),
    (Action.PAUSE, CampaignState.SCHEDULED): (
        "It is scheduled and has not begun, so that there is nothing to pause.",
        "If it shall not begin, cancel it; or give it another time with its next start.",
    ),
    (Action.PAUSE, CampaignState.DONE): ("It is done: nobody waits any more.", _ENDED),
    (Action.PAUSE, CampaignState.CANCELLED): ("It was cancelled: nothing more is sent.", _ENDED),
    (Action.RESUME, CampaignState.DRAFT): (
        "It was never started, so that there is nothing to resume.",
        "Start it with `posthouse campaign send`, or with the send-campaign form in Prefect: its preflight comes first.",
    ),
    (Action.RESUME, CampaignState.SCHEDULED): (
        "It is scheduled and starts by itself.",
        "There is nothing to do before its time has come.",
    ),
    (Action.RESUME, CampaignState.DONE): ("It is done: nobody waits any more.", _ENDED),
    (Action.RESUME, CampaignState.CANCELLED): ("It was cancelled, and that is for good.", _ENDED),
    (Action.CANCEL, CampaignState.DONE): (
        "It is done: everybody's mail has left, and cannot be called back.",
        _ENDED,
    ),
}


def refusal(action: Action, state: CampaignState) -> tuple[str, str]:
    """Return why an action is not possible in a state, and what to do instead."""
    changed = (f"It is {state} now.", "Open its page again and decide anew.")
    return _REFUSALS.get((action, state), changed)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the audience: how many people, what that means, and how the bar shows it."""

    name: str
    people: int
    meaning: str
    kind: str


def parts(status: Status) -> list[Part]:
    """Return the parts of an audience. They add up to it, for each person is in one of them."""
    return [
        Part("Sent", status.sent, "Amazon SES took the message", "sent"),
        Part("Waiting", status.pending, "not called yet", "waiting"),
        Part("Being prepared", status.claimed, "a worker has taken them", "waiting"),
        Part("Being called", status.submitting, "SES has not answered yet", "waiting"),
        Part("In doubt", status.in_doubt, "called, and the answer was lost; SES's events settle it", "doubt"),
        Part(
            "Unconfirmed",
            status.unconfirmed,
            "called, and nothing ever told what became of it",
            "lost",
        ),
        Part("Failed", status.failed, "SES refused the message, or it could not be rendered", "failed"),
        Part("Skipped", status.skipped, "left out by our own decision", "skipped"),
    ]


def bar(status: Status, width: int = 1000) -> list[tuple[str, int, int]]:
    """Return kind, left edge and width of each piece of a bar; the last piece ends at its end."""
    pieces, done = [], 0
    for part in parts(status):
        left = width * done // max(status.audience, 1)
        done += part.people
        right = width * done // max(status.audience, 1)
        if right > left:
            pieces.append((part.kind, left, right - left))
    return pieces


def moment(at: datetime | None) -> str:
    """Return a time as people read it."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC" if at else ""


def day(on: date) -> str:
    """Return a day as people read it."""
    return f"about {on:%-d %b %Y}"


_ACTIONS: Final = {
    "campaign.paused": "Paused",
    "campaign.sending": "Resumed",
    "campaign.cancelled": "Cancelled",
    "campaign.approved": "Approved",
    "campaign.not_approved": "Not approved",
    "campaign.recipients_taken": "List of recipients taken",
}


def done(action: str) -> str:
    """Return an action of the audit as people say it."""
    return _ACTIONS.get(action) or plain(action.removeprefix("campaign.")).capitalize()


def plain(word: str) -> str:
    """Return a word of the ledger as people write it: `hard_bounced` is hard bounced."""
    return word.replace("_", " ").replace(".", " ")


def without_addresses(text: str) -> str:
    """Return a text that people or SES have written, with every address in it masked."""
    return _ADDRESS.sub(lambda found: addresses.masked(found.group()), text)
