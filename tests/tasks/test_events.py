"""From the queues to the deliveries: moto's SQS on one side, a real PostgreSQL on the other."""

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from core.errors import InputError
from gateways.sqs import Message, Queue
from store import inbox
from store.session import Database, one, rows, run
from tasks import events
from tasks import facts as applying
from tasks.events import DrainReport
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import Mailed, a_campaign, a_delivery, an_event, state_of, suppressions_of


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


@pytest.fixture
def mailed(database: Database) -> Mailed:
    with database.begin() as session:
        return a_delivery(session)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Queue]]:
    """The critical and the engagement queue."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    with mock_aws():
        names = ("posthouse-critical", "posthouse-engagement")
        for name in names:
            boto3.client("sqs").create_queue(QueueName=name)
        yield [Queue(name) for name in names]


def send(queue: Queue, *bodies: str) -> None:
    for body in bodies:
        queue._client.send_message(QueueUrl=queue._url, MessageBody=body)


def drain(resources: Resources, queues: list[Queue]) -> DrainReport:
    return events.drain(resources, queues=queues, wait_seconds=0)


def ingest(resources: Resources, path: Path, *raws: str) -> DrainReport:
    path.write_text("\n".join(raws))
    return events.ingest_files(resources, [path])


def envelope(raw: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "sns-1", "TopicArn": "t", "Message": f"{raw}\n"})


def facts_of(database: Database, mailed: Mailed) -> dict[str, int]:
    with database.begin() as session:
        found = rows(
            session, "SELECT fact, times FROM delivery_fact WHERE delivery_id = :id", id=mailed.delivery_id
        )
        return {row["fact"]: row["times"] for row in found}


def quarantined(database: Database) -> list[str]:
    with database.begin() as session:
        return [
            row["error"]
            for row in rows(
                session, "SELECT error FROM inbox_event WHERE quarantined_at IS NOT NULL ORDER BY id"
            )
        ]


def test_what_is_on_the_queues_is_applied_and_deleted(
    resources: Resources, database: Database, queues: list[Queue], mailed: Mailed
) -> None:
    send(queues[0], an_event("send", mailed), envelope(an_event("complaint_abuse", mailed)))
    send(queues[1], an_event("delivery", mailed), an_event("open", mailed))
    report = drain(resources, queues)
    assert report == DrainReport(received=4, applied=4)
    assert set(report.waited) == {"posthouse-critical", "posthouse-engagement"}
    assert report.as_json() == {
        "received": 4,
        "applied": 4,
        "duplicates": 0,
        "quarantined": 0,
        "malformed": 0,
    }
    assert facts_of(database, mailed) == {"sent": 1, "delivery": 1, "open": 1, "complaint": 1}
    with database.begin() as session:
        assert state_of(session, mailed) == "sent"
        assert [row[0] for row in suppressions_of(session, mailed)] == ["complaint"]
    assert drain(resources, queues) == DrainReport()


def test_one_event_46_times_through_queue_and_webhook_is_applied_once(
    resources: Resources, database: Database, queues: list[Queue], mailed: Mailed
) -> None:
    """E01"""
    raw = an_event("click", mailed)
    with database.begin() as session:
        arrival = events.arrival(envelope(raw), source="webhook")
        assert arrival is not None
        inbox.store_many(session, [arrival])
    send(queues[1], *[raw, envelope(raw)] * 23)
    assert drain(resources, queues) == DrainReport(received=46, applied=1, duplicates=46)
    assert facts_of(database, mailed) == {"sent": 1, "click": 1}


def test_a_crash_between_storing_and_deleting_counts_nothing_twice(
    resources: Resources, database: Database, queues: list[Queue], mailed: Mailed
) -> None:
    """E08"""

    class Killed(Queue):
        def delete(self, messages: object) -> None:
            raise KeyboardInterrupt(messages)

    send(queues[0], an_event("send", mailed), an_event("complaint_abuse", mailed))
    with pytest.raises(KeyboardInterrupt):
        drain(resources, [Killed("posthouse-critical"), queues[1]])
    client, url = queues[0]._client, queues[0]._url
    client.purge_queue(QueueUrl=url)
    send(queues[0], an_event("send", mailed), an_event("complaint_abuse", mailed))  # visible again
    assert drain(resources, queues) == DrainReport(received=2, duplicates=2)
    assert facts_of(database, mailed) == {"sent": 1, "complaint": 1}


def test_a_malformed_message_stays_on_its_queue_and_the_others_are_applied(
    resources: Resources,
    database: Database,
    queues: list[Queue],
    mailed: Mailed,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """E07"""
    send(queues[0], "[" * 100_000, '{"eventType": "Bounce"}', an_event("send", mailed))
    assert drain(resources, queues) == DrainReport(received=3, applied=1, malformed=2)
    attributes = queues[0]._client.get_queue_attributes(QueueUrl=queues[0]._url, AttributeNames=["All"])[
        "Attributes"
    ]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "2"
    assert "2 malformed messages stay on queue posthouse-critical" in caplog.text


def test_a_notice_of_ses_is_deleted_and_forgotten(resources: Resources, queues: list[Queue]) -> None:
    send(queues[0], "Successfully validated SNS topic for Amazon SES event publishing.\n")
    assert drain(resources, queues) == DrainReport(received=1)
    assert queues[0].receive() == []


def test_the_critical_queue_is_asked_before_every_batch_of_the_other(
    resources: Resources, mailed: Mailed
) -> None:
    class Listed(Queue):
        """A queue with memory."""

        asked: list[str] = []

        def __init__(self, name: str, *batches: list[str]) -> None:
            super().__init__(name)
            self.batches = list(batches)

        def receive(self, **_: int) -> list[Message]:
            self.asked.append(self.name)
            return [Message(body, body) for body in self.batches.pop(0)] if self.batches else []

        def delete(self, messages: object) -> None:
            pass

    critical = Listed("critical", [an_event("send", mailed)], [], [an_event("reject", mailed)])
    engagement = Listed("engagement", [an_event("open", mailed)], [], [an_event("click", mailed)])
    report = events.drain(resources, queues=[critical, engagement])
    assert report.received == 4
    # A batch ends with an empty answer; the engagement queue is asked only where the critical one had nothing.
    assert Listed.asked == [*["critical"] * 2, *["critical"] * 2, *["critical", "engagement", "engagement"],
                            *["critical", "engagement", "engagement"], *["critical", "engagement"] * 2]  # fmt: skip


def test_a_complaint_waits_for_one_batch_of_opens_and_one_of_the_inbox(
    resources: Resources, database: Database, mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E09: however many wait, on the queue and in the inbox."""
    monkeypatch.setattr(applying, "BATCH", 10)
    monkeypatch.setattr(events, "BATCH", 10)
    opens = [
        an_event("open", mailed, open__timestamp=f"2026-10-01T09:{n // 60:02}:{n % 60:02}.000Z")
        for n in range(400)
    ]
    with database.begin() as session:
        inbox.store_many(
            session, filter(None, (events.arrival(raw, source="webhook") for raw in opens[:200]))
        )
    seen: list[tuple[int, bool]] = []

    class Fed(Queue):
        """Opens on one queue; the complaint comes onto the other while the sixth batch of them is applied."""

        def receive(self, **_: object) -> list[Message]:
            batch: list[str] = []
            if self.name == "engagement":
                batch, opens[200:] = opens[200:210], opens[210:]
            elif len(seen) == 6:
                batch = [an_event("complaint_abuse", mailed)]
            return [Message(body, body) for body in batch]

        def delete(self, messages: Sequence[Message]) -> None:
            assert messages
            with database.begin() as session:
                applied = one(session, "SELECT count(*) AS n FROM inbox_event WHERE applied_at IS NOT NULL")
                is_heard = bool(suppressions_of(session, mailed))
            assert applied is not None
            seen.append((applied["n"], is_heard))

    events.drain(resources, queues=[Fed("critical"), Fed("engagement")], wait_seconds=0)
    # With each batch of ten from the queue go ten from the inbox; the seventh batch is the complaint.
    assert seen[5:8] == [(110, False), (121, True), (141, True)]
    assert len(opens) == 200


