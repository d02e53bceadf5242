"""`posthouse campaign recipients`, as an operator uses it."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from store.session import Database
from tests.builders import Scene, a_contact, a_scene, plan


@pytest.fixture(autouse=True)
def _environment(own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scene(database: Database) -> Scene:
    """A reader whose address would be a formula, and one whom hygiene has retired."""
    with database.begin() as session:
        scene = a_scene(session)
        a_contact(session, scene, "=1+1@example.net")
        a_contact(session, scene, "quiet@example.net", state="retired", state_reason="no open in 180 days")
        plan(session, scene)
    return scene


def recipients(*arguments: object, exit_code: int = 0) -> str:
    done = CliRunner().invoke(app, ["campaign", "recipients", *map(str, arguments)])
    assert done.exit_code == exit_code, done.output
    return done.stdout


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_list_goes_to_stdout_and_no_cell_is_a_formula(scene: Scene) -> None:
    """T11"""
    found = {line["email"]: line["why"] for line in table(recipients(scene.campaign_id))}
    assert found == {
        "'=1+1@example.net": "It waits for its turn.",
        "quiet@example.net": "Not sent: hygiene has retired the contact: no open in 180 days.",
    }


def test_the_list_goes_into_a_file_with_its_counts(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    told = json.loads(recipients(scene.campaign_id, "--output", path, "--bom", "--json"))
    assert told == {"file": str(path), "recipients": 2, "skipped": 1, "waiting": 1}
    assert path.read_bytes().startswith(b'\xef\xbb\xbf"email"')
    assert [child.name for child in tmp_path.glob("*.csv*")] == ["list.csv"]


def test_one_outcome_can_be_chosen_and_json_names_the_file(scene: Scene, tmp_path: Path) -> None:
    told = json.loads(recipients(scene.campaign_id, "--outcome", "skipped", "--json"))
    assert told == {"file": f"campaign-{scene.campaign_id}-recipients.csv", "recipients": 1, "skipped": 1}
    assert [line["email"] for line in table((tmp_path / told["file"]).read_text())] == ["quiet@example.net"]


def test_a_campaign_that_is_not_planned_is_refused_and_leaves_no_file(
    database: Database, tmp_path: Path
) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=2)
    told = json.loads(recipients(scene.campaign_id, "--json", exit_code=1))
    assert told["error"]["message"] == (
        f"campaign {scene.campaign_id} is not planned yet, so there is no list of who got it"
    )
    assert list(tmp_path.glob("campaign-*")) == []
