"""`posthouse seeds` and the two test-sends, as an operator uses them, against the simulator of SES."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.campaigns import CampaignState
from store.session import Database
from tests.builders import Scene, a_scene, write_template
from tests.simulated import Simulated, a_simulator


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    with a_simulator("--max-send-rate", "1000") as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def _environment(
    own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated: Simulated
) -> None:
    write_template(tmp_path / "templates")
    monkeypatch.setenv("POSTHOUSE_TEMPLATES_DIR", str(tmp_path / "templates"))
    for name, value in simulated.environment.items():
        monkeypatch.setenv(name, value)
    simulated.reset()


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        return a_scene(session, contacts=2, state=CampaignState.DRAFT)


def posthouse(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_a_team_looks_at_a_campaign_and_at_a_template(scene: Scene, simulated: Simulated) -> None:
    assert posthouse("seeds", "add", scene.slug, "team", "ann@example.org", "bob@example.org") == {
        "list": "team",
        "added": 2,
        "already": 0,
    }
    assert posthouse("seeds", "list", scene.slug) == {"lists": [{"list": "team", "addresses": 2}]}
    assert posthouse("seeds", "list", scene.slug, "team") == {
        "list": "team",
        "addresses": ["ann@example.org", "bob@example.org"],
    }
    told = posthouse("campaign", "test-send", str(scene.campaign_id), "--seeds", "team", "--request-id", "r1")
    assert told["ok"]
    assert [(one["address"], one["state"]) for one in told["messages"]] == [
        ("ann@example.org", "sent"),
        ("bob@example.org", "sent"),
    ]
    again = posthouse(
        "campaign", "test-send", str(scene.campaign_id), "--seeds", "team", "--request-id", "r1"
    )
    assert again == told
    accepted = simulated.accepted()
    assert sorted(entry["to"][0] for entry in accepted) == ["ann@example.org", "bob@example.org"]
    assert {entry["subject"] for entry in accepted} == {"[Test] Spring for Ann"}
    posthouse(
        *("template", "test-send", "newsletter", "--tenant", scene.slug, "--seeds", "team"),
        *("--audience", "readers", "--no-mark"),
    )
    assert {entry["subject"] for entry in simulated.accepted()[2:]} == {"newsletter for Ann"}
    assert posthouse("seeds", "remove", scene.slug, "team", "bob@example.org") == {
        "list": "team",
        "removed": 1,
    }


def test_a_test_that_did_not_go_out_is_a_failure(scene: Scene, simulated: Simulated) -> None:
    posthouse("seeds", "add", scene.slug, "team", "ann@example.org")
    simulated.fault("throttle", match={"operation": "SendEmail"})
    told = posthouse("campaign", "test-send", str(scene.campaign_id), "--seeds", "team", exit_code=1)
    assert [(one["state"], one["why"]) for one in told["messages"]] == [("not_sent", "throttled")]


def test_a_person_reads_who_got_it(scene: Scene) -> None:
    posthouse("seeds", "add", scene.slug, "team", "ann@example.org")
    arguments = ["campaign", "test-send", str(scene.campaign_id), "--seeds", "team", "--request-id", "r1"]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert "ann@example.org" in done.output
    assert "request r1" in done.output


def test_a_list_that_is_not_there_is_refused(scene: Scene) -> None:
    told = posthouse("campaign", "test-send", str(scene.campaign_id), "--seeds", "press", exit_code=1)
    assert told["error"]["code"] == "not_found"
