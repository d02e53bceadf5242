"""The audit in the database: chained by it, append-only, and verified without its help."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from core import audit_chain as rule
from core.audit_chain import Entry, Verdict
from store import audit_chain, tenants
from store.session import Database, Session, rows, run
from tests.builders import a_tenant


def a_tenant_with(database: Database, entries: int) -> int:
    with database.begin() as session:
        tenant_id = a_tenant(session).id
        assert tenant_id is not None
    for number in range(entries):
        with database.begin() as session:
            note(session, tenant_id, f"reason {number} ä € 😀")
    return tenant_id


def note(session: Session, tenant_id: int, reason: str = "") -> None:
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor="ann",
        action="tenant.paused",
        subject=f"tenant {tenant_id}",
        reason=reason,
        detail={"b": 1.5, "a": ["ü", None, True]},
    )


def note_and_fail(database: Database, tenant_id: int) -> None:
    with database.begin() as session:
        note(session, tenant_id)
        run(session, "SELECT 1 / 0")


def verdict(database: Database, tenant_id: int) -> Verdict:
    with database.begin() as session:
        anchor, head = audit_chain.ends(session, tenant_id=tenant_id)
        found = audit_chain.entries(session, tenant_id=tenant_id, page=2)
        return rule.verify(found, anchor=anchor, head=head)


def entries(database: Database, tenant_id: int) -> list[Entry]:
    with database.begin() as session:
        return list(audit_chain.entries(session, tenant_id=tenant_id))


def test_what_the_database_links_holds_when_it_is_computed_here(database: Database) -> None:
    tenant_id = a_tenant_with(database, 5)
    assert verdict(database, tenant_id) == Verdict(entries=5)
    assert [entry.position for entry in entries(database, tenant_id)] == [1, 2, 3, 4, 5]


def test_each_tenant_has_a_chain_of_its_own(database: Database) -> None:
    one, other = a_tenant_with(database, 2), a_tenant_with(database, 3)
    assert (verdict(database, one).entries, verdict(database, other).entries) == (2, 3)


def test_a_transaction_that_rolls_back_leaves_no_gap(database: Database) -> None:
    tenant_id = a_tenant_with(database, 1)
    with pytest.raises(DBAPIError):
        note_and_fail(database, tenant_id)
    with database.begin() as session:
        note(session, tenant_id)
        note(session, tenant_id)
    assert verdict(database, tenant_id) == Verdict(entries=3)


def test_many_who_write_at_once_make_one_chain(database_url: str) -> None:
    database = Database(database_url, connections=8)
    tenant_id = a_tenant_with(database, 0)

    def write(number: int) -> None:
        with database.begin() as session:
            note(session, tenant_id, f"writer {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    assert verdict(database, tenant_id) == Verdict(entries=80)
    database.dispose()


def test_whoever_has_written_but_not_committed_makes_nobody_wait(database: Database) -> None:
    """The head is locked by the commit alone, so a long transaction that began with an entry delays no other."""
    tenant_id = a_tenant_with(database, 1)
    with database.begin() as slow:
        note(slow, tenant_id, "slow")
        with database.begin() as quick:
            run(quick, "SET LOCAL lock_timeout = '2s'")
            note(quick, tenant_id, "quick")
    assert [entry.reason for entry in entries(database, tenant_id)][1:] == ["quick", "slow"]
    assert verdict(database, tenant_id) == Verdict(entries=3)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET reason = 'another'",
        "UPDATE audit_entry SET hash = 'f', position = 9",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "UPDATE audit_chain SET length = 0",
        "UPDATE audit_chain SET anchor_position = 99",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
    ],
)
def test_the_audit_is_append_only(database: Database, statement: str) -> None:
    tenant_id = a_tenant_with(database, 2)
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as session:
        run(session, statement)
    assert verdict(database, tenant_id) == Verdict(entries=2)


def test_a_change_behind_the_triggers_is_found_at_its_place(database: Database) -> None:
    """A superuser can switch the triggers off. The chain does not keep that from happening: it tells."""
    tenant_id = a_tenant_with(database, 4)
    with database.begin() as session:
        run(session, "ALTER TABLE audit_entry DISABLE TRIGGER USER")
        run(session, "UPDATE audit_entry SET actor = 'bob' WHERE position = 3")
    broken = verdict(database, tenant_id).broken
    assert broken is not None
    assert broken.position == 3


def test_old_entries_leave_behind_an_anchor_and_the_rest_still_holds(database: Database) -> None:
    tenant_id = a_tenant_with(database, 3)
    with database.begin() as session:
        run(session, "ALTER TABLE audit_entry DISABLE TRIGGER USER")
        run(session, "UPDATE audit_entry SET created_at = created_at - :age", age=timedelta(days=800))
        run(session, "DELETE FROM audit_entry")
        run(session, "ALTER TABLE audit_entry ENABLE TRIGGER USER")
        run(session, "ALTER TABLE audit_chain DISABLE TRIGGER USER")
        run(session, "DELETE FROM audit_chain")
        run(session, "ALTER TABLE audit_chain ENABLE TRIGGER USER")
        for days in (800, 790, 1):
            run(
                session,
                """INSERT INTO audit_entry (tenant_id, actor, action, subject, created_at)
                   VALUES (:tenant_id, 'ann', 'tenant.paused', 'x', now() - make_interval(days => :days))""",
                tenant_id=tenant_id,
                days=days,
            )
    with database.begin() as session:
        through = audit_chain.older_than(session, tenant_id=tenant_id, days=760)
        assert through is not None
        assert through.position == 2
        assert audit_chain.take_away(session, tenant_id=tenant_id, through=through) == 2
    assert verdict(database, tenant_id) == Verdict(entries=1)
    with database.begin() as session:
        note(session, tenant_id)
        assert audit_chain.older_than(session, tenant_id=tenant_id, days=760) is None
    assert verdict(database, tenant_id) == Verdict(entries=2)


def test_no_entry_keeps_an_address_that_somebody_wrote_into_a_reason(database: Database) -> None:
    tenant_id = a_tenant_with(database, 0)
    with database.begin() as session:
        note(session, tenant_id, "reader@example.net asked us to")
    (entry,) = entries(database, tenant_id)
    assert entry.reason == "[address] asked us to"
    with database.begin() as session:
        assert rows(session, "SELECT id FROM audit_entry WHERE audit_entry::text LIKE '%@%'") == []
