"""The event pipeline, made in moto's server: a process in Amazon's place."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from gateways.queues import ensure_event_pipeline


@pytest.fixture(scope="module")
def amazon() -> Iterator[str]:
    """The URL of a moto server of this module."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield url
    server.terminate()
    server.wait()


def client(amazon: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=amazon,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def test_what_is_published_to_the_topic_arrives_on_the_queue_word_for_word(amazon: str) -> None:
    (pipeline,) = ensure_event_pipeline(["arrives"], stand_in_url=amazon, region="us-east-1")

    client(amazon, "sns").publish(TopicArn=pipeline.topic_arn, Message='{"eventType": "Bounce"}')

    (message,) = client(amazon, "sqs").receive_message(QueueUrl=pipeline.queue_url)["Messages"]
    assert message["Body"] == '{"eventType": "Bounce"}'
    assert pipeline.topic_arn == "arn:aws:sns:us-east-1:123456789012:arrives"


def test_a_message_that_fails_five_times_waits_with_the_dead_letters(amazon: str) -> None:
    (pipeline,) = ensure_event_pipeline(["fails"], stand_in_url=amazon, region="us-east-1")
    sqs = client(amazon, "sqs")
    sqs.send_message(QueueUrl=pipeline.queue_url, MessageBody="poison")

    received = [sqs.receive_message(QueueUrl=pipeline.queue_url, VisibilityTimeout=0) for _ in range(6)]

    assert ["Messages" in answer for answer in received] == [True] * 5 + [False]
    (dead,) = sqs.receive_message(QueueUrl=pipeline.dead_letter_url)["Messages"]
    assert dead["Body"] == "poison"


def test_both_queues_keep_messages_for_fourteen_days(amazon: str) -> None:
    (pipeline,) = ensure_event_pipeline(["keeps"], stand_in_url=amazon, region="us-east-1")

    for url in (pipeline.queue_url, pipeline.dead_letter_url):
        answer = client(amazon, "sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["MessageRetentionPeriod"]
        )
        assert answer["Attributes"]["MessageRetentionPeriod"] == "1209600"


def test_making_it_again_changes_nothing_and_delivers_once(amazon: str) -> None:
    first = ensure_event_pipeline(["again"], stand_in_url=amazon, region="us-east-1")
    second = ensure_event_pipeline(["again"], stand_in_url=amazon, region="us-east-1")

    assert first == second
    subscriptions = client(amazon, "sns").list_subscriptions_by_topic(TopicArn=first[0].topic_arn)
    assert len(subscriptions["Subscriptions"]) == 1


def test_only_our_topic_may_feed_the_queue_and_only_our_ses_the_topic(amazon: str) -> None:
    (pipeline,) = ensure_event_pipeline(["guarded"], stand_in_url=amazon, region="us-east-1")

    queue = client(amazon, "sqs").get_queue_attributes(QueueUrl=pipeline.queue_url, AttributeNames=["Policy"])
    topic = client(amazon, "sns").get_topic_attributes(TopicArn=pipeline.topic_arn)
    (on_queue,) = json.loads(queue["Attributes"]["Policy"])["Statement"]
    (on_topic,) = json.loads(topic["Attributes"]["Policy"])["Statement"]
    assert on_queue["Condition"] == {"ArnEquals": {"aws:SourceArn": pipeline.topic_arn}}
    assert on_topic["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
