"""The commands, as a script uses them."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import contacts, suppressions
from store.session import Database
from tests.builders import a_tenant


app = typer.Typer()
app.add_typer(contacts.app, name="contacts")
app.add_typer(suppressions.app, name="suppressions")


@pytest.fixture(autouse=True)
def _environment(own_process: None, database: Database) -> None:
    with database.begin() as session:
        a_tenant(session, slug="acme")


def posthouse(*arguments: str | Path, exit_code: int = 0) -> Any:
    """Run a command with --json and return its answer."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_an_import_answers_its_counts(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,name\na@x.com,Ann\nbad,Bo\n")
    answer = posthouse("contacts", "import", "acme", file, "--audience", "news")
    assert (answer["rows"], answer["created"], answer["rejected"]) == (2, 1, 1)
    assert answer["errors"][0]["line"] == 3


def test_an_import_takes_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Adresse=privat,name\na@x.com,Ann\n")
    answer = posthouse(
        "contacts", "import", "acme", file, "--audience", "news", "--map", "Adresse=privat=email"
    )
    assert answer["created"] == 1


def test_an_import_for_people_shows_counts_and_errors(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email\na@x.com\nbad\n")
    done = CliRunner().invoke(app, ["contacts", "import", "acme", str(file), "--audience", "news"])
    assert done.exit_code == 0
    assert "created" in done.stdout
    assert "invalid_address" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(
            ["contacts", "import", "acme", "missing.csv", "--audience", "n"], "import_file", id="file"
        ),
        pytest.param(["contacts", "import", "nobody", "x.csv", "--audience", "n"], "not_found", id="tenant"),
        pytest.param(
            ["contacts", "import", "acme", "x.csv", "--audience", "n", "--map", "x"],
            "invalid_input",
            id="mapping",
        ),
        pytest.param(["suppressions", "check", "acme", "bad"], "invalid_address", id="address"),
        pytest.param(
            ["suppressions", "add", "acme", "a@x.com", "--reason", "manual", "--audience", "none"],
            "not_found",
            id="audience",
        ),
    ],
)
def test_a_refusal_has_a_code(arguments: list[str], code: str) -> None:
    assert posthouse(*arguments, exit_code=1)["error"]["code"] == code


def test_a_suppression_is_added_checked_and_exported(tmp_path: Path) -> None:
    before = posthouse("suppressions", "check", "acme", "a@x.com")
    added = posthouse("suppressions", "add", "acme", "A@x.com", "--reason", "manual")
    after = posthouse("suppressions", "check", "acme", "a@x.com")
    exported = posthouse("suppressions", "export", "acme", "--output", tmp_path / "out.csv")
    assert (before["suppressed"], added["added"], after["suppressed"]) == (False, 1, True)
    assert exported["suppressions"] == 1
    assert "A@x.com" in (tmp_path / "out.csv").read_text()


def test_a_check_for_people_shows_reason_and_scope() -> None:
    before = CliRunner().invoke(app, ["suppressions", "check", "acme", "a@x.com"])
    CliRunner().invoke(app, ["suppressions", "add", "acme", "a@x.com", "--reason", "complaint"])
    after = CliRunner().invoke(app, ["suppressions", "check", "acme", "a@x.com"])
    assert before.stdout.strip() == "not suppressed"
    assert "complaint" in after.stdout


def test_suppressions_go_to_stdout_as_csv() -> None:
    posthouse("suppressions", "add", "acme", "a@x.com", "--reason", "unsubscribe")
    done = CliRunner().invoke(app, ["suppressions", "export", "acme"])
    assert done.stdout.splitlines()[0].startswith("email,recipient_key,reason")
    assert done.stdout.splitlines()[1].startswith("a@x.com,")


def test_suppressions_are_imported_with_the_reason_given(tmp_path: Path) -> None:
    file = tmp_path / "left.csv"
    file.write_text("email\na@x.com\n")
    done = posthouse("suppressions", "import", "acme", file, "--reason", "unsubscribe")
    standing = posthouse("suppressions", "check", "acme", "a@x.com")
    assert (done["added"], standing["reason"]) == (1, "unsubscribe")
