"""Suppressing people, ending it, the history of it, and that no import of contacts can undo it."""

import io
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConflictError, InputError, NotFoundError
from core.import_formats import FileFormat
from core.suppression import Reason
from store import audiences, planning, suppressions
from store.session import one, rows, run
from tasks import suppression_files
from tasks import suppressions as tasks
from tasks.contacts import import_contacts
from tasks.resources import Resources
from tests.builders import Scene, a_scene, key_of


@pytest.fixture
def scene(resources: Resources) -> Scene:
    with resources.database.begin() as session:
        return a_scene(session)


def add(resources: Resources, scene: Scene, address: str = "anna@example.net", **wish: Any) -> dict[str, Any]:
    wish.setdefault("reason", Reason.HARD_BOUNCE)
    return tasks.add_suppression(resources, tenant_id=scene.tenant_id, address=address, actor="eve", **wish)


def remove(
    resources: Resources, scene: Scene, address: str = "anna@example.net", **which: Any
) -> dict[str, Any]:
    return tasks.end_suppression(
        resources, tenant_id=scene.tenant_id, address=address, **{"why": "mended", "actor": "eve"} | which
    )


def changes(resources: Resources, scene: Scene, address: str = "anna@example.net") -> list[tuple[str, ...]]:
    found = tasks.suppression_history(resources, tenant_id=scene.tenant_id, address=address)
    return [(row["what"], row["reason"], row["scope"], row["actor"], row["why"]) for row in found]


# No import revives


SPELLINGS = {
    "as it was": "Anna.Meier@bücher.example",
    "in capitals": "ANNA.MEIER@BÜCHER.EXAMPLE",
    "in A-labels": "anna.meier@xn--bcher-kva.example",
    "in capital A-labels": "Anna.Meier@XN--BCHER-KVA.example",
    "with spaces around it": "  anna.meier@bücher.example\u00a0",
    "with a dot at its end": "anna.meier@bücher.example.",
    "with a zero-width space": "\u200banna.meier@bücher.example",
    "with a byte order mark": "\ufeffanna.meier@bücher.example",
    "decomposed": "anna.meier@bu\u0308cher.example",
    "full-width": "anna.meier@ｂücher．example",
}


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.UNSUBSCRIBE, Reason.HARD_BOUNCE])
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_no_import_of_contacts_revives_a_person_under_any_spelling(
    resources: Resources, scene: Scene, tmp_path: Path, spelling: str, reason: Reason
) -> None:
    """P06; LAW-ALL-01: previously suppressed addresses cannot be re-imported as active."""
    add(resources, scene, SPELLINGS["as it was"], reason=reason)
    file = tmp_path / "people.csv"
    file.write_text(f"email,status,consent_at\n{spelling},subscribed,2026-11-01\n", encoding="utf-8")
    report = import_contacts(resources, tenant_id=scene.tenant_id, location=str(file), audience="readers")
    assert report.counts["created"] == 1
    standing = tasks.check_suppression(resources, tenant_id=scene.tenant_id, address=spelling)
    assert (standing["suppressed"], standing["reason"]) == (True, reason)
    with resources.database.begin() as session:
        preview = planning.preview(session, tenant_id=scene.tenant_id, audience_id=scene.audience_id)
    assert None not in preview
    assert sum(preview.values()) == 1


def test_an_erased_person_who_is_imported_again_is_still_suppressed(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    """P06: only the HMAC is left, and it is enough."""
    add(resources, scene, reason=Reason.UNSUBSCRIBE)
    with resources.database.begin() as session:
        key = key_of("anna@example.net")
        assert suppressions.forget_address(session, tenant_id=scene.tenant_id, recipient_key=key) == 1
    file = tmp_path / "people.csv"
    file.write_text("email\nANNA@example.net\n")
    import_contacts(resources, tenant_id=scene.tenant_id, location=str(file), audience="readers")
    with resources.database.begin() as session:
        preview = planning.preview(session, tenant_id=scene.tenant_id, audience_id=scene.audience_id)
        left = rows(session, "SELECT address FROM suppression") + rows(
            session, "SELECT detail FROM suppression_change"
        )
    assert preview == {"unsubscribed": 1}
    assert "anna" not in str(left)


def test_an_import_that_says_unsubscribed_cannot_weaken_a_complaint(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    add(resources, scene, reason=Reason.COMPLAINT)
    file = tmp_path / "people.csv"
    file.write_text("email,status\nanna@example.net,unsubscribed\n")
    import_contacts(resources, tenant_id=scene.tenant_id, location=str(file), audience="readers")
    standing = tasks.check_suppression(resources, tenant_id=scene.tenant_id, address="anna@example.net")
    assert standing["reason"] == "complaint"


# Adding and ending


def test_a_suppression_that_ended_begins_again_and_one_that_holds_is_only_lengthened(
    resources: Resources, scene: Scene
) -> None:
    tomorrow, later = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) + timedelta(days=9)
    assert add(resources, scene, expires_at=later)["added"] == 1
    assert add(resources, scene, expires_at=tomorrow)["added"] == 0
    assert add(resources, scene)["added"] == 1
    assert add(resources, scene, expires_at=later)["added"] == 0
    remove(resources, scene)
    assert add(resources, scene)["added"] == 1
    assert [change[0] for change in changes(resources, scene)] == [
        "added",
        "lasts_otherwise",
        "ended",
        "began_again",
    ]


def test_a_suppression_holds_until_its_day(resources: Resources, scene: Scene) -> None:
    assert add(resources, scene, expires_at=datetime.now(UTC) + timedelta(days=1))["suppressed"]
    with resources.database.begin() as session:
        run(session, "UPDATE suppression SET expires_at = now() - interval '1 second'")
    standing = tasks.check_suppression(resources, tenant_id=scene.tenant_id, address="anna@example.net")
    assert standing["suppressed"] is False


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.UNSUBSCRIBE])
def test_a_persons_own_wish_ends_only_with_the_persons_consent(
    resources: Resources, scene: Scene, reason: Reason
) -> None:
    add(resources, scene, reason=reason)
    with pytest.raises(ConflictError, match="own wish") as refused:
        remove(resources, scene)
    assert refused.value.code == "consent_needed"
    done = remove(resources, scene, consented=True, why="asked by phone on 20 November")
    assert (done["ended"], done["suppressed"]) == (1, False)