def test_one_batch_is_enough_for_a_step_that_must_end(
    resources: Resources, queues: list[Queue], mailed: Mailed
) -> None:
    send(queues[0], an_event("send", mailed))
    send(queues[1], an_event("open", mailed))
    assert events.drain(resources, queues=queues, until_empty=False, wait_seconds=0).received == 1


def test_events_come_from_files_of_every_form(resources: Resources, mailed: Mailed, tmp_path: Path) -> None:
    pretty, lines = tmp_path / "pretty.json", tmp_path / "lines.jsonl"
    pretty.write_text("\ufeff" + json.dumps(json.loads(an_event("send", mailed)), indent=2), encoding="utf-8")
    lines.write_text(
        f"\n{an_event('open', mailed)}\n\n{envelope(an_event('open', mailed))}\nnot json\n{an_event('click', mailed)}\n"
    )
    report = events.ingest_files(resources, [pretty, lines])
    assert report == DrainReport(received=5, applied=3, duplicates=1, malformed=1)


def test_an_empty_file_has_no_events(resources: Resources, tmp_path: Path) -> None:
    assert ingest(resources, tmp_path / "empty.json") == DrainReport()


def test_a_file_that_is_no_text_is_refused(resources: Resources, tmp_path: Path) -> None:
    (tmp_path / "image.json").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match=r"image\.json cannot be read"):
        events.ingest_files(resources, [tmp_path / "image.json"])


