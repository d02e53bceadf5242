"""What dispatch does about calls that died with their sender: it takes what SES tells of them, and ends the campaign."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from gateways.queues import ensure_event_pipeline
from store.session import Database, one, run
from tasks import dispatching
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import Mailed, a_delivery, an_event


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    with mock_aws():
        ensure_event_pipeline(["posthouse-critical", "posthouse-engagement"], region="us-east-1")
        yield


@pytest.fixture
def called(database: Database) -> Mailed:
    """A campaign that is being sent, whose only message was being called by a sender that has died."""
    with database.begin() as session:
        mailed = a_delivery(session)
        run(session, "UPDATE campaign SET state = 'sending', planned_at = now()")
        run(session, "UPDATE delivery SET lease_until = now() - interval '1 second'")
    return mailed


def tell(mailed: Mailed) -> None:
    """Let SES's event about the message wait on the queue."""
    sqs = boto3.client("sqs", region_name="us-east-1")
    url = sqs.get_queue_url(QueueName="posthouse-critical")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=an_event("send", mailed))


def states(database: Database) -> tuple[str, str]:
    """How the campaign stands, and its delivery."""
    with database.begin() as session:
        found = one(
            session,
            """SELECT c.state AS campaign, d.state AS delivery
               FROM campaign c JOIN delivery d ON d.tenant_id = c.tenant_id AND d.campaign_id = c.id""",
        )
    assert found is not None
    return found["campaign"], found["delivery"]


@pytest.mark.usefixtures("queues")
def test_a_campaign_whose_last_call_died_with_its_sender_is_done_without_waiting_for_the_hour(
    resources: Resources, database: Database, called: Mailed
) -> None:
    """F14"""
    tell(called)

    report = dispatching.take_evidence(resources)

    assert report is not None
    assert report.applied == 1
    assert dispatching.ready(resources) == []
    assert states(database) == ("done", "sent")


@pytest.mark.usefixtures("queues")
def test_without_a_word_from_ses_the_call_stays_in_doubt(
    resources: Resources, database: Database, called: Mailed
) -> None:
    assert dispatching.take_evidence(resources) is not None
    assert dispatching.ready(resources) == []
    assert states(database) == ("sending", "in_doubt")


def test_nobody_in_doubt_and_nothing_being_sent_need_no_queue(
    resources: Resources, database: Database, called: Mailed
) -> None:
    with database.begin() as session:
        run(session, "UPDATE delivery SET lease_until = now() + interval '1 minute'")
        run(session, "UPDATE campaign SET state = 'paused'")

    assert dispatching.take_evidence(resources) is None
