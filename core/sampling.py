"""Sampling: which few of many contacts are rendered before a campaign starts, so that what differs is seen.

The first contacts of a list are alike: imported from one file, by one person, in one language. What breaks a message is
an empty value, a very long one, one in another script, one with a `<`, or a language that only a few have.

Invariants:
    The same pool gives the same choice, in order of id and of at most `MOST` contacts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


FIRST = 10
MOST = 60
LANGUAGES = 12  # more values of one attribute than this are not a person's language
_LANGUAGE_ATTRIBUTES = ("locale", "language", "lang", "country")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact that may be chosen. `attributes` are those of its import."""

    id: int
    address: str
    attributes: Mapping[str, Any]


def choose(pool: Sequence[Candidate], *, fields: Iterable[str]) -> list[Candidate]:
    """Return the contacts to render.

    Args:
        pool: Some hundreds from all over the audience, in order of id.
        fields: The attributes that the template names.
    """
    if not pool:
        return []
    chosen = dict.fromkeys(candidate.id for candidate in _interesting(pool, sorted(fields)))
    kept = set(list(chosen)[:MOST])
    return [candidate for candidate in pool if candidate.id in kept]


def _interesting(pool: Sequence[Candidate], fields: Sequence[str]) -> Iterator[Candidate]:
    yield from pool[:FIRST]
    yield max(pool, key=lambda candidate: len(candidate.address))
    for attribute in _LANGUAGE_ATTRIBUTES:
        yield from _one_of_each(pool, attribute)
    for field in fields:
        yield _longest(pool, field)
        for is_odd in (_is_missing, _is_empty, _is_foreign, _is_markup):
            yield from _first_with(pool, field, is_odd)


def _longest(pool: Sequence[Candidate], field: str) -> Candidate:
    return max(pool, key=lambda candidate: len(_text(candidate, field)))


def _one_of_each(pool: Sequence[Candidate], attribute: str) -> Iterator[Candidate]:
    firsts: dict[str, Candidate] = {}
    for candidate in pool:
        if value := _text(candidate, attribute):
            firsts.setdefault(value, candidate)
    if len(firsts) <= LANGUAGES:
        yield from firsts.values()


def _first_with(
    pool: Sequence[Candidate], field: str, is_odd: Callable[[Candidate, str], bool]
) -> Iterator[Candidate]:
    found = next((candidate for candidate in pool if is_odd(candidate, field)), None)
    if found:
        yield found


def _text(candidate: Candidate, field: str) -> str:
    value = candidate.attributes.get(field)
    return "" if value is None else str(value)


def _is_missing(candidate: Candidate, field: str) -> bool:
    return field not in candidate.attributes


def _is_empty(candidate: Candidate, field: str) -> bool:
    return field in candidate.attributes and not _text(candidate, field).strip()


def _is_foreign(candidate: Candidate, field: str) -> bool:
    return not _text(candidate, field).isascii()


def _is_markup(candidate: Candidate, field: str) -> bool:
    return any(sign in _text(candidate, field) for sign in "<>&\"'{")
