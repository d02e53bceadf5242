"""Publishing: late, shuffled, twice, and never lost while SNS is away."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from simulator.behaviour import Step
from simulator.events import Mail
from simulator.limits import Clock
from simulator.message import Message
from simulator.publisher import Delays, Publisher, Writer

from .conftest import Running
from .requests import simple


class Board:
    """A topic that remembers, and that can be away."""

    def __init__(self, failures: int = 0, error: type[Exception] = ConnectionError) -> None:
        self.events: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self._failures = failures
        self._error = error

    def publish(self, events: Sequence[str]) -> Sequence[str]:
        if self._failures:
            self._failures -= 1
            raise self._error("away")
        self.batches.append(len(events))
        self.events += [json.loads(event) for event in events]
        return []


MAIL = Mail(
    Message("SendEmail", sender="a@example.com", configuration_set="c"), "id-1", 1_790_000_000.0, "us-east-1"
)
STEPS = [
    Step("Send", "r@example.net", {}),
    Step("Delivery", "r@example.net", {"smtpResponse": "250 ok"}),
    Step("Open", "r@example.net", {"isBotEvent": "Unlikely"}),
]
AT_ONCE = Delays(0.0, 0.0, reorder=False, duplicate_rate=0.0)


def publisher(delays: Delays, critical: Board, engagement: Board, seed: int = 7) -> Publisher:
    return Publisher(Clock(), delays, critical=critical, engagement=engagement, seed=seed)


def drain(publisher: Publisher) -> None:
    publisher.tick(everything=True)
    deadline = time.monotonic() + 10
    while not publisher.is_drained():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_opens_never_wait_in_front_of_bounces() -> None:
    critical, engagement = Board(), Board()
    publishing = publisher(AT_ONCE, critical, engagement)
    publishing.schedule(MAIL, [*STEPS, Step("Complaint", "r@example.net", {})], random.Random(1))
    drain(publishing)
    assert [event["eventType"] for event in critical.events] == ["Send", "Complaint"]
    assert [event["eventType"] for event in engagement.events] == ["Delivery", "Open"]


def test_a_duplicate_is_the_same_to_the_letter() -> None:
    """E01."""
    board = Board()
    publishing = publisher(Delays(0.0, 0.01, reorder=True, duplicate_rate=1.0), board, board)
    publishing.schedule(
        MAIL, [Step("Bounce", "r@example.net", {"bounceType": "Permanent"})], random.Random(1)
    )
    drain(publishing)
    first, second = board.events
    assert first == second
    assert first["bounce"]["feedbackId"]
    assert publishing.stats()["scheduled_twice"] == 1


def test_events_come_in_any_order_but_their_timestamps_never_do() -> None:
    """E02."""
    board = Board()
    publishing = publisher(Delays(0.001, 0.01, reorder=True, duplicate_rate=0.0), board, board)
    for seed in range(40):
        mail = Mail(Message("SendEmail", sender="a@example.com"), f"id-{seed}", 1_790_000_000.0, "us-east-1")
        publishing.schedule(mail, STEPS, random.Random(seed))
    drain(publishing)
    orders = Counter()
    for seed in range(40):
        mine = [event for event in board.events if event["mail"]["messageId"] == f"id-{seed}"]
        orders[tuple(event["eventType"] for event in mine)] += 1
        at = {event["eventType"]: event[event["eventType"].lower()].get("timestamp", "") for event in mine}
        assert at["Delivery"] <= at["Open"]
    assert len(orders) > 1


def test_an_event_waits_for_its_time() -> None:
    board = Board()
    publishing = publisher(Delays(60.0, 120.0), board, board)
    publishing.schedule(MAIL, STEPS, random.Random(1))
    publishing.tick()
    assert publishing.stats()["waiting"] >= 3
    assert board.events == []


@pytest.mark.parametrize("error", [ConnectionError, KeyError], ids=["away", "answers nonsense"])
def test_what_cannot_be_published_is_tried_again_until_it_can(error: type[Exception]) -> None:
    board = Board(failures=2, error=error)
    writer = Writer(board)
    for number in range(25):
        writer.put(json.dumps({"n": number}))
    deadline = time.monotonic() + 10
    while writer.queued:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [event["n"] for event in board.events] == list(range(25))
    assert writer.failures == 2
    assert max(board.batches) <= 10


def test_nothing_is_kept_when_nobody_listens() -> None:
    publishing = Publisher(Clock(), AT_ONCE, critical=None, engagement=None, seed=7)
    publishing.schedule(MAIL, STEPS, random.Random(1))
    assert publishing.stats()["waiting"] == 0


@pytest.fixture
def topics() -> Iterator[dict[str, Any]]:
    """Two topics of a stand-in for SNS, each with a queue."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    common = {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "x",
        "aws_secret_access_key": "x",
    }
    sns, sqs = boto3.client("sns", **common), boto3.client("sqs", **common)
    queues = {}
    arns = {}
    for name in ("critical", "engagement"):
        arns[name] = sns.create_topic(Name=name)["TopicArn"]
        queues[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        sns.subscribe(
            TopicArn=arns[name], Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{name}"
        )
    yield {"url": url, "arns": arns, "queues": queues, "sqs": sqs}
    server.stop()


def received(topics: dict[str, Any], name: str) -> list[str]:
    """Return the messages of SNS on a queue."""
    answer = topics["sqs"].receive_message(QueueUrl=topics["queues"][name], MaxNumberOfMessages=10)
    envelopes = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    assert {envelope["Subject"] for envelope in envelopes} <= {"Amazon SES Email Event Notification"}
    return [envelope["Message"] for envelope in envelopes]


def test_events_reach_the_queues_through_sns_after_a_notice_that_is_no_json(
    start: Callable[..., Running], topics: dict[str, Any]
) -> None:
    simulator = start(
        sns_endpoint=topics["url"],
        topic_arn_critical=topics["arns"]["critical"],
        topic_arn_engagement=topics["arns"]["engagement"],
        event_delay_seconds=(0.0, 0.0),
        reorder=False,
        duplicate_rate=0.0,
    )
    client = simulator.client()
    client.send_email(**simple("bounce@simulator.amazonses.com"))
    client.send_email(**simple("success@simulator.amazonses.com"))
    assert simulator.control("POST", "flush")["drained"]
    notice, *critical = received(topics, "critical")
    assert notice == "Successfully validated SNS topic for Amazon SES event publishing."
    assert sorted(json.loads(event)["eventType"] for event in critical) == ["Bounce", "Send", "Send"]
    second_notice, *engagement = received(topics, "engagement")
    assert second_notice == notice
    assert [json.loads(event)["eventType"] for event in engagement] == ["Delivery"]
