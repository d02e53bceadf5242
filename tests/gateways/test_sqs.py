"""Queues, against moto's SQS in this process."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from core.errors import ConfigurationError
from gateways.sqs import Queue


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def queue(amazon: None) -> Queue:
    boto3.client("sqs").create_queue(QueueName="events")
    return Queue("events")


def send(queue: Queue, *bodies: str) -> None:
    for body in bodies:
        queue._client.send_message(QueueUrl=queue._url, MessageBody=body)


def test_messages_are_received_ten_at_a_time(queue: Queue) -> None:
    send(queue, *(str(n) for n in range(12)))
    assert len(queue.receive()) == 10
    assert len(queue.receive()) == 2
    assert queue.receive() == []


def test_a_received_message_is_hidden_and_a_deleted_one_is_gone(queue: Queue) -> None:
    send(queue, "a", "b")
    assert queue.depth() == 2
    received = queue.receive()
    assert sorted(message.body for message in received) == ["a", "b"]
    assert queue.depth() == 0
    queue.delete(received)
    attributes = queue._client.get_queue_attributes(QueueUrl=queue._url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_more_than_ten_messages_are_deleted_in_several_calls(queue: Queue) -> None:
    send(queue, *(str(n) for n in range(23)))
    received = queue.receive() + queue.receive() + queue.receive()
    queue.delete(received)
    attributes = queue._client.get_queue_attributes(QueueUrl=queue._url, AttributeNames=["All"])["Attributes"]
    assert len(received) == 23
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_a_missing_queue_is_a_configuration_error_that_says_what_to_do(amazon: None) -> None:
    with pytest.raises(ConfigurationError, match="queue nowhere cannot be used") as refused:
        Queue("nowhere").receive()
    assert refused.value.code == "queue_unavailable"
    assert "POSTHOUSE_CRITICAL_QUEUE" in refused.value.hint


def test_an_endpoint_that_does_not_answer_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ConfigurationError, match="EndpointConnectionError"):
        Queue("events").receive()


def test_a_message_tells_when_its_queue_took_it(queue: Queue) -> None:
    before = datetime.now(UTC)
    send(queue, "a")
    (message,) = queue.receive()
    assert message.sent_at is not None
    assert abs(message.sent_at - before) < timedelta(minutes=1)