def test_an_event_of_an_unknown_message_waits_and_then_is_quarantined(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path
) -> None:
    """E04"""
    assert ingest(resources, tmp_path / "e.json", an_event("send", None)) == DrainReport(received=1)
    with database.begin() as session:
        waiting = one(session, "SELECT applied_at, quarantined_at, error FROM inbox_event")
        run(session, "UPDATE inbox_event SET received_at = now() - interval '25 hours', not_before = NULL")
    assert waiting is not None
    assert (waiting["applied_at"], waiting["quarantined_at"], waiting["error"]) == (
        None,
        None,
        "no delivery of ours",
    )
    assert events.apply(resources) == DrainReport(quarantined=1)


def test_an_event_that_comes_before_its_delivery_is_applied_when_it_is_there(
    resources: Resources, database: Database, tmp_path: Path
) -> None:
    with database.begin() as session:
        campaign = a_campaign(session)
    later = Mailed(**vars(campaign) | {"attempt_id": "attempt-later"})
    raw = an_event("delivery", later).replace('"delivery": ["0"]', '"delivery": [""]')
    assert ingest(resources, tmp_path / "e.json", raw).applied == 0
    with database.begin() as session:
        mailed = a_delivery(session, campaign)
        run(
            session,
            "UPDATE delivery_attempt SET attempt_id = 'attempt-later' WHERE attempt_id = :id",
            id=mailed.attempt_id,
        )
        run(session, "UPDATE inbox_event SET not_before = NULL")
    assert events.apply(resources) == DrainReport(applied=1)
    with database.begin() as session:
        assert state_of(session, mailed) == "sent"


def test_an_event_without_our_tags_is_found_by_its_ses_message_id(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path
) -> None:
    with database.begin() as session:
        run(session, "UPDATE delivery SET ses_message_id = 'm-1' WHERE id = :id", id=mailed.delivery_id)
    raw = an_event("legacy_identity_notification_bounce", None, mail__messageId="m-1")
    assert ingest(resources, tmp_path / "e.json", raw).applied == 1
    assert facts_of(database, mailed) == {"sent": 1, "bounce_permanent": 1}


