"""Anomalies: when a provider's own trouble looks like thousands of dead mailboxes.

Once in a while a provider loses its directory, or a gateway in front of it does, and answers every message with "user unknown". Each
of these answers is a hard bounce, and by the table each of these readers would be suppressed for good. What tells the two
apart is whom it hits: mailboxes that took our mail before do not die together, with the same words, within hours. Where that
happens nobody is suppressed, and what was suppressed before it was noticed is taken back.

A bad list looks different. Its dead addresses have never taken a message, and beside them there are living ones.

Terms:
    place: a mailbox provider, or a single mail domain where nobody knows its provider.
    text: what a receiver said, without what differs from message to message; see `core.diagnostics`.
    burst: the hard bounces of the last hours at one place with one text, at all tenants.
    known: of a person, that an earlier message was delivered within the last year.
    answered: what SES has reported an end of, of the campaigns in the burst and their mail to the place.

Invariants:
    A burst of people of whom too few are known is no anomaly unless next to nobody at the place is reached.
    Who bounces hard again after an anomaly was over, with nothing delivered in between, is held by no other.
    An anomaly that a person has called real mailboxes that died is not called one again for `BELIEVED`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.bounce_rules import Cause
from core.providers import OTHER


WITHIN: Final = timedelta(hours=6)
# After so long without another such bounce an anomaly is over.
QUIET: Final = timedelta(hours=6)
BELIEVED: Final = timedelta(days=7)

FEWEST_KNOWN: Final = 20
KNOWN_SHARE: Final = 0.5
HIT_SHARE: Final = 0.1
# Of people whom nobody has reached before, only a place that reaches next to nobody is in trouble itself.
FEWEST_PEOPLE: Final = 50
TOTAL_SHARE: Final = 0.9

# What a receiver says of a mailbox or a domain. That an address is on a list of SES's own is no receiver's word.
SAID_BY_RECEIVERS: Final = frozenset({Cause.BAD_MAILBOX, Cause.INACTIVE, Cause.BAD_DOMAIN})

_DOMAIN: Final = "domain:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """How many people were hit, how many of them are known, and of how many messages at how many tenants."""

    people: int
    known: int
    answered: int
    tenants: int = 1


def place_of(provider: str, domain: str) -> str:
    """Return where an address is: its provider, or its domain where the provider is nobody's in particular."""
    return f"{_DOMAIN}{domain.lower()}" if provider == OTHER else provider


def domain_of(place: str) -> str:
    """Return the domain of a place that is one; empty for a provider."""
    return place.removeprefix(_DOMAIN) if place.startswith(_DOMAIN) else ""


def in_words(place: str) -> str:
    """Return a place as a person is told it."""
    return domain_of(place) or place


def fault_of_provider(burst: Burst) -> str:
    """Say why a burst is the provider's own trouble; empty when it looks like mailboxes that are gone."""
    share = burst.people / max(burst.answered, burst.people, 1)
    are_known = burst.known >= FEWEST_KNOWN and burst.known >= burst.people * KNOWN_SHARE
    if are_known and share >= HIT_SHARE:
        return (
            f"{burst.known:,} people who were reached before, among {burst.people:,}, bounced hard with one text: "
            f"{share:.0%} of what was answered"
        )
    if burst.people >= FEWEST_PEOPLE and share >= TOTAL_SHARE:
        return f"{burst.people:,} people bounced hard with one text: {share:.0%} of what was answered"
    return ""
