"""Mailbox domains: what the DNS says about the domain behind an address, and when to ask it again.

Receivers judge a sender per mailbox provider, and which provider keeps a domain's mailboxes is written in its MX records
alone: a company that hosts with Google is Google's. A million contacts have some ten thousand domains; each is asked for
once, and what was known stays known when the DNS is in trouble.

Terms:
    mailbox domain: the part of an address behind the @, in A-labels and lower case.
    exchanger: a host that takes mail for a domain, from its MX records.
    reach: what an answer says about whether mail can get to the domain at all.
    unknown: no answer, or one that may be another in a minute: a timeout, SERVFAIL, REFUSED. It changes nothing but
        the time of the next question.
    reserved: names that the DNS never has (`.test`, `.example`, `.invalid`, `.localhost`). Nobody asks for them.

Invariants:
    An unknown answer never replaces a known one.
    The next question is never more than `LONGEST` away, and after an unknown answer at least `SOONEST`.

Standards:
    RFC 5321 (SMTP), section 5.1: a domain without MX records is its own exchanger if it has an address. RFC 7505 ("null
    MX"): a single MX of "." says that the domain takes no mail. RFC 2308 (negative caching of DNS). RFC 2606 and RFC 6761
    (reserved names).
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


LONGEST: Final = timedelta(days=7)
SOONEST: Final = timedelta(hours=1)
# A domain that is gone today may be paid for tomorrow. Less than a day, so that tomorrow's night, which may come some seconds
# earlier than today's, asks again: nights are what `core.dead_domains` counts.
_DEAD: Final = timedelta(hours=20)
_RESERVED: Final = (
    "test",
    "example",
    "invalid",
    "localhost",
    "example.com",
    "example.net",
    "example.org",
)


class Reach(StrEnum):
    """Whether mail can get to a domain, as its DNS says."""

    EXCHANGERS = "exchangers"  # it has MX records
    ADDRESS = "address"  # it has none, but an address: it is its own exchanger
    NULL_MX = "null_mx"  # it says that it takes no mail
    NOWHERE = "nowhere"  # it exists and has neither
    NONEXISTENT = "nonexistent"  # there is no such name
    UNKNOWN = "unknown"

    @property
    def is_dead(self) -> bool:
        """Whether the answer is sure that no mail can arrive."""
        return self in {Reach.NULL_MX, Reach.NOWHERE, Reach.NONEXISTENT}


@dataclass(frozen=True, slots=True)
class Lookup:
    """One domain's answer; the exchangers, most preferred first, in lower case and without the final dot."""

    domain: str
    reach: Reach
    exchangers: tuple[str, ...] = ()


def is_reserved(domain: str) -> bool:
    """Whether the DNS is known not to have the name, so that asking would only tell others about it."""
    return domain.endswith(tuple(f".{name}" for name in _RESERVED)) or domain in _RESERVED


def next_look(reach: Reach, failures: int) -> timedelta:
    """Return when to ask again, from now.

    Args:
        reach: The answer.
        failures: How many unknown answers came in a row, this one included.
    """
    if reach is Reach.UNKNOWN:
        return min(SOONEST * (1 << min(max(failures - 1, 0), 10)), LONGEST)
    return _DEAD if reach.is_dead else LONGEST
