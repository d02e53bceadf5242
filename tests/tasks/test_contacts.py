"""Importing whole files: counts, resumption, suppressions, and what reaches the user."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from core import contact_import
from core.errors import ImportFileError
from core.import_formats import FileFormat
from core.suppression import Reason
from gateways.settings import Settings
from store import audiences, contact_imports, suppressions
from store.session import Database, one, rows
from tasks import suppression_files
from tasks import suppressions as suppression_tasks
from tasks.contacts import ImportReport, import_contacts
from tasks.resources import Resources
from tests.builders import a_tenant
from tests.fakes import some_resources


@pytest.fixture
def tools(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path / "state")


@pytest.fixture
def tenant_id(database: Database) -> int:
    with database.begin() as session:
        tenant_id = a_tenant(session, slug="acme").id
    assert tenant_id is not None
    return tenant_id


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def run(tools: Resources, tenant_id: int, file: Path, **options: object) -> ImportReport:
    return import_contacts(tools, tenant_id=tenant_id, location=str(file), audience="news", **options)


def counts(report: ImportReport) -> dict[str, int]:
    return {name: number for name, number in report.counts.items() if number}


def test_the_same_file_again_changes_nothing(tools: Resources, tenant_id: int, file: Path) -> None:
    file.write_text("email,name\na@x.com,Ann\nb@x.com,Bo\nA@x.com,Ann\nbad,X\nc@x.com\n")
    first, again = run(tools, tenant_id, file), run(tools, tenant_id, file)
    assert counts(first) == {"rows": 5, "created": 2, "duplicates": 1, "rejected": 2}
    assert counts(again) == {"rows": 5, "unchanged": 2, "duplicates": 1, "rejected": 2}
    assert again.errors == first.errors


def test_the_answer_names_lines_and_codes_and_no_address(
    tools: Resources, tenant_id: int, file: Path
) -> None:
    file.write_text("email\ncanary@@x.com\n")
    report = run(tools, tenant_id, file).as_json()
    assert report["errors"] == [
        {
            "line": 2,
            "code": "invalid_address",
            "message": "the part before the @ holds a character, or a dot, that may not stand there",
        }
    ]
    assert "canary" not in json.dumps(report)
    assert set(report) == {
        "rows",
        "created",
        "updated",
        "unchanged",
        "duplicates",
        "suppressed",
        "rejected",
        "errors",
        "rejected_file",
        "seconds",
    }


def test_rejected_lines_beyond_a_hundred_go_to_a_file(tools: Resources, tenant_id: int, file: Path) -> None:
    file.write_text("email\n" + "".join(f"=cmd{number}\n" for number in range(150)))
    report = run(tools, tenant_id, file)
    beside = file.with_name("people.rejected.csv")
    with beside.open(newline="") as source:
        lines = list(csv.DictReader(source))
    assert report.rejected_file == str(beside)
    assert len(report.errors) == 100
    assert [line["line"] for line in lines[:2]] == ["102", "103"]
    assert len(lines) == 50
    assert lines[0]["address"] == "'=cmd100"


class _KillError(Exception):
    """The process dies."""


def test_a_killed_import_goes_on_where_it_stopped(
    tools: Resources, tenant_id: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_import, "BATCH", 100)
    # Long rows, so that few of them fill several blocks; the last one repeats the first across the interruption.
    rows_before = [f"p{number}@x.com,{'x' * 500}" for number in range(2999)]
    file.write_text("\n".join(["email,note", *rows_before, "P0@x.com,x"]))
    told: list[int] = []

    def die_after_two_batches(more: int) -> None:
        told.append(more)
        if len(told) == 3:
            raise _KillError

    with pytest.raises(_KillError):
        run(tools, tenant_id, file, on_lines=die_after_two_batches)
    stored = _stored(tools)
    resumed: list[int] = []
    report = run(tools, tenant_id, file, on_lines=resumed.append)
    assert 0 < stored < 2999
    assert resumed[0] == sum(told) == stored + 1
    assert counts(report) == {"rows": 3000, "created": 2999, "duplicates": 1}
    assert _stored(tools) == 3000


_IMPORTER = """
import sys
from pathlib import Path
from gateways.settings import Settings
from tasks.contacts import import_contacts
from tasks.resources import Resources
resources = Resources(Settings(database_url=sys.argv[1], state_dir=Path(sys.argv[2])))
import_contacts(resources, tenant_id=int(sys.argv[3]), location=sys.argv[4], audience="news")
"""


def test_an_import_survives_kill_9(
    database: Database, database_url: str, tenant_id: int, tmp_path: Path, file: Path, project: Path
) -> None:
    file.write_text("\n".join(["email,note", *(f"p{number}@x.com,{'x' * 50}" for number in range(50_000))]))
    state = tmp_path / "state"
    arguments = [sys.executable, "-c", _IMPORTER, database_url, str(state), str(tenant_id), str(file)]
    with subprocess.Popen(arguments, cwd=project) as importer:
        while not (before := _lines_done(database)) and importer.poll() is None:
            time.sleep(0.01)
        importer.kill()
    tools = Resources(Settings(database_url=database_url, state_dir=state))
    resumed: list[int] = []
    report = run(tools, tenant_id, file, on_lines=resumed.append)
    tools.database.dispose()
    assert importer.returncode == -signal.SIGKILL
    assert resumed[0] >= before > 0
    assert counts(report) == {"rows": 50_000, "created": 50_000}


def _lines_done(database: Database) -> int:
    with database.begin() as session:
        found = one(session, "SELECT lines_done FROM contact_import")
    return 0 if found is None else int(found["lines_done"])


def _stored(tools: Resources) -> int:
    with tools.database.begin() as session:
        found = one(session, "SELECT count(*) AS number FROM contact")
    assert found is not None
    return int(found["number"])


def test_a_commit_whose_answer_was_lost_is_not_counted_twice(
    tools: Resources, tenant_id: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21, for imports."""
    file.write_text("email\na@x.com\nbad\n")
    repeat, lost = Database.repeat, []

    def lose_one_answer(self: Database, step: object) -> object:
        if not lost:
            lost.append(repeat(self, step))
        return repeat(self, step)

    monkeypatch.setattr(Database, "repeat", lose_one_answer)
    assert counts(run(tools, tenant_id, file)) == {"rows": 2, "created": 1, "rejected": 1}


