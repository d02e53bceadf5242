"""The inbox: an event is stored once, taken once, and waits as long as it is worth it."""

from sqlmodel import Session

from store import inbox
from store.inbox import Arrival
from store.session import Database, one, run


def an_arrival(key: str, **changes: str) -> Arrival:
    return Arrival(**{"dedupe_key": key, "source": "queue", "event_type": "send", "raw": "{}"} | changes)


def row(session: Session, event_id: int) -> dict[str, object]:
    found = one(session, "SELECT *, not_before - now() AS wait FROM inbox_event WHERE id = :id", id=event_id)
    assert found is not None
    return dict(found)


def stored(session: Session, key: str, *, hours_ago: float = 0) -> int:
    inbox.store_many(session, [an_arrival(key)])
    found = one(
        session,
        """UPDATE inbox_event SET received_at = now() - make_interval(mins => :minutes)
           WHERE dedupe_key = :key RETURNING id""",
        key=key,
        minutes=int(hours_ago * 60),
    )
    assert found is not None
    return found["id"]


def test_an_event_is_stored_once(session: Session) -> None:
    assert inbox.store_many(session, [an_arrival("a"), an_arrival("b"), an_arrival("a")]) == 2
    assert inbox.store_many(session, [an_arrival("b", source="webhook"), an_arrival("c")]) == 1
    assert inbox.store_many(session, []) == 0


def test_what_cannot_be_read_is_stored_in_quarantine(session: Session) -> None:
    inbox.store_many(session, [an_arrival("bad", error="not JSON")])
    assert inbox.take(session) == []
    found = one(session, "SELECT quarantined_at IS NOT NULL AS aside, error FROM inbox_event")
    assert found is not None
    assert (found["aside"], found["error"]) == (True, "not JSON")


def test_the_oldest_events_are_taken_first(session: Session) -> None:
    ids = [stored(session, key) for key in ("z", "a", "m")]
    assert [one.id for one in inbox.take(session, limit=2)] == ids[:2]


def test_urgent_events_are_taken_before_older_opens(session: Session) -> None:
    """E09"""
    kinds = ("open", "delivery", "click", "complaint", "bounce", "unknown")
    inbox.store_many(session, [an_arrival(kind, event_type=kind, raw=kind) for kind in kinds])
    assert {one.raw for one in inbox.take(session)} == {"complaint", "bounce", "unknown"}
    run(
        session,
        "UPDATE inbox_event SET applied_at = now() WHERE event_type IN ('complaint', 'bounce', 'unknown')",
    )
    assert {one.raw for one in inbox.take(session)} == {"open", "delivery", "click"}


def test_texts_that_postgresql_cannot_hold_are_stored_without_what_it_cannot(session: Session) -> None:
    """E07: one raw event with a NUL or half a character must not hold up its batch."""
    stored = inbox.store(
        session, [an_arrival("a", raw="x\0y"), an_arrival("b", raw="\ud800"), an_arrival("c", raw="{}")]
    )
    assert {key: row(session, event_id)["raw"] for key, event_id in stored.items()} == {
        "a": "x\ufffdy", "b": "?", "c": "{}",
    }  # fmt: skip


def test_applied_and_postponed_events_are_not_taken(session: Session) -> None:
    applied, postponed, due = (stored(session, key) for key in "abc")
    inbox.mark_applied(session, [applied], tenant_id=1)
    inbox.put_back(session, [postponed])
    assert [one.id for one in inbox.take(session)] == [due]


def test_what_one_worker_holds_another_passes_over(database: Database) -> None:
    with database.begin() as first:
        held = stored(first, "held")
    with database.begin() as first, database.begin() as second:
        assert [one.id for one in inbox.take(first)] == [held]
        assert inbox.take(second) == []


def test_an_unknown_message_waits_half_as_long_as_it_has_waited(session: Session) -> None:
    """E04"""
    young, older, old = (stored(session, str(hours), hours_ago=hours) for hours in (0, 1, 20))
    assert inbox.wait_for_delivery(session, [young, older, old]) == 0
    waits = [row(session, event_id)["wait"].total_seconds() for event_id in (young, older, old)]
    assert waits == [15, 1800, 3600]


def test_an_unknown_message_is_quarantined_after_24_hours(session: Session) -> None:
    """E04"""
    event_id = stored(session, "late", hours_ago=24.1)
    assert inbox.wait_for_delivery(session, [event_id]) == 1
    assert row(session, event_id)["error"] == "no delivery of ours"
    assert inbox.take(session) == []


def test_a_poisoned_event_is_quarantined_at_its_tenth_failure(session: Session) -> None:
    event_id = stored(session, "poison")
    assert [inbox.note_failure(session, event_id, "ValueError") for _ in range(10)] == [0] * 9 + [1]
    assert row(session, event_id)["tries"] == 10


def test_failures_are_tried_again_later_and_later(session: Session) -> None:
    event_id = stored(session, "flaky")
    waits = []
    for _ in range(3):
        inbox.note_failure(session, event_id, "ValueError")
        waits.append(row(session, event_id)["wait"].total_seconds())
    assert waits == [15, 30, 60]


def test_the_inbox_is_clear_when_no_event_can_be_evidence_that_is_missed(session: Session) -> None:
    run(session, "DELETE FROM inbox_event")
    assert inbox.is_clear(session)
    event_id = stored(session, "new")
    assert not inbox.is_clear(session)
    inbox.wait_for_delivery(session, [event_id])
    assert inbox.is_clear(session)
    run(session, "UPDATE inbox_event SET error = NULL")
    assert [inbox.note_failure(session, event_id, "ValueError") for _ in range(9)] == [0] * 9
    assert not inbox.is_clear(session)
    assert inbox.note_failure(session, event_id, "ValueError") == 1
    assert inbox.is_clear(session)


def test_the_raw_text_of_old_applied_events_is_erased_and_their_keys_are_not(session: Session) -> None:
    old, young, waiting = (stored(session, key) for key in "abc")
    inbox.mark_applied(session, [old, young], tenant_id=1)
    run(session, "UPDATE inbox_event SET applied_at = now() - interval '31 days' WHERE id = :id", id=old)
    assert inbox.forget_raw(session, after_days=30, quarantined_after_days=90) == 1
    assert [row(session, event_id)["raw"] for event_id in (old, young, waiting)] == ["", "{}", "{}"]
    assert inbox.store_many(session, [an_arrival("a")]) == 0
    assert inbox.forget_raw(session, after_days=30, quarantined_after_days=90) == 0


def test_the_raw_text_of_what_was_long_put_aside_is_erased_and_its_reason_is_not(session: Session) -> None:
    old, young = (stored(session, key) for key in "ab")
    inbox.quarantine(session, [old, young], "no delivery of ours")
    for event_id, days in ((old, 91), (young, 89)):
        run(
            session,
            "UPDATE inbox_event SET quarantined_at = now() - make_interval(days => :days) WHERE id = :id",
            days=days,
            id=event_id,
        )
    assert inbox.forget_raw(session, after_days=30, quarantined_after_days=90) == 1
    assert [row(session, event_id)["raw"] for event_id in (old, young)] == ["", "{}"]
    assert row(session, old)["error"] == "no delivery of ours"
