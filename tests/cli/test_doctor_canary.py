"""`posthouse doctor --ses-canary`, against the simulator of SES: the same mail by both calls."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.suppression import Reason
from store import accounts, tenants
from store.session import Database
from tasks.resources import resources
from tasks.suppressions import add_suppression
from tests.builders import Scene, a_scene
from tests.simulated import Simulated, a_simulator


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bodies")


@pytest.fixture(scope="module")
def simulated(bodies: Path) -> Iterator[Simulated]:
    with a_simulator("--max-send-rate", "1000", "--keep-bodies", str(bodies)) as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def _environment(own_process: None, monkeypatch: pytest.MonkeyPatch, simulated: Simulated) -> None:
    for name, value in simulated.environment.items():
        monkeypatch.setenv(name, value)
    simulated.reset()


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        return a_scene(session)


def doctor(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["doctor", *arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def compared_at(database: Database) -> Any:
    with database.begin() as session:
        return accounts.canary_at(session, region="us-east-1")


def test_both_calls_send_the_same_mail_to_the_last_byte(
    scene: Scene, simulated: Simulated, bodies: Path, database: Database
) -> None:
    told = doctor("--ses-canary", "ann@example.org", "--tenant", scene.slug)["canary"]
    assert (told["ok"], told["tenant"], told["region"]) == (True, scene.slug, "us-east-1")
    assert [(one["delivery_api"], one["state"]) for one in told["messages"]] == [
        ("single", "sent"),
        ("bulk", "sent"),
    ]
    assert (simulated.calls("SendEmail"), simulated.calls("SendBulkEmail")) == (1, 1)
    single, bulk = simulated.accepted()
    assert [one["ses_message_id"] for one in told["messages"]] == [
        single["ses_message_id"],
        bulk["ses_message_id"],
    ]
    for name in ("from", "to", "subject", "headers", "configuration_set", "tenant"):
        assert single[name] == bulk[name], name
    assert set(single["headers"]) == {"List-Unsubscribe", "List-Unsubscribe-Post"}
    for ending in ("html", "txt"):
        one, other = ((bodies / f"{entry['n']:08}.{ending}").read_bytes() for entry in (single, bulk))
        assert one == other
        assert "Grüße" in single["subject"]
    assert [entry["tags"]["ses:feedback-id-a"] for entry in (single, bulk)] == [
        "canary-single",
        "canary-bulk",
    ]
    assert single["tags"]["test"] != bulk["tags"]["test"]
    assert compared_at(database) is not None


def test_the_canary_is_in_the_audit(scene: Scene, database: Database) -> None:
    told = doctor("--ses-canary", "ann@example.org")["canary"]  # of one tenant alone nobody asks which
    with database.begin() as session:
        newest = tenants.audit_trail(session, tenant_id=scene.tenant_id)[0]
    ids = {one["delivery_api"]: one["ses_message_id"] for one in told["messages"]}
    assert (newest["action"], newest["detail"]) == ("ses.canary", ids)


def test_a_call_that_did_not_go_out_is_no_comparison(
    scene: Scene, simulated: Simulated, database: Database
) -> None:
    simulated.fault("throttle", match={"operation": "SendBulkEmail"})
    told = doctor("--ses-canary", "ann@example.org", exit_code=1)["canary"]
    assert [(one["state"], one["why"]) for one in told["messages"]] == [
        ("sent", ""),
        ("not_sent", "throttled"),
    ]
    assert compared_at(database) is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--ses-canary", "not an address"], "invalid_address", id="no address"),
        pytest.param(["--ses-canary", "gone@example.org"], "seed_suppressed", id="suppressed"),
        pytest.param(
            ["--ses-canary", "ann@example.org", "--tenant", "globex"], "not_found", id="no such tenant"
        ),
        pytest.param(["--tenant", "acme"], "invalid_input", id="a tenant for nothing"),
    ],
)
def test_what_cannot_be_is_refused(
    scene: Scene, simulated: Simulated, arguments: list[str], code: str
) -> None:
    add_suppression(
        resources(), tenant_id=scene.tenant_id, address="gone@example.org", reason=Reason.COMPLAINT
    )
    assert doctor(*arguments, exit_code=1)["error"]["code"] == code
    assert simulated.accepted() == []


def test_of_several_tenants_somebody_says_which(scene: Scene, database: Database) -> None:
    with database.begin() as session:
        a_scene(session)
    assert (
        doctor("--ses-canary", "ann@example.org", exit_code=1)["error"]["message"]
        == "whose mail is the canary?"
    )


def test_a_person_reads_what_to_compare(scene: Scene) -> None:
    done = CliRunner().invoke(app, ["doctor", "--ses-canary", "ann@example.org"], env={"COLUMNS": "200"})
    told = " ".join(done.output.split())
    assert "The same: Subject, From, Reply-To" in told
    assert "{{h0}}" in told
