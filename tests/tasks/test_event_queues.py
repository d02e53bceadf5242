"""What waits on the way of events, and the way back from the dead-letter queues."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from store import inbox
from store.session import Database, run
from tasks import event_queues, events
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import Mailed, a_delivery, an_event, suppressions_of


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


@pytest.fixture
def mailed(database: Database) -> Mailed:
    with database.begin() as session:
        return a_delivery(session)


@pytest.fixture
def urls(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    names = [
        f"posthouse-{stream}{dead}" for stream in ("critical", "engagement") for dead in ("", "-dead-letters")
    ]
    with mock_aws():
        yield {name: boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in names}


def put(url: str, *bodies: str) -> None:
    for body in bodies:
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def test_nothing_waits(resources: Resources, urls: dict[str, str]) -> None:
    shown = event_queues.show(resources)
    assert shown["ok"]
    assert shown["queues"][0] == {
        "queue": "posthouse-critical",
        "waiting": 0,
        "in_flight": 0,
        "dead_letters": 0,
        "last_event_seconds": None,
    }
    assert shown["inbox"] == {
        "waiting": 0, "urgent": 0, "unknown": 0, "failing": 0, "oldest_seconds": None, "oldest_failing_seconds": None,
    }  # fmt: skip


def test_what_waits_is_counted_by_queue_with_its_age_and_its_reasons(
    resources: Resources, database: Database, urls: dict[str, str], mailed: Mailed
) -> None:
    put(urls["posthouse-critical"], an_event("send", None), "junk", an_event("complaint_abuse", mailed))
    events.drain(resources, wait_seconds=0)
    put(urls["posthouse-engagement"], *["an open"] * 3)
    put(urls["posthouse-engagement-dead-letters"], "junk")
    with database.begin() as session:
        inbox.store_many(session, [events.unreadable("junk", source="webhook")])
        run(session, "UPDATE inbox_event SET received_at = received_at - interval '5 minutes'")
    shown = event_queues.show(resources)
    assert not shown["ok"]
    assert shown["queues"] == [
        {"queue": "posthouse-critical", "waiting": 0, "in_flight": 1, "dead_letters": 0, "last_event_seconds": 300},
        {"queue": "posthouse-engagement", "waiting": 3, "in_flight": 0, "dead_letters": 1, "last_event_seconds": None},
    ]  # fmt: skip
    assert shown["inbox"] == {
        "waiting": 1, "urgent": 1, "unknown": 1, "failing": 0, "oldest_seconds": None, "oldest_failing_seconds": 300,
    }  # fmt: skip
    assert [(one["reason"], one["source"], one["events"]) for one in shown["quarantine"]] == [
        ("cannot be read", "webhook", 1)
    ]


def test_a_dry_run_counts_dead_letters_and_leaves_them(
    resources: Resources, urls: dict[str, str], mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queues, "_GLANCE_SECONDS", 0)
    monkeypatch.setattr(event_queues, "MOST_SEEN", 3)
    put(urls["posthouse-critical-dead-letters"], an_event("send", mailed), an_event("reject", mailed), "junk")
    told = event_queues.redrive(resources, dry_run=True)[0].as_json()
    assert told == {
        "queue": "posthouse-critical", "dry_run": True, "seen": 3, "readable": 2, "applied": 0, "known": 0, "notices": 0,
        "unreadable": 1, "kinds": {"reject": 1, "send": 1},
    }  # fmt: skip
    assert event_queues.show(resources)["queues"][0]["dead_letters"] == 3


def test_dead_letters_are_applied_once_and_what_cannot_be_read_is_kept(
    resources: Resources, database: Database, urls: dict[str, str], mailed: Mailed
) -> None:
    complaint = an_event("complaint_abuse", mailed)
    put(urls["posthouse-critical"], complaint)
    events.drain(resources, wait_seconds=0)
    notice = "Successfully validated SNS topic for Amazon SES event publishing."
    put(
        urls["posthouse-critical-dead-letters"],
        complaint,
        an_event("bounce_permanent_general", mailed),
        "junk",
        notice,
    )
    told = event_queues.redrive(resources, dry_run=False)
    assert told[0].as_json() == {
        "queue": "posthouse-critical", "dry_run": False, "seen": 4, "readable": 2, "applied": 1, "known": 1, "notices": 1,
        "unreadable": 1, "kinds": {"bounce": 1, "complaint": 1},
    }  # fmt: skip
    with database.begin() as session:
        assert [row[0] for row in suppressions_of(session, mailed)] == ["complaint", "hard_bounce"]
    assert event_queues.show(resources)["quarantine"][0]["reason"] == "cannot be read"
    assert [one.seen for one in event_queues.redrive(resources, dry_run=False)] == [0, 0]