def test_a_tag_that_ses_or_the_ledger_contradicts_is_quarantined_with_an_alarm(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """E12"""
    with database.begin() as session:
        stranger = a_campaign(session)
        other = a_delivery(session, mailed)
        run(session, "UPDATE delivery SET ses_message_id = 'm-2' WHERE id = :id", id=other.delivery_id)

    def tagged(**tags: str) -> str:
        document = json.loads(an_event("complaint_abuse", mailed))
        document["mail"]["tags"] |= {name: [value] for name, value in tags.items()}
        return json.dumps(document)

    forged = [
        tagged(**{"ses:configuration-set": f"{stranger.slug}-set", "attempt": mailed.attempt_id}),
        tagged(**{"ses:tenant-name": stranger.slug, "ses:configuration-set": f"{mailed.slug}-set"}),
        tagged(delivery=str(other.delivery_id)),
        an_event("complaint_abuse", Mailed(**vars(stranger) | {"attempt_id": mailed.attempt_id})),
        an_event("open", Mailed(**vars(stranger) | {"attempt_id": "none"}), mail__messageId="m-2"),
    ]
    reports = [
        ingest(resources, tmp_path / f"{n}.json", raw.replace("0100018f40000000", f"{n}"))
        for n, raw in enumerate(forged)
    ]
    assert [report.quarantined for report in reports] == [1, 1, 1, 1, 1]
    assert quarantined(database) == [
        "the configuration set is not the tagged tenant's",
        "the SES tenant is not the tagged tenant's",
        "the attempt is not the tagged delivery's",
        "the message is another tenant's than its tag says",
        "the message is another tenant's than its tag says",
    ]
    assert caplog.text.count("security:") == 5
    assert facts_of(database, mailed) == {}


def test_news_that_are_about_no_message_are_put_aside_for_a_person(
    resources: Resources, database: Database, tmp_path: Path, project: Path
) -> None:
    raw = (project / "tests/data/ses/eventbridge_tenant_sending_status_disabled.json").read_text()
    assert ingest(resources, tmp_path / "e.json", raw) == DrainReport(received=1, quarantined=1)
    assert quarantined(database) == ["the event is about no message"]


def test_an_unknown_kind_of_event_still_proves_acceptance(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path
) -> None:
    raw = an_event("send", mailed).replace('"eventType": "Send"', '"eventType": "Telepathy"')
    assert ingest(resources, tmp_path / "e.json", raw).applied == 1
    assert facts_of(database, mailed) == {"sent": 1, "unknown": 1}


def test_a_poisoned_event_costs_itself_and_nobody_else(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with database.begin() as session:
        inbox.store_many(
            session, [inbox.Arrival(dedupe_key="poison", source="file", event_type="send", raw="not JSON")]
        )
        run(session, "UPDATE inbox_event SET tries = 8")
    assert ingest(resources, tmp_path / "e.json", an_event("send", mailed)) == DrainReport(
        received=1, applied=1
    )
    with database.begin() as session:
        run(session, "UPDATE inbox_event SET not_before = NULL")
    assert events.apply(resources) == DrainReport(quarantined=1)
    assert quarantined(database) == ["MalformedEventError"]
    assert "failed: MalformedEventError" in caplog.text


def test_an_event_whose_delivery_a_sender_holds_is_applied_when_the_sender_is_done(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E03: the event overtakes the answer of the API."""
    with database.begin() as session:
        arrival = events.arrival(an_event("delivery", mailed), source="file")
        assert arrival is not None
        inbox.store_many(session, [arrival])
    sender = database.begin()
    run(sender.__enter__(), "UPDATE delivery SET outcome_code = 'held' WHERE id = :id", id=mailed.delivery_id)
    waits: list[float] = []

    def let_go(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            sender.__exit__(None, None, None)
            with database.begin() as session:
                run(session, "UPDATE inbox_event SET not_before = NULL")

    monkeypatch.setattr(applying.time, "sleep", let_go)
    assert events.apply(resources) == DrainReport(applied=1)
    assert waits == [0.25]


def test_workers_at_once_apply_each_event_once(
    resources: Resources, database: Database, mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "BATCH", 7)
    raws = [an_event("open", mailed, open__timestamp=f"2026-10-01T09:15:00.{n:03}Z") for n in range(60)]
    with database.begin() as session:
        others = [a_delivery(session, mailed) for _ in range(20)]
        raws += [an_event("send", other) for other in others]
        inbox.store_many(session, filter(None, (events.arrival(raw, source="file") for raw in raws)))
    with ThreadPoolExecutor(3) as pool:
        reports = [done.result() for done in [pool.submit(events.apply, resources) for _ in range(3)]]
    assert sum(report.applied for report in reports) == 80
    assert facts_of(database, mailed) == {"sent": 1, "open": 60}


def test_addresses_never_reach_the_log(
    resources: Resources, database: Database, mailed: Mailed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """P05"""
    caplog.set_level(logging.DEBUG)
    with database.begin() as session:
        run(session, "ALTER TABLE delivery_fact ADD CONSTRAINT refuse CHECK (fact <> 'complaint')")
    ingest(resources, tmp_path / "e.json", an_event("complaint_abuse", mailed), an_event("send", mailed))
    assert "failed: IntegrityError" in caplog.text
    assert "@" not in caplog.text
