"""`posthouse events` and `posthouse hygiene`, as a script uses them."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner

from cli import events, hygiene
from store.session import Database
from tests.mailed import Mailed, a_delivery, an_event, state_of, suppressions_of


app = typer.Typer()
app.add_typer(events.app, name="events")
app.add_typer(hygiene.app, name="hygiene")


@pytest.fixture(autouse=True)
def _environment(own_process: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def mailed(database: Database) -> Mailed:
    with database.begin() as session:
        return a_delivery(session)


def posthouse(*arguments: str | Path, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_draining_answers_what_came_and_what_became_of_it(database: Database, mailed: Mailed) -> None:
    sqs = boto3.client("sqs")
    urls = [
        sqs.create_queue(QueueName=f"posthouse-{name}")["QueueUrl"] for name in ("critical", "engagement")
    ]
    sqs.send_message(QueueUrl=urls[0], MessageBody=an_event("complaint_abuse", mailed))
    sqs.send_message(QueueUrl=urls[1], MessageBody="junk")
    answer = posthouse("events", "drain")
    assert answer == {"received": 2, "applied": 1, "duplicates": 0, "quarantined": 0, "malformed": 1}
    with database.begin() as session:
        assert [row[0] for row in suppressions_of(session, mailed)] == ["complaint"]


def test_dead_letters_are_looked_at_and_taken_back(database: Database, mailed: Mailed) -> None:
    sqs = boto3.client("sqs")
    names = [
        f"posthouse-{stream}{dead}" for stream in ("critical", "engagement") for dead in ("", "-dead-letters")
    ]
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    sqs.send_message(
        QueueUrl=urls["posthouse-critical-dead-letters"], MessageBody=an_event("complaint_abuse", mailed)
    )
    waiting = posthouse("events", "waiting")
    assert (waiting["ok"], [queue["dead_letters"] for queue in waiting["queues"]]) == (False, [1, 0])
    answer = posthouse("events", "redrive")
    assert [(one["seen"], one["applied"]) for one in answer["queues"]] == [(1, 1), (0, 0)]
    assert posthouse("events", "waiting")["ok"]
    for command in ("waiting", "redrive"):
        shown = CliRunner().invoke(app, ["events", command])
        assert shown.exit_code == 0
        assert "posthouse-engagement" in shown.stdout


def test_polling_ends_in_order_when_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(events.signal, "signal", handlers.__setitem__)

    def poll(_: object, *, stop: threading.Event, pollers: int) -> None:
        assert pollers == 3
        handlers[signal.SIGTERM](signal.SIGTERM, None)
        assert stop.is_set()

    monkeypatch.setattr(events.polling, "poll", poll)
    assert CliRunner().invoke(app, ["events", "poll", "--pollers", "3"]).exit_code == 0


def test_draining_without_queues_says_what_to_do() -> None:
    error = posthouse("events", "drain", exit_code=1)["error"]
    assert error["code"] == "queue_unavailable"
    assert (
        error["message"] == "queue posthouse-critical cannot be used: AWS.SimpleQueueService.NonExistentQueue"
    )
    assert "Create the queue" in error["hint"]


def test_events_are_taken_from_files(database: Database, mailed: Mailed, tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.jsonl"
    one.write_text(an_event("send", mailed))
    other.write_text(f"{an_event('send', mailed)}\n{an_event('delivery', mailed)}\n")
    answer = posthouse("events", "ingest", one, other)
    assert answer == {"received": 3, "applied": 2, "duplicates": 1, "quarantined": 0, "malformed": 0}
    with database.begin() as session:
        assert state_of(session, mailed) == "sent"


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["events", "ingest", str(tmp_path / "none.json")]).exit_code == 2


def test_hygiene_answers_by_rule(mailed: Mailed) -> None:
    nothing = {
        "suppressed": {"complaint": 0, "hard_bounce": 0, "soft_bounce": 0, "mailbox_full": 0},
        "retired": 0,
        "lapsing": 0,
        "spared": 0,
        "came_back": 0,
        "waiting": [],
    }
    assert posthouse("hygiene", "run") == nothing | {"dry_run": False}
    answer = posthouse("hygiene", "run", "--tenant", mailed.slug, "--dry-run")
    assert answer == nothing | {"dry_run": True}


def test_hygiene_of_an_unknown_tenant_is_refused() -> None:
    assert posthouse("hygiene", "run", "--tenant", "nobody", exit_code=1)["error"]["code"] == "not_found"
