"""The audit's chain: a change of any kind breaks it at a place that is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import audit_chain
from core.audit_chain import GENESIS, START, Entry, Link, without_addresses


MOMENT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_chain(length: int, *, after: Link = START) -> list[Entry]:
    entries, previous = [], after.hash
    for position in range(after.position + 1, after.position + length + 1):
        entry = Entry(
            tenant_id=1,
            id=100 + position,
            created_at=MOMENT + timedelta(minutes=position),
            actor="ann",
            action="tenant.paused",
            subject="tenant 1",
            reason=f"reason {position}",
            detail='{"limit": 7}',
            position=position,
            hash=None,
        )
        previous = audit_chain.digest(entry, position=position, previous=previous)
        entries.append(replace(entry, hash=previous))
    return entries


def end_of(entries: list[Entry]) -> Link:
    newest = entries[-1]
    assert newest.position is not None
    assert newest.hash is not None
    return Link(position=newest.position, hash=newest.hash)


def test_an_untouched_chain_holds_from_its_start_and_from_an_anchor() -> None:
    chain = a_chain(5)
    assert audit_chain.verify(chain, anchor=START, head=end_of(chain)).broken is None
    assert audit_chain.verify(chain[2:], anchor=end_of(chain[:2]), head=end_of(chain)).entries == 3


def test_an_empty_chain_holds() -> None:
    assert audit_chain.verify([], anchor=START, head=START).broken is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"actor": "bob"}, id="who"),
        pytest.param({"action": "tenant.active"}, id="what"),
        pytest.param({"subject": "tenant 2"}, id="whom"),
        pytest.param({"reason": ""}, id="why"),
        pytest.param({"detail": '{"limit": 8}'}, id="the-detail"),
        pytest.param({"created_at": MOMENT}, id="when"),
        pytest.param({"tenant_id": 2}, id="whose"),
        pytest.param({"id": 9}, id="its-id"),
        pytest.param({"hash": "f" * 64}, id="its-own-hash"),
        pytest.param({"actor": "anntenant", "action": ".paused"}, id="the-border-between-two-fields"),
    ],
)
def test_a_changed_entry_is_named(change: dict[str, object]) -> None:
    chain = a_chain(5)
    chain[2] = replace(chain[2], **change)  # type: ignore[arg-type]
    verdict = audit_chain.verify(chain, anchor=START, head=end_of(chain))
    assert verdict.broken is not None
    assert (verdict.broken.position, verdict.entries) == (3, 2)


@pytest.mark.parametrize(
    ("kept", "place", "why"),
    [
        pytest.param([0, 1, 3, 4], 3, "entries 3 to 3 are missing", id="from-the-middle"),
        pytest.param([1, 2, 3, 4], 1, "entries 1 to 1 are missing", id="the-first"),
        pytest.param([0, 1, 2], 4, "entries 4 to 5 are missing", id="the-last-two"),
        pytest.param([], 1, "entries 1 to 5 are missing", id="all"),
    ],
)
def test_entries_that_are_gone_are_named(kept: list[int], place: int, why: str) -> None:
    chain = a_chain(5)
    verdict = audit_chain.verify([chain[n] for n in kept], anchor=START, head=end_of(chain))
    assert verdict.broken is not None
    assert (verdict.broken.position, verdict.broken.why) == (place, why)


def test_an_entry_that_was_never_linked_is_named() -> None:
    chain = a_chain(2)
    stranger = replace(chain[0], id=900, position=None, hash=None)
    verdict = audit_chain.verify([*chain, stranger], anchor=START, head=end_of(chain))
    assert verdict.broken is not None
    assert "entry 900 was never linked" in verdict.broken.why


def test_a_chain_that_was_written_anew_does_not_agree_with_an_anchor_that_was_kept() -> None:
    """Whoever owns the database can compute every hash again, but not the one that is kept elsewhere."""
    kept = end_of(a_chain(3))
    forged, previous = [], GENESIS
    for entry in a_chain(5):
        assert entry.position is not None
        told = replace(entry, actor="nobody")
        previous = audit_chain.digest(told, position=entry.position, previous=previous)
        forged.append(replace(told, hash=previous))
    head = end_of(forged)
    assert audit_chain.verify(forged, anchor=START, head=head).broken is None
    verdict = audit_chain.verify(forged, anchor=START, head=head, kept=kept)
    assert verdict.broken is not None
    assert (verdict.broken.position, verdict.entries) == (3, 3)


@pytest.mark.parametrize(
    ("position", "place", "why"),
    [
        pytest.param(7, 6, "the chain once reached entry 7", id="the-chain-was-cut"),
        pytest.param(1, 1, "older than what is kept", id="retention-has-passed-it"),
    ],
)
def test_an_anchor_that_cannot_be_compared_is_said(position: int, place: int, why: str) -> None:
    chain = a_chain(5)
    kept = Link(position=position, hash="a" * 64)
    verdict = audit_chain.verify(chain[2:], anchor=end_of(chain[:2]), head=end_of(chain), kept=kept)
    assert verdict.broken is not None
    assert verdict.broken.position == place
    assert why in verdict.broken.why


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=4, max_size=4
    )
)
def test_what_is_written_otherwise_hashes_otherwise(texts: list[str]) -> None:
    """Fields cannot be shifted into each other: each is written with its length."""
    (entry,) = a_chain(1)
    actor, action, subject, reason = texts
    told = replace(entry, actor=actor, action=action, subject=subject, reason=reason)
    shifted = replace(told, actor=actor + action, action="")
    same = audit_chain.digest(told, position=1, previous=GENESIS) == audit_chain.digest(
        shifted, position=1, previous=GENESIS
    )
    assert same == (action == "")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        pytest.param("ann@example.com left", "[address] left", id="in-a-reason"),
        pytest.param("<ann+news@mail.example.com>", "<[address]>", id="in-brackets"),
        pytest.param("line\nann@example.com", "line\n[address]", id="after-a-line-break"),
        pytest.param("at 09:00 @ home", "at 09:00 @ home", id="none"),
        pytest.param(
            {"a@example.com": ["b@example.com", None]}, {"[address]": ["[address]", None]}, id="nested"
        ),
    ],
)
def test_addresses_are_left_out(said: object, written: object) -> None:
    assert without_addresses(said) == written