def test_only_what_was_chosen_ends(resources: Resources, scene: Scene) -> None:
    add(resources, scene, reason=Reason.HARD_BOUNCE)
    add(resources, scene, reason=Reason.MANUAL)
    add(resources, scene, reason=Reason.MANUAL, audience="readers")
    add(resources, scene, reason=Reason.MANUAL, everywhere=True)

    def left() -> set[tuple[str, str]]:
        found = tasks.check_suppression(resources, tenant_id=scene.tenant_id, address="anna@example.net")
        return {(row["reason"], row["scope"]) for row in found["suppressions"] if row["holds"]}

    remove(resources, scene, reason=Reason.HARD_BOUNCE)
    assert left() == {("manual", "tenant"), ("manual", "audience"), ("manual", "global")}
    remove(resources, scene)
    assert left() == {("manual", "audience"), ("manual", "global")}
    remove(resources, scene, audience="readers")
    remove(resources, scene, everywhere=True)
    assert left() == set()


def test_what_cannot_end_is_said(resources: Resources, scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        remove(resources, scene)
    add(resources, scene)
    with pytest.raises(InputError, match="needs a reason"):
        remove(resources, scene, why=" ")
    with pytest.raises(InputError, match="of one tenant"):
        remove(resources, scene, audience="readers", everywhere=True)
    with pytest.raises(InputError, match="has ended"):
        add(resources, scene, expires_at=datetime(2026, 1, 1, tzinfo=UTC))


# History


def test_the_history_says_what_when_who_and_why(resources: Resources, scene: Scene) -> None:
    add(resources, scene, reason=Reason.MANUAL, why="a call")
    add(resources, scene, reason=Reason.MANUAL, everywhere=True, why="a lawyer's letter")
    remove(resources, scene, reason=Reason.MANUAL)
    assert changes(resources, scene, "ANNA@example.net") == [
        ("added", "manual", "tenant", "eve", "a call"),
        ("added", "manual", "global", "eve", "a lawyer's letter"),
        ("ended", "manual", "tenant", "eve", "mended"),
    ]


def test_what_an_operator_or_a_file_says_keeps_no_address(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    """The history outlives an erasure."""
    add(resources, scene, why="anna@example.net called, and anna@other.example wrote")
    remove(resources, scene, why="it was Anna who called")
    imported(
        resources,
        scene,
        tmp_path / "s.csv",
        "email,reason,detail\nbert@example.net,manual,bert@example.net asked\n",
    )
    contacts = tmp_path / "people.csv"
    contacts.write_text(
        "Email Address,UNSUB_TIME,UNSUB_REASON\ncarl@example.net,2024-01-01 00:00:00,carl@example.net left\n"
    )
    import_contacts(
        resources,
        tenant_id=scene.tenant_id,
        location=str(contacts),
        audience="readers",
        file_format=FileFormat.MAILCHIMP,
    )
    with resources.database.begin() as session:
        told = str(rows(session, "SELECT detail, why FROM suppression_change")).lower()
        told += str(rows(session, "SELECT reason FROM audit_entry")).lower()
    assert "called" in told
    assert [name for name in ("anna", "bert", "carl", "@") if name in told] == []


def test_the_history_misses_nothing_whoever_writes(resources: Resources, scene: Scene) -> None:
    """Triggers write it: a statement that knows nothing of it, and even a deletion, is in it."""
    add(resources, scene)
    with resources.database.begin() as session:
        run(session, "UPDATE suppression SET detail = 'x', source = 'psql'")
        run(session, "DELETE FROM suppression")
    assert changes(resources, scene) == [
        ("added", "hard_bounce", "tenant", "eve", ""),
        ("changed", "hard_bounce", "tenant", "psql", ""),
        ("deleted", "hard_bounce", "tenant", "psql", ""),
    ]


def test_an_erasure_stands_in_the_history_without_the_address(resources: Resources, scene: Scene) -> None:
    add(resources, scene, everywhere=True)
    add(resources, scene)
    with resources.database.begin() as session:
        key = key_of("anna@example.net")
        suppressions.forget_address(session, tenant_id=scene.tenant_id, recipient_key=key)
        everywhere = one(session, "SELECT address FROM global_suppression")
    assert everywhere is not None
    assert everywhere["address"] is None
    assert [change[0] for change in changes(resources, scene)][2:] == ["address_erased", "address_erased"]


def test_another_tenant_sees_neither_the_suppression_nor_its_history(
    resources: Resources, scene: Scene
) -> None:
    """P04"""
    add(resources, scene)
    with resources.database.begin() as session:
        other = a_scene(session)
    assert changes(resources, other) == []
    assert tasks.list_suppressions(resources, tenant_id=other.tenant_id) == {"counts": [], "newest": []}


def test_a_list_counts_all_and_masks_the_newest(resources: Resources, scene: Scene) -> None:
    for number in range(3):
        add(resources, scene, f"reader{number}@example.net")
    add(resources, scene, reason=Reason.MANUAL)
    remove(resources, scene, reason=Reason.MANUAL)
    found = tasks.list_suppressions(resources, tenant_id=scene.tenant_id, limit=2)
    assert [(row["reason"], row["holding"], row["ended"]) for row in found["counts"]] == [
        ("hard_bounce", 3, 0),
        ("manual", 0, 1),
    ]
    assert [row["address"] for row in found["newest"]] == ["r***@e***.net"] * 2


# Files


def imported(resources: Resources, scene: Scene, path: Path, text: str, **options: Any) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    return suppression_files.import_suppressions(
        resources, tenant_id=scene.tenant_id, location=str(path), **options
    )


def test_a_dry_run_of_a_file_counts_and_changes_nothing(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    done = imported(resources, scene, tmp_path / "s.csv", "email\na@example.net\nbad\n", dry_run=True)
    assert (done["added"], done["rejected"], done["dry_run"]) == (1, 1, True)
    assert changes(resources, scene, "a@example.net") == []


def test_a_file_keeps_lists_ends_and_words_that_are_not_ours(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    done = imported(
        resources,
        scene,
        tmp_path / "s.csv",
        "email,reason,scope,audience,expires_at\n"
        "a@example.net,manual,audience,readers,\n"
        "b@example.net,manual,audience,gone,\n"
        "c@example.net,spam trap,,,2099-01-01\n"
        "d@example.net,manual,,,2020-01-01\n",
    )
    assert (done["rows"], done["added"], done["ended"]) == (4, 3, 1)
    with resources.database.begin() as session:
        found = rows(
            session,
            "SELECT address, reason, scope, detail, extract(year FROM expires_at) FROM suppression ORDER BY 1",
        )
    assert [tuple(row.values()) for row in found] == [
        ("a@example.net", "manual", "audience", "", None),
        ("b@example.net", "manual", "tenant", "", None),
        ("c@example.net", "import", "tenant", "spam trap", 2099),
    ]


def test_an_export_is_safe_in_a_spreadsheet_and_comes_back_as_it_was(
    resources: Resources, scene: Scene, tmp_path: Path
) -> None:
    """T11"""
    with resources.database.begin() as session:
        audiences.get_or_create(session, tenant_id=scene.tenant_id, name="=HYPERLINK(1)")
    add(resources, scene, "+anna@example.net", reason=Reason.MANUAL, audience="=HYPERLINK(1)", why="@SUM(A1)")
    target = io.StringIO()
    suppression_files.export_suppressions(resources, tenant_id=scene.tenant_id, target=target)
    cells = target.getvalue().splitlines()[1].split(",")
    assert [cell for cell in cells if cell[:1] in {"=", "+", "-", "@"}] == []
    before = changes(resources, scene, "+anna@example.net")
    done = imported(resources, scene, tmp_path / "s.csv", target.getvalue())
    assert (done["added"], done["already"], done["rejected"]) == (0, 1, 0)
    assert changes(resources, scene, "+anna@example.net") == before


def test_a_large_file_is_stored_batch_by_batch(resources: Resources, scene: Scene, tmp_path: Path) -> None:
    text = "email\n" + "".join(f"reader{number}@example.net\n" for number in range(30_000))
    tracemalloc.start()
    done = imported(resources, scene, tmp_path / "s.csv", text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done["added"] == 30_000
    assert peak < 40e6
