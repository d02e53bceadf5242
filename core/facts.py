"""Facts: what is known of a delivery, folded from events that come in any order and any number.

SNS and SQS promise neither order nor one copy, and SES itself publishes duplicates. A state machine of "delivered" and
"bounced" therefore meets every transition that it forbids. Facts do not: each kind of thing that was reported is kept
with its first time, its last time and its number, and folding is union, minimum and maximum. What a person is shown is
computed from the facts, never stored.

Terms:
    fact: one kind of thing that SES reported of a delivery.
    display status: the strongest fact, in the words of a report.

Invariants:
    Folding is commutative, associative and idempotent (a join-semilattice): any order and any duplication of the same
    events end in the same facts.
    Every event of a message proves that SES accepted it, so it brings the fact `sent` along.

Standards:
    Amazon SES event publishing; AWS "Amazon SNS message delivery" (at least once, best-effort order).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from core import bounces, diagnostics
from core.bounces import BounceClass
from core.events import Bounce, Complaint, Engagement, Event, Kind, Preferences, Trouble, dedupe_key
from core.link_names import link_name
from core.warmup_blocks import block_in


class Fact(StrEnum):
    """What SES reported."""

    SENT = "sent"  # accepted by SES; its detail holds every message id
    DELIVERY = "delivery"
    DELAY = "delay"
    BOUNCE_PERMANENT = "bounce_permanent"  # a hard bounce
    BOUNCE_TRANSIENT = "bounce_transient"  # a soft bounce
    BOUNCE_BLOCK = "bounce_block"
    BOUNCE_CONTENT = "bounce_content"
    BOUNCE_IGNORED = "bounce_ignored"
    AUTOREPLY = "autoreply"
    COMPLAINT = "complaint"
    NOT_SPAM = "not_spam"
    REJECT = "reject"
    RENDERING_FAILURE = "rendering_failure"
    OPEN = "open"
    CLICK = "click"
    OPEN_MACHINE = "open_machine"
    CLICK_MACHINE = "click_machine"
    UNSUBSCRIBE = "unsubscribe"  # on SES's own list-management page
    PREFERENCES = "preferences"
    UNKNOWN = "unknown"
    DUPLICATE_DETECTED = "duplicate_detected"  # a second SES message of one delivery: a person got two mails


BOUNCE_FACTS: Final[dict[BounceClass, Fact]] = {
    BounceClass.HARD: Fact.BOUNCE_PERMANENT,
    BounceClass.SOFT: Fact.BOUNCE_TRANSIENT,
    BounceClass.BLOCK: Fact.BOUNCE_BLOCK,
    BounceClass.CONTENT: Fact.BOUNCE_CONTENT,
    BounceClass.AUTOREPLY: Fact.AUTOREPLY,
    BounceClass.IGNORED: Fact.BOUNCE_IGNORED,
}

# SES accepted the call, then dropped the message: nothing will arrive.
DROPPED: Final = frozenset({Fact.REJECT, Fact.RENDERING_FAILURE})

CLICKS: Final = frozenset({Fact.CLICK, Fact.CLICK_MACHINE})
MOST_LINKS: Final = 50  # of one delivery

# A person did something. A machine's opens and clicks are kept, and are never a reason for anything.
HUMAN_ENGAGEMENT: Final = frozenset({Fact.OPEN, Fact.CLICK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When a fact was seen first and last, how often, and the detail of the last time."""

    first_at: datetime
    last_at: datetime
    times: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)


Facts = Mapping[Fact, Seen]


def observed(event: Event) -> dict[Fact, Seen]:
    """Return what one event says: that SES has the message, and the thing itself."""
    sent = sent_as({event.ses_message_id: event.mailed_at})
    fact, detail = _read(event)
    if fact is Fact.SENT:
        return {Fact.SENT: sent}
    return {Fact.SENT: sent, fact: Seen(first_at=event.at, last_at=event.at, detail=detail)}


def sent_as(accepted: Mapping[str, datetime]) -> Seen:
    """Return the fact `sent` of the SES message ids and the times at which SES accepted them."""
    times = sorted(accepted.values())
    detail = {"ses_message_ids": {name: at.isoformat() for name, at in sorted(accepted.items())}}
    return Seen(first_at=times[0], last_at=times[-1], times=len(accepted), detail=detail)


def joined(one: Facts, other: Facts) -> dict[Fact, Seen]:
    """Return the facts of two disjoint sets of events together; what has not changed is the very same object."""
    both = dict(one)
    for fact, seen in other.items():
        known = both.get(fact)
        both[fact] = seen if known is None else _join(fact, known, seen)
    sent = both.get(Fact.SENT)
    if sent is not None and sent.times > 1:
        both[Fact.DUPLICATE_DETECTED] = _duplicates(sent)
    return both


def fold(events: Iterable[Event]) -> dict[Fact, Seen]:
    """Return the facts of many events; copies of one event count once."""
    return fold_distinct({dedupe_key(event): event for event in events}.values())


def fold_distinct(events: Iterable[Event]) -> dict[Fact, Seen]:
    """Return the facts of events among which there are no copies, because the inbox has told them apart."""
    facts: dict[Fact, Seen] = {}
    for event in events:
        facts = joined(facts, observed(event)) if facts else observed(event)
    return facts


