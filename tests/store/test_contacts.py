"""What a batch of an import becomes in the database."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from core.contact_import import ImportedContact, Rejection
from core.errors import ConflictError, NotFoundError
from store import audiences, contact_imports, contacts
from store.contact_imports import Progress
from store.contacts import Upserted
from store.session import Database, count, one, rows
from tests.builders import a_tenant


@pytest.fixture
def tenant_id(session: Session) -> int:
    tenant_id = a_tenant(session).id
    assert tenant_id is not None
    return tenant_id


@pytest.fixture
def audience_id(session: Session, tenant_id: int) -> int:
    return audiences.get_or_create(session, tenant_id=tenant_id, name="news")


def row(address: str = "a@x.com", key: str = "", **attributes: object) -> ImportedContact:
    return ImportedContact(address, key or f"key of {address.lower()}", attributes)


def addresses(session: Session, tenant_id: int) -> list[str]:
    found = rows(session, "SELECT address FROM contact WHERE tenant_id = :id ORDER BY id", id=tenant_id)
    return [each["address"] for each in found]


def contact(session: Session, tenant_id: int, address: str = "a@x.com") -> dict[str, object]:
    found = one(
        session,
        "SELECT * FROM contact WHERE tenant_id = :id AND address = :address",
        id=tenant_id,
        address=address,
    )
    assert found is not None
    return dict(found)


def members(session: Session, audience_id: int) -> int:
    return len(rows(session, "SELECT FROM audience_member WHERE audience_id = :id", id=audience_id))


def test_created_updated_and_unchanged_contacts_are_told_apart(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    where = {"tenant_id": tenant_id, "audience_id": audience_id}
    first = contacts.upsert(session, **where, contacts=[row("a@x.com", n="1"), row("b@x.com", n="1")])
    again = contacts.upsert(
        session, **where, contacts=[row("a@x.com", n="1"), row("b@x.com", n="2"), row("c@x.com")]
    )
    assert first == Upserted(created=2)
    assert again == Upserted(created=1, updated=1, unchanged=1)
    assert members(session, audience_id) == 3


def test_attributes_that_the_file_lacks_are_kept(session: Session, tenant_id: int, audience_id: int) -> None:
    where = {"tenant_id": tenant_id, "audience_id": audience_id}
    contacts.upsert(session, **where, contacts=[row(first_name="Ann", city="Ulm")])
    contacts.upsert(session, **where, contacts=[row(first_name="Anna")])
    assert contact(session, tenant_id)["attributes"] == {"first_name": "Anna", "city": "Ulm"}


def test_any_text_survives_the_way_into_the_database(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    text = "tab\there\nline \\ back\\slash \\N \\t \"quote\" 'q' Zoë 日本 \x01"
    contacts.upsert(
        session,
        tenant_id=tenant_id,
        audience_id=audience_id,
        contacts=[
            ImportedContact("a@x.com", "k", {"note": text}, "consent", None, "shop\tone\\N", "line\nline")
        ],
    )
    stored = contact(session, tenant_id)
    assert stored["attributes"] == {"note": text}
    assert (stored["consent_source"], stored["consent_wording"]) == ("shop\tone\\N", "line\nline")


def test_consent_is_replaced_only_where_the_file_has_some(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    where = {"tenant_id": tenant_id, "audience_id": audience_id}
    at = datetime(2024, 5, 31, 10, tzinfo=UTC)
    contacts.upsert(session, **where, contacts=[ImportedContact("a@x.com", "k", {}, "consent", at, "shop")])
    without = contacts.upsert(session, **where, contacts=[ImportedContact("a@x.com", "k", {})])
    with_other = contacts.upsert(
        session, **where, contacts=[ImportedContact("a@x.com", "k", {}, None, None, "fair")]
    )
    stored = contact(session, tenant_id)
    assert without == Upserted(unchanged=1)
    assert with_other == Upserted(updated=1)
    assert (stored["consent_basis"], stored["consent_at"], stored["consent_source"]) == (
        "consent",
        at,
        "fair",
    )


def test_a_repeated_row_adds_its_spelling_and_changes_nobody(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    """T13: two contacts, one recipient key."""
    done = contacts.upsert(
        session,
        tenant_id=tenant_id,
        audience_id=audience_id,
        contacts=[row("A@x.com", n="1")],
        repeated=[row("A@x.com", n="2"), row("a@x.com", n="3"), row("a@x.com", n="4")],
    )
    assert done == Upserted(created=1)
    assert addresses(session, tenant_id) == ["A@x.com", "a@x.com"]
    assert contact(session, tenant_id, "A@x.com")["attributes"] == {"n": "1"}
    assert contact(session, tenant_id, "a@x.com")["attributes"] == {"n": "3"}
    assert members(session, audience_id) == 2


def test_two_batches_of_one_transaction_do_not_mix(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    where = {"tenant_id": tenant_id, "audience_id": audience_id}
    contacts.upsert(session, **where, contacts=[row("a@x.com")])
    assert contacts.upsert(session, **where, contacts=[row("b@x.com")]) == Upserted(created=1)


def test_two_imports_may_bring_the_same_person_at_once(database: Database) -> None:
    with database.begin() as session:
        tenant_id = a_tenant(session).id
        assert tenant_id is not None
        audience_id = audiences.get_or_create(session, tenant_id=tenant_id, name="news")
    where = {"tenant_id": tenant_id, "audience_id": audience_id}

    def store(attributes: dict[str, object]) -> Upserted:
        with database.begin() as session:
            return contacts.upsert(session, **where, contacts=[row("a@x.com", **attributes), row("b@x.com")])

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            contacts.upsert(session, **where, contacts=[row("a@x.com", first="1")])
            other = pool.submit(store, {"second": "2"})
            _wait_for_a_blocked_transaction(session)
        assert other.result() == Upserted(created=1, updated=1)
    with database.begin() as session:
        assert contact(session, tenant_id)["attributes"] == {"first": "1", "second": "2"}


def _wait_for_a_blocked_transaction(session: Session) -> None:
    deadline = time.monotonic() + 30
    while not rows(session, "SELECT FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_empty_batch_is_nothing(session: Session, tenant_id: int, audience_id: int) -> None:
    assert contacts.upsert(session, tenant_id=tenant_id, audience_id=audience_id, contacts=[]) == Upserted()


def test_the_same_address_of_two_tenants_is_two_contacts(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    other = a_tenant(session).id
    assert other is not None
    other_audience = audiences.get_or_create(session, tenant_id=other, name="news")
    contacts.upsert(session, tenant_id=tenant_id, audience_id=audience_id, contacts=[row(n="1")])
    done = contacts.upsert(session, tenant_id=other, audience_id=other_audience, contacts=[row(n="2")])
    assert done == Upserted(created=1)
    assert contact(session, tenant_id)["attributes"] == {"n": "1"}


def test_a_person_is_found_in_every_spelling_with_the_lists(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    contacts.upsert(
        session,
        tenant_id=tenant_id,
        audience_id=audience_id,
        contacts=[row("A@x.com", key="k"), row("b@x.com", key="other")],
        repeated=[row("a@x.com", key="k")],
    )
    found = contacts.contacts_by_recipient_key(session, tenant_id=tenant_id, recipient_key="k")
    assert [(each["address"], each["audiences"]) for each in found] == [
        ("A@x.com", ["news"]),
        ("a@x.com", ["news"]),
    ]


def begin(session: Session, tenant_id: int, audience_id: int, digest: str = "d") -> Progress:
    return contact_imports.begin(
        session,
        tenant_id=tenant_id,
        audience_id=audience_id,
        file_name="x.csv",
        file_digest=digest,
        file_format="generic",
    )


def test_an_interrupted_import_goes_on_and_a_finished_one_starts_again(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    new = begin(session, tenant_id, audience_id)
    where = {"tenant_id": tenant_id, "import_id": new.import_id}
    contact_imports.reject(session, **where, rejections=[Rejection(7, "bad", "why", "x\0@@y")])
    contact_imports.advance(session, **where, since=0, lines_done=10, counts={"rows": 9})
    interrupted = begin(session, tenant_id, audience_id)
    contact_imports.finish(session, **where)
    finished = begin(session, tenant_id, audience_id)
    assert (new.lines_done, interrupted.lines_done, finished.lines_done) == (0, 10, 0)
    assert interrupted.counts == {"rows": 9}
    assert finished.import_id == new.import_id
    assert list(contact_imports.rejections(session, **where)) == []


def test_two_processes_cannot_take_the_same_lines(session: Session, tenant_id: int, audience_id: int) -> None:
    where = {"tenant_id": tenant_id, "import_id": begin(session, tenant_id, audience_id).import_id}
    contact_imports.advance(session, **where, since=0, lines_done=10, counts={})
    with pytest.raises(ConflictError):
        contact_imports.advance(session, **where, since=0, lines_done=10, counts={})


def test_another_file_is_another_import(session: Session, tenant_id: int, audience_id: int) -> None:
    one_import = begin(session, tenant_id, audience_id, digest="1")
    assert begin(session, tenant_id, audience_id, digest="2").import_id != one_import.import_id


def test_rejected_lines_are_read_page_by_page_in_order(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    where = {"tenant_id": tenant_id, "import_id": begin(session, tenant_id, audience_id).import_id}
    lines = [Rejection(line, "bad", "why", "") for line in (5, 3, 9, 1, 7)]
    contact_imports.reject(session, **where, rejections=lines)
    found = contact_imports.rejections(session, **where, after=1, page=2)
    assert [each["line"] for each in found] == [3, 5, 7, 9]


def test_a_rejected_address_is_found_by_its_text(session: Session, tenant_id: int, audience_id: int) -> None:
    where = {"tenant_id": tenant_id, "import_id": begin(session, tenant_id, audience_id).import_id}
    contact_imports.reject(session, **where, rejections=[Rejection(3, "invalid_address", "why", "jörg@x.de")])
    (found,) = contacts.rejections_of(session, tenant_id=tenant_id, address_text="jörg@x.de")
    assert (found["line"], found["code"], found["file_name"], found["audience"]) == (
        3,
        "invalid_address",
        "x.csv",
        "news",
    )


def test_progress_of_another_tenants_import_is_not_found(
    session: Session, tenant_id: int, audience_id: int
) -> None:
    import_id = begin(session, tenant_id, audience_id).import_id
    other = a_tenant(session).id
    assert other is not None
    with pytest.raises(NotFoundError):
        contact_imports.progress(session, tenant_id=other, import_id=import_id)


def test_the_upsert_never_reads_the_whole_tenant(session: Session, tenant_id: int, audience_id: int) -> None:
    """A table without statistics, as an import fills it, was once joined as a product."""
    for start in range(0, 6000, 2000):
        contacts.upsert(
            session,
            tenant_id=tenant_id,
            audience_id=audience_id,
            contacts=[row(f"p{number}@x.com") for number in range(start, start + 2000)],
        )
    plan = rows(
        session,
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT TEXT) {contacts._UPSERT}",
        tenant_id=tenant_id,
        audience_id=audience_id,
        import_id=None,
    )
    removed = [line["QUERY PLAN"] for line in plan if "Rows Removed" in line["QUERY PLAN"]]
    assert not [line for line in removed if int(line.rsplit(" ", 1)[1]) > 10_000]
    assert count(session, "DELETE FROM audience_member WHERE audience_id = :id", id=audience_id) == 6000
