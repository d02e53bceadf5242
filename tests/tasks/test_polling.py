"""Pollers: threads that follow the queues, and survive what may happen to a database."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from sqlalchemy.exc import OperationalError

from core.errors import ConfigurationError, StorageFullError
from store.session import Database, one
from tasks import events, polling
from tasks.events import DrainReport
from tasks.polling import Tally
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import Mailed, a_delivery, an_event


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The URLs of the queues, by name."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    monkeypatch.setattr(polling, "WAIT_SECONDS", 0)
    monkeypatch.setattr(polling, "_INBOX_SECONDS", 0.05)
    monkeypatch.setattr(polling, "_SHORTEST_PAUSE", 0.05)
    with mock_aws():
        client = boto3.client("sqs")
        names = ("posthouse-critical", "posthouse-engagement")
        yield {name: client.create_queue(QueueName=name)["QueueUrl"] for name in names}


@contextmanager
def polled(resources: Resources) -> Iterator[None]:
    stop = threading.Event()
    poller = threading.Thread(
        target=polling.poll, args=(resources,), kwargs={"stop": stop, "tell_seconds": 0.1}
    )
    poller.start()
    try:
        yield
    finally:
        stop.set()
        poller.join(20)
    assert not poller.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def applied(database: Database) -> int:
    with database.begin() as session:
        row = one(session, "SELECT count(*) AS n FROM inbox_event WHERE applied_at IS NOT NULL")
    assert row is not None
    return row["n"]


def sent_to(urls: dict[str, str], name: str, *bodies: str) -> None:
    for body in bodies:
        boto3.client("sqs").send_message(QueueUrl=urls[name], MessageBody=body)


def some_opens(mailed: Mailed, count: int) -> list[str]:
    return [an_event("open", mailed, open__timestamp=f"2026-10-01T09:15:00.{n:03}Z") for n in range(count)]


def test_what_comes_on_either_queue_is_applied_and_told(
    resources: Resources, database: Database, sqs: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "posthouse")
    with database.begin() as session:
        mailed = a_delivery(session)
    sent_to(sqs, "posthouse-engagement", *some_opens(mailed, 12))
    with polled(resources):
        until(lambda: applied(database) == 12)
        sent_to(sqs, "posthouse-critical", an_event("complaint_abuse", mailed))
        until(lambda: applied(database) == 13)
    assert "Events of posthouse-critical: 1 received, 1 applied; the newest batch had waited" in caplog.text


def test_a_complaint_is_applied_while_opens_wait(
    resources: Resources, database: Database, sqs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """E09: the critical queue has a thread of its own, so a batch of opens that does not end holds nobody up."""
    with database.begin() as session:
        mailed, other = a_delivery(session), a_delivery(session)
    held = threading.Event()
    take_batch = events.take_batch

    def slow(resources: Resources, queue: object, *, wait_seconds: int) -> DrainReport:
        if getattr(queue, "name", "") == "posthouse-engagement":
            held.wait(20)
        return take_batch(resources, queue, wait_seconds=wait_seconds)

    monkeypatch.setattr(events, "take_batch", slow)
    sent_to(sqs, "posthouse-engagement", *some_opens(mailed, 3))
    sent_to(sqs, "posthouse-critical", an_event("complaint_abuse", other))
    with polled(resources):
        until(lambda: applied(database) == 1)
        held.set()
        until(lambda: applied(database) == 4)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            StorageFullError("the database server's disk is full", hint="Make room."), id="a full disk"
        ),
        pytest.param(OperationalError("INSERT", {}, Exception("lock timeout")), id="a locked database"),
    ],
)
def test_a_database_that_fails_costs_a_pause_and_no_event(
    resources: Resources, database: Database, sqs: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, error: Exception,
) -> None:  # fmt: skip
    with database.begin() as session:
        mailed = a_delivery(session)
    failures = [error, error]
    take_in = events.facts.take_in

    def failing(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return take_in(*arguments)

    monkeypatch.setattr(events.facts, "take_in", failing)
    # Received and not deleted: the queue gives them again when they are no longer hidden.
    monkeypatch.setattr(
        "gateways.sqs.Queue.receive.__kwdefaults__", {"most": 10, "wait_seconds": 0, "hidden_seconds": 1}
    )
    sent_to(sqs, "posthouse-critical", an_event("complaint_abuse", mailed))
    with polled(resources):
        until(lambda: applied(database) == 1)
    assert caplog.text.count("posthouse-critical cannot be followed, again in") == 2
    assert "@" not in caplog.text


def test_a_queue_that_is_not_there_is_told_at_once(resources: Resources, sqs: dict[str, str]) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=sqs["posthouse-engagement"])
    with pytest.raises(ConfigurationError, match="posthouse-engagement cannot be used"):
        polling.poll(resources, stop=threading.Event())


def test_what_was_told_is_not_told_again() -> None:
    tally = Tally()
    tally.add("critical", DrainReport(received=2, applied=1))
    tally.add("critical", DrainReport(received=1))
    assert tally.take() == {"critical": DrainReport(received=3, applied=1)}
    assert tally.take() == {}
