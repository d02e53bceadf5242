"""`posthouse template audit` and `history`, as an operator uses them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import template
from gateways.render_process import RemoteTemplate
from store import auditing, tenants
from store.session import Database
from tests.builders import NEWSLETTER, Scene, a_scene, write_template


@pytest.fixture(autouse=True)
def _environment(own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_template(tmp_path / "templates")
    monkeypatch.setenv("POSTHOUSE_TEMPLATES_DIR", str(tmp_path / "templates"))


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        return a_scene(session, contacts=3)


def posthouse_template(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(template.app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def audit(scene: Scene, *options: str, exit_code: int = 0) -> Any:
    arguments = ("audit", NEWSLETTER.name, "--tenant", scene.slug, "--audience", "readers", *options)
    return posthouse_template(*arguments, exit_code=exit_code)


def test_an_audit_of_a_right_template_exits_with_zero(scene: Scene) -> None:
    assert audit(scene, "--limit", "2") == {
        "audited": 2,
        "different": 0,
        "differences": [],
        "not_audited": [],
        "demoted": False,
    }


def test_a_difference_exits_with_one_and_stands_in_the_history(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    posthouse_template("publish", NEWSLETTER.name, "--tenant", scene.slug)
    told = "html/body[2]/p[1]: style differs in color"
    monkeypatch.setattr(RemoteTemplate, "audit", lambda *_given: told)

    found = audit(scene, exit_code=1)

    assert (found["audited"], found["different"], found["demoted"]) == (3, 3, True)
    assert {each["what"] for each in found["differences"]} == {told}
    [version] = posthouse_template("history", "--tenant", scene.slug)["versions"]
    assert (version["audited"], version["demoted_why"]) == (3, told)
    assert version["demoted_at"].startswith("20")
    shown = CliRunner().invoke(template.app, ["history", "--tenant", scene.slug], env={"COLUMNS": "300"})
    assert f"demoted: {told}" in " ".join(shown.output.split())  # the table may break the line


def test_a_version_that_was_demoted_stays_so_when_an_audit_finds_nothing(
    scene: Scene, database: Database
) -> None:
    posthouse_template("publish", NEWSLETTER.name, "--tenant", scene.slug)
    with database.begin() as session:
        auditing.demote(session, tenant_id=scene.tenant_id, digest=NEWSLETTER.digest(), why="differs")

    found = audit(scene)

    assert (found["different"], found["demoted"]) == (0, True)


def test_a_demotion_is_taken_back_with_a_reason_when_every_message_is_right(
    scene: Scene, database: Database
) -> None:
    posthouse_template("publish", NEWSLETTER.name, "--tenant", scene.slug)
    with database.begin() as session:
        auditing.demote(session, tenant_id=scene.tenant_id, digest=NEWSLETTER.digest(), why="differs")

    assert audit(scene, "--restore", "mended by the upgrade")["demoted"] is False

    [version] = posthouse_template("history", "--tenant", scene.slug)["versions"]
    assert (version["demoted_at"], version["demoted_why"]) == (None, "")
    with database.begin() as session:
        newest = tenants.audit_trail(session, tenant_id=scene.tenant_id, limit=1)[0]
    assert (newest["action"], newest["reason"], newest["detail"]) == (
        "template.restored",
        "mended by the upgrade",
        {"audited": 3},
    )


def test_a_template_that_still_differs_stays_demoted_whatever_the_reason(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    posthouse_template("publish", NEWSLETTER.name, "--tenant", scene.slug)
    monkeypatch.setattr(RemoteTemplate, "audit", lambda *_given: "html: differs")

    assert audit(scene, "--restore", "it looks right to me", exit_code=1)["demoted"] is True


def test_restoring_what_was_never_demoted_changes_nothing(scene: Scene, database: Database) -> None:
    posthouse_template("publish", NEWSLETTER.name, "--tenant", scene.slug)

    assert audit(scene, "--restore", "to be sure")["demoted"] is False

    with database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert "template.restored" not in {entry["action"] for entry in trail}
