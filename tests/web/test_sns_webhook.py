"""The webhook: it proves, stores and answers so that SNS neither loses nor repeats in vain."""

import json

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from fastapi.testclient import TestClient
from moto import mock_aws

from core.errors import MalformedEventError
from gateways.sns import Kind, Notification, Verifier
from store.session import Database, rows
from tests.mailed import Mailed, an_event
from tests.web.conftest import TOPIC, FakeVerifier
from web.app import create_app
from web.doors import Doors


def envelope(message: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "sns-1", "TopicArn": TOPIC, "Message": message})


def stored(database: Database) -> list[tuple[object, ...]]:
    with database.begin() as session:
        found = rows(
            session,
            "SELECT source, event_type, sns_message_id, error, applied_at FROM inbox_event ORDER BY id",
        )
        return [tuple(row.values()) for row in found]


def test_a_believed_event_is_stored_and_not_yet_applied(
    client: TestClient, database: Database, mailed: Mailed
) -> None:
    answer = client.post("/sns/ses", content=envelope(an_event("complaint_abuse", mailed)))
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert stored(database) == [("webhook", "complaint", "sns-1", None, None)]


def test_the_same_event_twice_is_stored_once(client: TestClient, database: Database, mailed: Mailed) -> None:
    """E01"""
    for _ in range(2):
        assert client.post("/sns/ses", content=envelope(an_event("send", mailed))).status_code == 200
    assert len(stored(database)) == 1


def test_an_event_of_an_unknown_message_is_stored_too(client: TestClient, database: Database) -> None:
    """E04"""
    assert client.post("/sns/ses", content=envelope(an_event("send", None))).status_code == 200
    assert len(stored(database)) == 1


def test_a_notice_is_answered_and_forgotten(client: TestClient, database: Database) -> None:
    notice = "Successfully validated SNS topic for Amazon SES event publishing."
    assert client.post("/sns/ses", content=envelope(notice)).status_code == 200
    assert stored(database) == []


def test_a_believed_message_that_cannot_be_read_is_kept_for_a_person(
    client: TestClient, database: Database
) -> None:
    assert client.post("/sns/ses", content=envelope("{}")).status_code == 200
    assert stored(database) == [("webhook", "", None, "JSON without an event type", None)]


def test_an_untrusted_message_is_refused_and_leaves_no_trace(
    client: TestClient, database: Database, verifier: FakeVerifier, mailed: Mailed
) -> None:
    """E05"""
    verifier.distrust()
    answer = client.post("/sns/ses", content=envelope(an_event("complaint_abuse", mailed)))
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "event_untrusted"
    assert stored(database) == []


def test_why_a_post_is_not_believed_is_told_in_the_log_and_does_not_fill_it(
    client: TestClient, verifier: FakeVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    verifier.distrust()
    for _ in range(50):
        assert client.post("/sns/ses", content=b"secret@example.com").status_code == 403
    told = [record.getMessage() for record in caplog.records if record.name == "posthouse.webhook"]
    assert told == ["a post to the webhook is not believed: the topic is not on our list"] * 10


def test_what_is_no_sns_message_is_refused(client: TestClient, verifier: FakeVerifier) -> None:
    verifier.answer = MalformedEventError("a body that is not JSON")
    assert client.post("/sns/ses", content=b"junk").status_code == 400


def test_a_certificate_that_cannot_be_fetched_is_our_trouble(
    client: TestClient, verifier: FakeVerifier
) -> None:
    verifier.answer = OSError("down")
    assert client.post("/sns/ses", content=b"{}").status_code == 503


def test_a_lost_database_is_answered_so_that_sns_tries_again(verifier: FakeVerifier, mailed: Mailed) -> None:
    """E06"""
    nowhere = Database("postgresql+psycopg://postgres@127.0.0.1:9/nowhere")
    with TestClient(create_app(Doors(database=nowhere, verifier=verifier))) as client:
        answer = client.post("/sns/ses", content=envelope(an_event("send", mailed)))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert answer.json() == {"error": {"code": "unavailable", "message": "please try again", "hint": ""}}


def test_a_subscription_is_confirmed_and_its_url_never_fetched(
    client: TestClient, verifier: FakeVerifier, confirmed: list[Notification]
) -> None:
    verifier.answer = Notification(kind=Kind.SUBSCRIPTION_CONFIRMATION, topic_arn=TOPIC, token="t")
    assert client.post("/sns/ses", content=b"{}").status_code == 200
    assert confirmed == [verifier.answer]


def test_a_confirmation_that_fails_is_tried_again(
    database: Database, verifier: FakeVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_notification: Notification) -> None:
        raise ClientError({"Error": {"Code": "InternalError"}}, "ConfirmSubscription")

    verifier.answer = Notification(kind=Kind.SUBSCRIPTION_CONFIRMATION, topic_arn=TOPIC, token="t")
    with TestClient(create_app(Doors(database=database, verifier=verifier, confirm=refuse))) as client:
        assert client.post("/sns/ses", content=b"{}").status_code == 503
    assert "cannot be confirmed" in caplog.text


def test_a_removed_subscription_is_cried_out(
    client: TestClient, verifier: FakeVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    verifier.answer = Notification(kind=Kind.UNSUBSCRIBE_CONFIRMATION, topic_arn=TOPIC)
    assert client.post("/sns/ses", content=b"{}").status_code == 200
    assert f"unsubscribed from topic {TOPIC}" in caplog.text


def test_following_the_webhook_does_nothing(client: TestClient, verifier: FakeVerifier) -> None:
    assert client.get("/sns/ses").status_code == 405
    assert verifier.bodies == []


def test_what_moto_has_signed_is_verified_and_stored(
    database: Database, mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another implementation of SNS signs, our verifier fetches its certificate, and the event is in the inbox once."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        topics, queues = boto3.client("sns"), boto3.client("sqs")
        topic = topics.create_topic(Name="ses-events")["TopicArn"]
        url = queues.create_queue(QueueName="q")["QueueUrl"]
        topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
        topics.publish(TopicArn=topic, Message=an_event("complaint_abuse", mailed))
        body = queues.receive_message(QueueUrl=url)["Messages"][0]["Body"]
        verifier = Verifier([topic], fetch=lambda where: requests.get(where, timeout=3).content)
        with TestClient(create_app(Doors(database=database, verifier=verifier))) as client:
            posted = [
                client.post("/sns/ses", content=sent).status_code
                for sent in (body, body, body.replace("abuse", "ABUSE"))
            ]
    assert posted == [200, 200, 403]
    assert [(source, kind) for source, kind, *_ in stored(database)] == [("webhook", "complaint")]
