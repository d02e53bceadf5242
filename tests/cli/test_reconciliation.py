"""`posthouse events reconcile|status|overdue` and `posthouse campaign report`, as an operator uses them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from typer.testing import CliRunner

from cli.main import app
from gateways.queues import ensure_event_pipeline
from store.session import Database, run
from tests.mailed import Mailed, a_delivery, an_event
from tests.simulated import Simulated, a_simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulated]:
    with a_simulator() as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def _environment(own_process: None, simulator: Simulated, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture
def mailed(database: Database) -> Mailed:
    """A delivery that SES has accepted an hour ago."""
    with database.begin() as session:
        delivery = a_delivery(session, state="sent")
        run(
            session,
            """UPDATE delivery SET ses_message_id = 'ses-' || attempt_id, resolved_by = 'api', submitted_at = now() - interval '1 hour'
               WHERE id = :id""",
            id=delivery.delivery_id,
        )
        run(session, "UPDATE delivery_attempt SET started_at = now() - interval '1 hour'")
        run(session, "UPDATE tenant SET ses_tenant_name = NULL, state = 'paused', state_reason = 'a test'")
    return delivery


def posthouse(*arguments: object, exit_code: int = 0, as_json: bool = True) -> Any:
    done = CliRunner().invoke(app, [*map(str, arguments), *(["--json"] if as_json else [])])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout) if as_json else done.stdout


def test_a_gap_ends_with_1_and_says_what_to_do_and_is_kept(mailed: Mailed) -> None:
    ensure_event_pipeline(["posthouse-critical", "posthouse-engagement"])
    found = posthouse("events", "reconcile", exit_code=1)
    assert not found["ok"]
    assert [(gap["gap"], gap["severity"], gap["tenant"], gap["count"]) for gap in found["gaps"]] == [
        ("canary", "warning", mailed.slug, 1),
        ("overdue", "warning", mailed.slug, 1),
    ]
    assert all(gap["what_to_do"] for gap in found["gaps"])
    status = posthouse("events", "status")
    assert status["gaps"] == found["gaps"]
    assert [(each["ok"], each["words"]) for each in status["runs"]] == [(False, found["words"])]
    (overdue,) = posthouse("events", "overdue", mailed.slug)["overdue"]
    assert (overdue["campaign_id"], overdue["delivery_id"], overdue["ses_message_id"]) == (
        mailed.campaign_id,
        mailed.delivery_id,
        f"ses-{mailed.attempt_id}",
    )


def test_a_healthy_system_says_so_in_one_line(mailed: Mailed, tmp_path: Path) -> None:
    ensure_event_pipeline(["posthouse-critical", "posthouse-engagement"])
    file = tmp_path / "events.jsonl"
    file.write_text(an_event("delivery", mailed))
    posthouse("events", "ingest", file)
    words = "nothing is missing: SES has reported 1 of 1 accepted messages"
    assert posthouse("events", "reconcile")["words"] == words
    assert posthouse("events", "reconcile", as_json=False).splitlines() == [words]
    assert posthouse("events", "overdue", mailed.slug, as_json=False) == "nothing is overdue\n"


def test_queues_that_are_not_there_are_gaps_like_others(mailed: Mailed) -> None:
    gaps = posthouse("events", "reconcile", exit_code=1)["gaps"]
    assert [gap["message"] for gap in gaps if gap["gap"] == "queue"] == [
        "queue posthouse-critical cannot be used: AWS.SimpleQueueService.NonExistentQueue",
        "queue posthouse-engagement cannot be used: AWS.SimpleQueueService.NonExistentQueue",
    ]


def test_before_the_first_run_the_status_says_how_to_begin() -> None:
    assert posthouse("events", "status") == {"ok": True, "gaps": [], "runs": []}
    assert "posthouse events reconcile" in posthouse("events", "status", as_json=False)


def test_a_campaigns_report_is_told_as_numbers_and_as_tables(mailed: Mailed, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    told = [
        an_event(name, mailed)
        for name in ("delivery", "open", "open_bot", "click", "bounce_permanent_noemail")
    ]
    file.write_text("\n".join(told))
    posthouse("events", "ingest", file)
    found = posthouse("campaign", "report", mailed.campaign_id)
    assert found["events"] == {
        "bounce_permanent": 1, "click": 1, "delivery": 1, "open": 1, "open_machine": 1, "sent": 1,
    }  # fmt: skip
    assert found["funnel"][-1] == {"step": "clicked", "people": 1, "share_of_sent": 1.0}
    assert found["bounces"]["by_class"] == {"bad_mailbox": 1}
    assert [(line["provider"], line["clicked"]) for line in found["providers"]] == [("other", 1)]
    assert found["links"] == [{"link": "https://shop.tenant-a.example/p/1", "people": 1, "machines": 0}]
    shown = posthouse("campaign", "report", mailed.campaign_id, as_json=False)
    for words in ("clicked", "bad mailbox", "30 days ago at most", "https://shop.tenant-a.example/p/1"):
        assert words in shown


def test_a_report_of_no_campaign_is_refused() -> None:
    assert posthouse("campaign", "report", 7, exit_code=1)["error"]["code"] == "not_found"
