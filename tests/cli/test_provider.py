"""`posthouse provider`, as an operator uses it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from store.session import Database
from tests.builders import Scene, a_contact, a_scene
from tests.zones import name_server


@pytest.fixture(autouse=True)
def _environment(own_process: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with name_server({"agency.net": {"MX": ["10 aspmx.l.google.com."]}}) as zones:
        monkeypatch.setenv("POSTHOUSE_DNS_SERVERS", json.dumps([f"127.0.0.1:{zones.port}"]))
        yield


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        scene = a_scene(session)
        for address in ("ann@agency.net", "bob@agency.net", "cem@gmail.com"):
            a_contact(session, scene, address)
    return scene


def posthouse(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["provider", *arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_an_operator_counts_an_audience_and_corrects_a_domain(scene: Scene) -> None:
    audience = ("list", scene.slug, "--audience", "readers")
    assert posthouse(*audience) == {"providers": {"google_workspace": 2, "gmail": 1}}
    shown = posthouse("show", "agency.net")
    assert (shown["provider"], shown["edge"], shown["exchangers"]) == (
        "google_workspace",
        "google",
        ["aspmx.l.google.com"],
    )
    chosen = posthouse("set", "agency.net", "proofpoint", "--reason", "a gateway stands before it")
    assert (chosen["set_by"], chosen["set_reason"]) == ("cli", "a gateway stands before it")
    assert posthouse(*audience) == {"providers": {"proofpoint": 2, "gmail": 1}}
    assert posthouse("set", "agency.net", "auto")["set_by"] is None


def test_a_provider_that_is_none_is_refused_with_those_that_are(scene: Scene) -> None:
    refused = posthouse("set", "agency.net", "gmial", "--reason", "x", exit_code=1)
    assert "gmail, godaddy" in refused["error"]["hint"]


def test_a_person_reads_a_table(scene: Scene) -> None:
    done = CliRunner().invoke(app, ["provider", "list", scene.slug, "--audience", "readers"])
    assert done.exit_code == 0
    assert "google_workspace" in done.stdout
