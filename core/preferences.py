"""Preferences: how often a person wants a tenant's mail, and in which language a page about it speaks.

Terms:
    frequency: what the person chose; it stands beside the tenant's own cap, and neither replaces the other.
    masked address: enough for its owner to know it by, and of no use to anybody else.

Invariants:
    No choice of a person loosens the tenant's cap: caps are added to those that hold, and all of them must be kept.
    A masked address has at most the first character of the local part and of the domain, and the top-level domain.

Standards:
    RFC 9110 (HTTP Semantics), 12.5.4 Accept-Language, 12.4.2 quality values. RFC 4647 (Matching of language tags), 3.4.
"""

import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Final

from core import locales
from core.windows import FrequencyCap


class Frequency(StrEnum):
    """How much of a tenant's mail a person wants."""

    ALL = "all"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


_CAPS: Final = {Frequency.WEEKLY: FrequencyCap(1, 7), Frequency.MONTHLY: FrequencyCap(1, 30)}
_RANGE: Final = re.compile(r"([A-Za-z\d-]{1,64})\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_MOST_RANGES: Final = 20


def caps(tenant: FrequencyCap | None, chosen: Frequency) -> tuple[FrequencyCap, ...]:
    """Return all caps that hold for a person: 3 in 7 days and 1 in 30 are both needed, neither is the stricter at all times."""
    held = (tenant, _CAPS.get(chosen))
    return tuple(dict.fromkeys(cap for cap in held if cap is not None))


def masked(address: str) -> str:
    """Return an address as a forwarded page may show it.

    >>> masked("ada@mail.example.com"), masked("x@example")
    ('a***@m***.com', 'x***@e***')
    """
    local, _, domain = address.rpartition("@")
    host, dot, top = domain.rpartition(".")
    return f"{local[:1]}***@{host[:1]}***{dot}{top}" if dot else f"{local[:1]}***@{domain[:1]}***"


def language(contact: str, tenant: str, accepted: str, *, available: Collection[str]) -> str:
    """Return the tag in which a page speaks: as the contact wants, the tenant, or the browser, else English.

    Args:
        contact: The contact's locale, "" if nobody says.
        tenant: The tenant's locale, "" likewise.
        accepted: The header Accept-Language, as it came.
        available: The tags that there are texts in.
    """
    for wanted in (contact, tenant, *_accepted(accepted)):
        tag = locales.canonical(wanted)
        if tag and (found := locales.lookup(tag, available)):
            return found
    return locales.HOME


def _accepted(header: str) -> Iterator[str]:
    """Yield the ranges of a header that are wanted at all, the best first; what is malformed is passed over."""
    ranges = [_RANGE.fullmatch(part.strip()) for part in header.split(",", _MOST_RANGES)[:_MOST_RANGES]]
    weighed = [(float(found[2] or 1), found[1]) for found in ranges if found]
    yield from (tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0)
