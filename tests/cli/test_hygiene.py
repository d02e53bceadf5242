"""`posthouse hygiene`, as an operator without Prefect uses it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from store.session import Database
from tests.builders import Scene, a_contact
from tests.tasks.test_hygiene_approval import at_a_dead_domain, audit, retired


@pytest.fixture(autouse=True)
def _environment(own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOUSE_DNS_LOOKUPS", "false")
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scene(database: Database) -> Scene:
    """A tenant of whose hundred people ten are at a domain that is dead for a week."""
    return at_a_dead_domain(database, 10, 90)


def said(*arguments: object, exit_code: int = 0) -> str:
    done = CliRunner().invoke(app, ["hygiene", *map(str, arguments)])
    assert done.exit_code == exit_code, done.output
    return done.stdout


def posthouse(*arguments: object, exit_code: int = 0) -> Any:
    return json.loads(said(*arguments, "--json", exit_code=exit_code))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_night_that_waits_is_approved_at_a_terminal(scene: Scene, database: Database) -> None:
    tried = posthouse("run", "--tenant", scene.slug, "--dry-run")
    assert tried["waiting"][0]["would_leave"] == {"dead_domain": 10}
    (waiting,) = posthouse("run")["waiting"]
    assert (waiting["tenant"], waiting["too_many"][0]) == (
        scene.slug,
        {"list": None, "mailable": 100, "leaving": 10},
    )
    run_id = waiting["run"]
    (night,) = posthouse("status", scene.slug)["nights"]
    assert (night["run"], night["state"], night["decided_by"]) == (run_id, "waiting", None)
    assert "waiting" in said("status", scene.slug)
    done = posthouse("approve", scene.slug, run_id, "--reason", "the provider has closed")
    assert done == {
        "tenant": scene.slug,
        "run": run_id,
        "state": "applied",
        "people": {"dead_domain": 10},
        "spared": 0,
    }
    assert retired(database, scene) == 10
    assert audit(database, scene) == [("ada", "hygiene.approved", "the provider has closed")]
    error = posthouse("refuse", scene.slug, run_id, "--reason", "too late", exit_code=1)["error"]
    assert error["message"] == f"hygiene run {run_id} waits for no decision: it was approved by ada"


def test_a_refusal_lets_nobody_leave(scene: Scene, database: Database) -> None:
    run_id = posthouse("run")["waiting"][0]["run"]
    assert posthouse("refuse", scene.slug, run_id, "--reason", "ours")["state"] == "refused"
    assert retired(database, scene) == 0


def test_a_decision_without_a_reason_is_wrong_usage(scene: Scene) -> None:
    assert CliRunner().invoke(app, ["hygiene", "approve", scene.slug, "1"]).exit_code == 2


def test_a_person_is_told_in_a_sentence(scene: Scene) -> None:
    assert said("run", "--dry-run").startswith(f"{scene.slug}: run ")


def test_who_would_leave_is_a_list_that_changes_nothing_and_is_audited(
    scene: Scene, database: Database
) -> None:
    before = table(said("people", scene.slug))
    assert len(before) == 10
    assert before[0] | {"email": "", "contact_id": ""} == {
        "email": "",
        "contact_id": "",
        "rule": "dead_domain",
        "why": "the domain has taken no mail for 7 nights",
        "what_happens": "retire",
        "outcome": "",
        "lists": "readers",
        "engaged_at": "",
        "consent_at": "",
    }
    assert posthouse("status", scene.slug)["nights"] == []
    run_id = posthouse("run")["waiting"][0]["run"]
    told = posthouse("people", scene.slug, "--run", run_id, "--output", "leaving.csv", "--bom")
    assert told == {"file": "leaving.csv", "lines": 10}
    assert Path("leaving.csv").read_bytes().startswith(b'\xef\xbb\xbf"email"')
    assert audit(database, scene) == [
        ("ada", "hygiene.people_taken", f"the list of hygiene run {run_id}"),
        ("ada", "hygiene.people_taken", "the list of who would leave"),
    ]


def test_hints_are_listed_with_what_they_mean_and_no_cell_is_a_formula(
    scene: Scene, database: Database
) -> None:
    """T11"""
    with database.begin() as session:
        for address in (
            "info@firm.test",
            "=1@gmaill.com",
            "bob@mailinator.com",
            "cem@firm.test",
            "cem+x@firm.test",
        ):
            a_contact(session, scene, address)
    found = {
        (line["email"], line["hint"]): line["detail"] for line in table(said("people", scene.slug, "--hints"))
    }
    assert found == {
        ("info@firm.test", "role"): "info",
        ("'=1@gmaill.com", "slip"): "is gmail.com meant?",
        ("bob@mailinator.com", "disposable"): "on the list",
        ("cem@firm.test", "alike"): "probably the same person as others of cem@firm.test",
        ("cem+x@firm.test", "alike"): "probably the same person as others of cem@firm.test",
    }
    error = posthouse("people", scene.slug, "--hints", "--run", 1, exit_code=1)["error"]
    assert error["message"] == "hints belong to no night"


def test_sources_are_told_with_bounds(scene: Scene) -> None:
    told = posthouse("sources", scene.slug)
    assert told["hints"] == {"role": 0, "disposable": 0, "alike": 0, "slips": []}
    assert told["disposable_list"] == "2026-11-09"
    assert told["imports"] == [
        {
            "import": "no import",
            "contacts": 100,
            "mailed": 0,
            "bounce_rate": [0.0, 0.0, 1.0],
            "complaint_rate": [0.0, 0.0, 1.0],
            "open_rate": [0.0, 0.0, 1.0],
            "score": 100,
            "verdict": "too few to say",
        }
    ]
    assert "no import" in said("sources", scene.slug)


def test_a_policy_is_shown_and_changed(scene: Scene) -> None:
    assert posthouse("policy", scene.slug)["policy"]["removal_percent"] == 5
    change = (
        "policy",
        scene.slug,
        "--set",
        "removal_percent=20",
        "--set",
        "winback_days=0",
        "--reason",
        "a small list",
    )
    now = posthouse(*change)["policy"]
    assert (now["removal_percent"], now["winback_days"]) == (20, 0)
    assert posthouse("run")["retired"] == 10
    error = posthouse("policy", scene.slug, "--set", "sunset_days=soon", "--reason", "r", exit_code=1)[
        "error"
    ]
    assert error["message"] == "'sunset_days=soon' is no threshold"


def test_a_policy_that_does_not_exist_is_refused_with_those_that_do(scene: Scene) -> None:
    error = posthouse("policy", scene.slug, "--set", "sunset=1", "--reason", "r", exit_code=1)["error"]
    assert error["message"] == "there is no hygiene policy sunset"
    assert "sunset_days" in error["hint"]
