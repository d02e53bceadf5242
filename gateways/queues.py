"""The way of an event from SES to us: a topic, a queue behind it, and a dead-letter queue behind that.

SES publishes to the topic, because only SNS can feed a queue and a webhook alike. What cannot be processed five
times goes to the dead-letter queue, where it waits for a person as long as SQS keeps anything at all.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3


if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


# Fourteen days, the longest that SQS keeps a message. Long week-ends and late releases must not lose a complaint.
RETENTION_SECONDS: Final = 1_209_600

MAX_RECEIVE_COUNT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQueue:
    """One topic with its queues. The topic and the queue have the same name."""

    name: str
    topic_arn: str
    queue_url: str
    dead_letter_url: str


def ensure_event_pipeline(
    names: Sequence[str], *, stand_in_url: str = "", region: str | None = None
) -> list[EventQueue]:
    """Make what is missing of each topic, queue, dead-letter queue and subscription; repeating it changes nothing.

    Args:
        names: For example `posthouse-critical`.
        stand_in_url: A server that speaks SNS and SQS in Amazon's place, and takes any credentials.
        region: The default is boto3's own.
    """
    keys: dict[str, Any] = (
        {"aws_access_key_id": "local", "aws_secret_access_key": "local"} if stand_in_url else {}
    )
    session = boto3.Session(region_name=region, **keys)
    sns = session.client("sns", endpoint_url=stand_in_url or None)
    sqs = session.client("sqs", endpoint_url=stand_in_url or None)
    return [_ensure(name, sns, sqs) for name in names]


def dead_letters_of(name: str) -> str:
    """Return the name of the queue for what could not be processed."""
    return f"{name}-dead-letters"


def _ensure(name: str, sns: "SNSClient", sqs: "SQSClient") -> EventQueue:
    topic_arn = sns.create_topic(Name=name)["TopicArn"]
    _let_ses_publish(topic_arn, sns)
    dead_letter_url, dead_letter_arn = _ensure_queue(dead_letters_of(name), {}, sqs)
    redrive = {"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": MAX_RECEIVE_COUNT}
    queue_url, queue_arn = _ensure_queue(name, {"RedrivePolicy": json.dumps(redrive)}, sqs)
    policy = _statement(
        "sns.amazonaws.com", "sqs:SendMessage", queue_arn, {"ArnEquals": {"aws:SourceArn": topic_arn}}
    )
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    # Raw: the body is SES's own JSON, without an envelope to build, sign, carry and parse twice. What the envelope's
    # message id would tell, the inbox tells by the event's own words, and those also catch what SES publishes twice.
    sns.subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )
    return EventQueue(name=name, topic_arn=topic_arn, queue_url=queue_url, dead_letter_url=dead_letter_url)


def _ensure_queue(name: str, attributes: dict[str, str], sqs: "SQSClient") -> tuple[str, str]:
    """Return the queue's URL and ARN."""
    # Attributes given to `create_queue` would make it refuse a queue that exists with others.
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    wanted: Any = {"MessageRetentionPeriod": str(RETENTION_SECONDS), **attributes}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=wanted)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def _let_ses_publish(topic_arn: str, sns: "SNSClient") -> None:
    account = topic_arn.split(":")[4]
    only_ours = {"StringEquals": {"aws:SourceAccount": account}}
    policy = _statement("ses.amazonaws.com", "sns:Publish", topic_arn, only_ours)
    sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="Policy", AttributeValue=policy)


def _statement(service: str, action: str, resource: str, condition: dict[str, dict[str, str]]) -> str:
    """Return a policy that lets one service do one thing under one condition.

    Without the condition anybody's topic could feed our queue: services act for all of Amazon's customers.
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