class Display(StrEnum):
    """What a person is shown, strongest last."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    DELAYED = "delayed"
    SOFT_BOUNCED = "soft_bounced"
    REFUSED = "refused"
    DROPPED = "dropped"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    HARD_BOUNCED = "hard_bounced"
    COMPLAINED = "complained"


_SHOWN_AS: Final[dict[Fact, Display]] = {
    Fact.SENT: Display.ACCEPTED,
    Fact.DELAY: Display.DELAYED,
    Fact.BOUNCE_TRANSIENT: Display.SOFT_BOUNCED,
    Fact.BOUNCE_BLOCK: Display.REFUSED,
    Fact.BOUNCE_CONTENT: Display.REFUSED,
    Fact.REJECT: Display.DROPPED,
    Fact.RENDERING_FAILURE: Display.DROPPED,
    Fact.DELIVERY: Display.DELIVERED,
    # An out-of-office answer, and a scanner's look, come from a mailbox that has the message.
    Fact.AUTOREPLY: Display.DELIVERED,
    Fact.OPEN_MACHINE: Display.DELIVERED,
    Fact.CLICK_MACHINE: Display.DELIVERED,
    Fact.NOT_SPAM: Display.DELIVERED,
    Fact.OPEN: Display.OPENED,
    Fact.CLICK: Display.CLICKED,
    Fact.BOUNCE_PERMANENT: Display.HARD_BOUNCED,
    Fact.COMPLAINT: Display.COMPLAINED,
}


def display(facts: Iterable[Fact]) -> Display:
    """Return the strongest thing that is known of a delivery."""
    strength = list(Display)
    shown = (_SHOWN_AS.get(fact, Display.UNKNOWN) for fact in facts)
    return max(shown, key=strength.index, default=Display.UNKNOWN)


_PLAIN: Final[dict[Kind, Fact]] = {
    Kind.SEND: Fact.SENT,
    Kind.DELIVERY: Fact.DELIVERY,
    Kind.DELIVERY_DELAY: Fact.DELAY,
    Kind.REJECT: Fact.REJECT,
    Kind.RENDERING_FAILURE: Fact.RENDERING_FAILURE,
}


def _read(event: Event) -> tuple[Fact, dict[str, Any]]:
    match event.detail:
        case Bounce() as bounce:
            rule = bounces.classify(bounce)
            told = {
                "reason": rule.reason,
                "class": str(rule.cause),
                "rule": rule.id,
                "status": bounce.status,
                "said": diagnostics.masked(bounce.diagnostic, event.recipients),
            }
            return BOUNCE_FACTS[rule.bounce_class], told | _block(bounce.diagnostic)
        case Complaint() as complaint:
            fact = Fact.COMPLAINT if complaint.is_unwelcome else Fact.NOT_SPAM
            return fact, {"reason": complaint.feedback_type or complaint.subtype or "no_report"}
        case Engagement() as engagement:
            return _engaged(event.kind, is_machine=engagement.is_machine), _how(event.kind, engagement)
        case Preferences(unsubscribed=unsubscribed):
            return (Fact.UNSUBSCRIBE if unsubscribed else Fact.PREFERENCES), {}
        case Trouble(reason=reason, diagnostic=diagnostic):
            return _PLAIN[event.kind], {"reason": reason} | _block(diagnostic)
        case None:
            return _PLAIN.get(event.kind, Fact.UNKNOWN), {}


def _block(diagnostic: str) -> dict[str, str]:
    """Return which refusal of the sender a receiver's reply is; the reply itself may name people, and is not kept."""
    block = block_in(diagnostic)
    return {"block": block.key} if block else {}


def block_of(event: Event) -> str:
    """Return which refusal of the sender an event tells of (`core.warmup_blocks`); nothing for all others."""
    match event.detail:
        case Bounce(diagnostic=diagnostic) | Trouble(diagnostic=diagnostic):
            return _block(diagnostic).get("block", "")
        case _:
            return ""


def _engaged(kind: Kind, *, is_machine: bool) -> Fact:
    if kind is Kind.OPEN:
        return Fact.OPEN_MACHINE if is_machine else Fact.OPEN
    return Fact.CLICK_MACHINE if is_machine else Fact.CLICK


def _how(kind: Kind, engagement: Engagement) -> dict[str, Any]:
    """Return which link was clicked, by the name under which it is counted, or by what kind of machine a mail was opened."""
    if kind is Kind.CLICK:
        return {"links": [link_name(engagement.link)]}
    return {"by": engagement.machine} if engagement.machine else {}


def _clicked(seen: Iterable[Seen]) -> dict[str, list[str]]:
    """Return all links that were clicked; of more than fifty, as scanners click them, the same fifty in whatever order."""
    links = {link for one in seen for link in one.detail.get("links", ())}
    return {"links": sorted(links)[:MOST_LINKS]}


def _join(fact: Fact, known: Seen, seen: Seen) -> Seen:
    if fact is Fact.SENT:
        return known if known.detail == seen.detail else sent_as(_accepted((known, seen)))
    latest = known if known.last_at > seen.last_at else seen
    if known.last_at == seen.last_at and known.detail != seen.detail:
        # Two events of one moment still need one order, or the detail would depend on who came last.
        latest = max(known, seen, key=lambda one: json.dumps(one.detail, sort_keys=True))
    return Seen(
        first_at=min(known.first_at, seen.first_at),
        last_at=latest.last_at,
        times=known.times + seen.times,
        detail=_clicked((known, seen)) if fact in CLICKS else latest.detail,
    )


def _accepted(seen: Iterable[Seen]) -> dict[str, datetime]:
    accepted: dict[str, datetime] = {}
    for one in seen:
        for name, text in one.detail.get("ses_message_ids", {}).items():
            at = datetime.fromisoformat(text)
            accepted[name] = min(accepted.get(name, at), at)
    return accepted


def _duplicates(sent: Seen) -> Seen:
    """Return the honest count of second mails, computed from the message ids alone."""
    seconds = sorted(_accepted((sent,)).values())[1:]
    return Seen(first_at=seconds[0], last_at=seconds[-1], times=len(seconds), detail=sent.detail)
