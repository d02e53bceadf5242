"""The audit's chain: each entry carries the hash of the one before it, so that whoever changes one is found out.

An entry is linked by the database itself, in the commit that makes it (migration `audit_chain`). Here the same hash is
computed a second time, from what is read, and without the database's help.

Terms:
    position: the place of an entry in its tenant's chain, from 1 on and without a gap.
    link: an entry's hash, over the hash of the entry before it and all that the entry says.
    head: position and hash of the newest entry, kept beside the entries.
    anchor: the position and the hash up to which entries were taken away because they were old; or one that somebody has
        kept elsewhere.
    netstring: a text with its length in bytes before it, so that no two lists of texts are written alike.

Invariants:
    A changed, missing, added or exchanged entry breaks the first link behind the change, or the head.
    No entry holds an address: `without_addresses` is asked before one is written.
    Whoever may change the database's functions and all hashes can forge a whole chain, but none that agrees with an anchor
    that is kept elsewhere.

Standards:
    FIPS 180-4 (Secure Hash Standard), SHA-256. D. J. Bernstein, "Netstrings" (1997). Haber and Stornetta, "How to
    Time-Stamp a Digital Document" (Journal of Cryptology, 1991).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final


GENESIS: Final = "0" * 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_REPLACED_BY: Final = "[address]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it was read; `detail` is PostgreSQL's own text of its jsonb. Unlinked, it has neither place nor hash."""

    tenant_id: int
    id: int
    created_at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    detail: str
    position: int | None
    hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A place in a chain, and the hash of the entry that stands there."""

    position: int
    hash: str


START: Final = Link(position=0, hash=GENESIS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first place at which a chain does not hold."""

    position: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How many links were looked at, and the first that does not hold, if any."""

    entries: int
    broken: Broken | None = None


def digest(entry: Entry, *, position: int, previous: str) -> str:
    """Return the hash of an entry at a place behind another one.

    >>> moment = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> entry = Entry(tenant_id=1, id=7, created_at=moment, actor="ann", action="tenant.paused", subject="tenant 1",
    ...               reason="", detail="{}", position=None, hash=None)
    >>> digest(entry, position=1, previous=GENESIS)[:16]
    '12b13811a95d0e49'
    """
    micros = (entry.created_at - _EPOCH) // _MICROSECOND
    parts = (
        previous,
        str(position),
        str(entry.tenant_id),
        str(entry.id),
        str(micros),
        entry.actor,
        entry.action,
        entry.subject,
        entry.reason,
        entry.detail,
    )
    return sha256(b"".join(map(_netstring, parts))).hexdigest()


_MICROSECOND: Final = datetime.resolution


def _netstring(text: str) -> bytes:
    written = text.encode()
    return b"%d:%b," % (len(written), written)


def verify(entries: Iterable[Entry], *, anchor: Link, head: Link, kept: Link | None = None) -> Verdict:
    """Walk a tenant's chain, and stop at the first link that does not hold.

    Args:
        entries: All that there are, in order of their places; those without one come last.
        anchor: Behind which the first of them stands.
        head: What the database says is the newest.
        kept: A link that was exported some time ago, and that the chain must still have.
    """
    at, looked = anchor, 0
    disagrees = _disagrees(at, kept)
    for entry in entries:
        if disagrees:
            break
        if entry.position is None or entry.hash is None:
            return Verdict(entries=looked, broken=Broken(position=at.position + 1, why=_unlinked(entry)))
        if entry.position != at.position + 1:
            why = f"entries {at.position + 1} to {entry.position - 1} are missing"
            return Verdict(entries=looked, broken=Broken(position=at.position + 1, why=why))
        if digest(entry, position=entry.position, previous=at.hash) != entry.hash:
            why = f"entry {entry.id} does not say what it said when it was written, or follows another one"
            return Verdict(entries=looked, broken=Broken(position=entry.position, why=why))
        at, looked = Link(position=entry.position, hash=entry.hash), looked + 1
        disagrees = _disagrees(at, kept)
    return Verdict(entries=looked, broken=disagrees or _end(at, anchor, head, kept))


def _unlinked(entry: Entry) -> str:
    return f"entry {entry.id} was never linked, so it was not written in the ordinary way"


def _disagrees(at: Link, kept: Link | None) -> Broken | None:
    if kept is None or kept.position != at.position or kept.hash == at.hash:
        return None
    return Broken(position=at.position, why="the chain is not the one that the anchor was taken of")


def _end(at: Link, anchor: Link, head: Link, kept: Link | None) -> Broken | None:
    """Return what is wrong with the end of a chain whose links all hold."""
    if at.position < head.position:
        return Broken(
            position=at.position + 1, why=f"entries {at.position + 1} to {head.position} are missing"
        )
    if at != head:
        return Broken(position=at.position, why="the newest entry is not the one that was written last")
    if kept is not None and kept.position > at.position:
        return Broken(position=at.position + 1, why=f"the chain once reached entry {kept.position}")
    if kept is not None and kept.position < anchor.position:
        why = f"the anchor is older than what is kept, which begins behind entry {anchor.position}"
        return Broken(position=kept.position, why=why)
    return None


def without_addresses(said: Any) -> Any:
    """Return a text, or JSON values with texts in them, in which no address stands; the audit outlives whom it is about.

    >>> without_addresses({"why": ["ann@example.com asked", 7]})
    {'why': ['[address] asked', 7]}
    """
    match said:
        case str():
            return _ADDRESS.sub(_REPLACED_BY, said)
        case dict():
            return {without_addresses(name): without_addresses(value) for name, value in said.items()}
        case list():
            return [without_addresses(value) for value in said]
        case _:
            return said
