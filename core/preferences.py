"""Preferences: what of a tenant's mail a person wants, how often, and from when; and how a page about it speaks.

Terms:
    topic: a list that the tenant has given a title for readers; the list of the message itself is always one.
    frequency: how often at most; it stands beside the tenant's own cap, and neither replaces the other.
    pause: a time in which nothing is sent, after which mail begins again by itself.
    own unsubscribe: a suppression that the person made, by a link, by mail or on the page, and therefore may end.

Invariants:
    No choice loosens anything but what the person has tightened: a complaint, a bounce or a tenant's own entry stays.
    The same form sent twice, or late, means the same: a pause is a date and no number of days.
    Whoever wants less is never refused for what else the form lacks: no topic at all is a choice too.
    A masked address has at most the first character of the local part and of the domain, and the top-level domain.

Standards:
    RFC 9110 (HTTP Semantics), 12.5.4 Accept-Language, 12.4.2 quality values. RFC 4647 (Matching of language tags), 3.4.
    WCAG 2.2 (Web Content Accessibility Guidelines), 3.3.1 error identification.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from core import locales
from core.errors import InputError


class Frequency(StrEnum):
    """How much of a tenant's mail a person wants."""

    ALL = "all"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Source(StrEnum):
    """Where a person has said that they want no more; what an own unsubscribe's `source` holds."""

    LINK = "link"
    MAILTO = "mailto"
    PAGE = "preferences"


# Half a day less than a week, and than the shortest month: a letter that leaves each Tuesday, a little earlier than the
# last one did, would otherwise reach such a person every second week.
APART: Final = {
    Frequency.WEEKLY: timedelta(days=6, hours=12),
    Frequency.MONTHLY: timedelta(days=27, hours=12),
}
PAUSES: Final = (30, 60, 90)  # days

_RANGE: Final = re.compile(r"([A-Za-z\d-]{1,64})\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_MOST_RANGES: Final = 20
_NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)


class Problem(StrEnum):
    """The question of the form whose answer cannot be used; also the field's name."""

    MAIL = "mail"
    FREQUENCY = "frequency"
    PAUSE = "pause"


class UnclearError(InputError):
    """A form whose answers cannot be used; nothing was changed."""

    default_code = "preferences_unclear"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the form lacks an answer", hint="answer every question")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a form says. Topics are ids of lists; `left` are those that were shown and not chosen."""

    nothing: bool
    frequency: Frequency
    paused_until: date | None
    wanted: frozenset[int]
    left: frozenset[int]


def read(form: Mapping[str, Sequence[str]], *, topics: Collection[int], today: date) -> Choice:
    """Return what a form says.

    Args:
        form: The values of each field: `mail`, `frequency`, `pause`, `shown`, `topic`.
        topics: The lists that this person may choose of; what else a form names is passed over.
        today: By the tenant's clock.

    Raises:
        UnclearError: A question has no answer that can be used.
    """
    mail, frequency, pause = (_last(form, name) for name in ("mail", "frequency", "pause"))
    problems = []
    if mail not in {"some", "none"}:
        problems.append(Problem.MAIL)
    if frequency not in set(Frequency):
        problems.append(Problem.FREQUENCY)
    until = _pause(pause, today)
    if until is None and pause != "none":
        problems.append(Problem.PAUSE)
    if problems:
        raise UnclearError(problems)
    shown, ticked = (_ids(form.get(name, ())) & frozenset(topics) for name in ("shown", "topic"))
    return Choice(
        nothing=mail == "none",
        frequency=Frequency(frequency),
        paused_until=until,
        wanted=ticked,
        left=shown - ticked,
    )


def _last(form: Mapping[str, Sequence[str]], name: str) -> str:
    return next(reversed(form.get(name, ())), "")


def _pause(text: str, today: date) -> date | None:
    """Return the end of a pause: a day after today, at most as far away as the longest pause that is offered."""
    try:
        until = date.fromisoformat(text)
    except ValueError:
        return None
    return until if today < until <= today + timedelta(days=max(PAUSES)) else None


def _ids(texts: Sequence[str]) -> frozenset[int]:
    return frozenset(int(text) for text in texts if _NUMBER.fullmatch(text))


def pauses(today: date) -> list[tuple[int, date]]:
    """Return the pauses that a page offers: days, and the day on which mail begins again."""
    return [(days, today + timedelta(days=days)) for days in PAUSES]


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