def test_a_batch_is_stored_whole_or_not_at_all(
    tools: Resources, tenant_id: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("email\na@x.com\n")

    def fail(*_: object, **__: object) -> None:
        raise _KillError

    monkeypatch.setattr(contact_imports, "advance", fail)
    with pytest.raises(_KillError):
        run(tools, tenant_id, file)
    assert _stored(tools) == 0


def test_a_suppressed_person_stays_suppressed_when_imported_again(
    tools: Resources, tenant_id: int, file: Path
) -> None:
    """P06."""
    file.write_text("email\nA@x.com\n")
    suppression_tasks.add_suppression(tools, tenant_id=tenant_id, address="a@x.com", reason=Reason.COMPLAINT)
    run(tools, tenant_id, file)
    standing = suppression_tasks.check_suppression(tools, tenant_id=tenant_id, address="A@X.com")
    assert (standing["suppressed"], standing["reason"]) == (True, "complaint")


def test_people_who_left_another_system_become_suppressions_of_the_whole_tenant(
    tools: Resources, tenant_id: int, file: Path
) -> None:
    file.write_text("Email Address,UNSUB_TIME\na@x.com,2024-01-01 00:00:00\n")
    report = run(tools, tenant_id, file, file_format=FileFormat.MAILCHIMP)
    assert counts(report) == {"rows": 1, "suppressed": 1}
    standing = suppression_tasks.check_suppression(tools, tenant_id=tenant_id, address="a@x.com")
    assert [(each["scope"], each["reason"]) for each in standing["suppressions"]] == [
        ("tenant", "unsubscribe")
    ]
    assert _stored(tools) == 0


def test_a_file_that_cannot_be_read_changes_nothing(tools: Resources, tenant_id: int, file: Path) -> None:
    file.write_text("name\nAnn\n")
    with pytest.raises(ImportFileError):
        run(tools, tenant_id, file)
    with tools.database.begin() as session:
        assert audiences.everyone(session, tenant_id=tenant_id) == []
        assert rows(session, "SELECT FROM contact_import") == []


def test_another_mapping_is_another_import(tools: Resources, tenant_id: int, file: Path) -> None:
    file.write_text("email,n\na@x.com,1\n")
    first = run(tools, tenant_id, file)
    mapped = run(tools, tenant_id, file, mapping={"n": "number"})
    assert mapped.import_id != first.import_id
    assert counts(mapped) == {"rows": 1, "updated": 1}


def test_the_database_may_be_lost_for_a_moment(
    tools: Resources, tenant_id: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("email\na@x.com\n")
    advance, failures = contact_imports.advance, [OperationalError("", {}, Exception("lost"))]

    def fail_once(*given: object, **named: object) -> None:
        if failures:
            raise failures.pop()
        advance(*given, **named)

    monkeypatch.setattr(contact_imports, "advance", fail_once)
    assert counts(run(tools, tenant_id, file)) == {"rows": 1, "created": 1}


def test_a_file_of_suppressions_keeps_the_reasons_that_it_names(
    tools: Resources, tenant_id: int, file: Path
) -> None:
    file.write_text(
        "email,reason,status\na@x.com,complaint,\nb@x.com,whatever,\nc@x.com,,bounced\nbad,,\nA@x.com,complaint,\n"
    )
    done = suppression_files.import_suppressions(tools, tenant_id=tenant_id, location=str(file))
    assert {name: done[name] for name in ("rows", "added", "already", "rejected")} == {
        "rows": 5,
        "added": 3,
        "already": 1,
        "rejected": 1,
    }
    with tools.database.begin() as session:
        found = [
            (each["address"], each["reason"]) for each in suppressions.export(session, tenant_id=tenant_id)
        ]
    assert sorted(found) == [("a@x.com", "complaint"), ("b@x.com", "import"), ("c@x.com", "hard_bounce")]


def test_rejected_lines_of_a_file_of_suppressions_go_to_a_file_too(
    tools: Resources, tenant_id: int, file: Path
) -> None:
    file.write_text("email\n" + "bad\n" * 101 + "a@x.com\n")
    done = suppression_files.import_suppressions(tools, tenant_id=tenant_id, location=str(file))
    assert (done["rejected"], len(done["errors"]), done["added"]) == (101, 100, 1)
    assert file.with_name("people.rejected.csv").read_text().splitlines()[1].startswith("102,")


def test_an_export_of_suppressions_can_be_imported_again(
    tools: Resources, tenant_id: int, tmp_path: Path
) -> None:
    suppression_tasks.add_suppression(
        tools, tenant_id=tenant_id, address="+a@x.com", reason=Reason.HARD_BOUNCE
    )
    path = tmp_path / "export.csv"
    with path.open("w", newline="") as target:
        assert suppression_files.export_suppressions(tools, tenant_id=tenant_id, target=target) == 1
    assert "'+a@x.com" in path.read_text()
    done = suppression_files.import_suppressions(tools, tenant_id=tenant_id, location=str(path))
    assert (done["added"], done["already"]) == (0, 1)


def test_a_suppression_by_hand_is_in_the_audit_trail(tools: Resources, tenant_id: int) -> None:
    suppression_tasks.add_suppression(tools, tenant_id=tenant_id, address="a@x.com", reason=Reason.MANUAL)
    with tools.database.begin() as session:
        (entry,) = rows(session, "SELECT action, subject FROM audit_entry")
    assert entry["action"] == "suppression.added"
    assert "a@x.com" not in entry["subject"]
