"""`posthouse audit`, as a script uses it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import audit
from store import tenants
from store.session import Database, run
from tests.builders import a_tenant


@pytest.fixture(autouse=True)
def _environment(own_process: None, database: Database) -> None:
    with database.begin() as session:
        a_tenant(session, slug="acme")
        a_tenant(session, slug="bolt")
    for number in range(3):
        note(database, f"reason {number}")


def note(database: Database, reason: str) -> None:
    with database.begin() as session:
        tenant_id = tenants.by_slug(session, "acme").id
        assert tenant_id is not None
        tenants.audit(
            session, tenant_id=tenant_id, actor="ann", action="tenant.paused", subject="x", reason=reason
        )


def posthouse(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(audit.app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_chains_that_hold_are_said_to_hold() -> None:
    assert posthouse("verify") == {
        "ok": True,
        "chains": [
            {"tenant": "acme", "ok": True, "entries": 3, "broken": None},
            {"tenant": "bolt", "ok": True, "entries": 0, "broken": None},
        ],
    }


def test_a_chain_that_was_tampered_with_fails_at_its_first_broken_link(database: Database) -> None:
    with database.begin() as session:
        run(session, "ALTER TABLE audit_entry DISABLE TRIGGER USER")
        run(session, "UPDATE audit_entry SET reason = 'another' WHERE position = 2")
    told = posthouse("verify", "acme", exit_code=1)
    assert told["ok"] is False
    assert told["chains"][0]["broken"]["position"] == 2


def test_an_anchor_that_was_kept_tells_of_a_chain_that_was_cut(database: Database, tmp_path: Path) -> None:
    kept = tmp_path / "anchors.json"
    kept.write_text(json.dumps(posthouse("anchor")))
    note(database, "afterwards")
    assert posthouse("verify", "--anchor", str(kept))["ok"] is True
    with database.begin() as session:
        run(session, "ALTER TABLE audit_entry DISABLE TRIGGER USER")
        run(session, "ALTER TABLE audit_chain DISABLE TRIGGER USER")
        run(session, "DELETE FROM audit_entry WHERE position > 2")
        run(
            session,
            "UPDATE audit_chain SET length = 2, head = (SELECT hash FROM audit_entry WHERE position = 2)",
        )
    assert posthouse("verify")["ok"] is True
    told = posthouse("verify", "--anchor", str(kept), exit_code=1)
    assert told["chains"][0]["broken"] == {"position": 3, "why": "the chain once reached entry 3"}


def test_a_file_that_holds_no_anchors_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    assert "holds no anchors" in posthouse("verify", "--anchor", str(wrong), exit_code=1)["error"]["message"]
