"""Doubt and its evidence: what is called again, what waits, and what is never called again."""

from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from gateways.queues import ensure_event_pipeline
from store.session import run
from tasks import campaigns, evidence
from tests.builders import Scene, pass_time
from tests.fakes import lost
from tests.stage import Stage


NEIGHBOURS = 210


@pytest.fixture
def doubtful(stage: Stage) -> Scene:
    """A campaign of which SES has accepted 210 messages, and left the answer to the seventh call out."""
    scene = stage.set(
        NEIGHBOURS + 1,
        lambda _message, number: lost() if number == 7 else f"fake-{number}",
        policy="evidence",
    )
    stage.send(scene)
    assert stage.states(scene) == {"sent": NEIGHBOURS, "in_doubt": 1}
    return scene


def tell(stage: Stage, scene: Scene, *, all_but: int = 0) -> None:
    """Let SES's events about the accepted messages arrive, but for some."""
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT tenant_id, id, 'sent', now(), now() FROM delivery
               WHERE campaign_id = :campaign_id AND state = 'sent' ORDER BY id OFFSET :all_but""",
            campaign_id=scene.campaign_id,
            all_but=all_but,
        )


def settle(stage: Stage, scene: Scene, *, clear: bool = True) -> int:
    return campaigns.settle(stage.resources(), tenant_id=scene.tenant_id, queues_are_clear=clear)["again"]


def test_a_refuted_call_is_made_again_and_once(stage: Stage, doubtful: Scene) -> None:
    """F02"""
    tell(stage, doubtful)
    pass_time(stage.database, timedelta(minutes=21))
    assert settle(stage, doubtful) == 1
    stage.send(doubtful)
    assert stage.states(doubtful) == {"sent": NEIGHBOURS + 1}
    assert len(stage.ses.calls) == NEIGHBOURS + 2


@pytest.mark.parametrize(
    ("minutes", "all_but", "clear"),
    [
        pytest.param(19, 0, True, id="within the guard"),
        pytest.param(21, 1, True, id="F36: a neighbour's event is missing"),
        pytest.param(21, 0, False, id="the queues were not drained"),
        pytest.param(21, 20, True, id="F03: the pipeline is down"),
    ],
)
def test_without_proof_nothing_is_called_again(
    stage: Stage, doubtful: Scene, minutes: int, all_but: int, *, clear: bool
) -> None:
    tell(stage, doubtful, all_but=all_but)
    pass_time(stage.database, timedelta(minutes=minutes))
    assert settle(stage, doubtful, clear=clear) == 0
    assert stage.states(doubtful) == {"sent": NEIGHBOURS, "in_doubt": 1}


def test_an_event_that_waits_in_the_inbox_may_be_the_one(stage: Stage, doubtful: Scene) -> None:
    tell(stage, doubtful)
    pass_time(stage.database, timedelta(minutes=21))
    with stage.database.begin() as session:
        run(session, "INSERT INTO inbox_event (dedupe_key, source, raw) VALUES ('k', 'test', '{}')")
    assert settle(stage, doubtful) == 0
    with stage.database.begin() as session:
        run(session, "UPDATE inbox_event SET applied_at = now()")
    assert settle(stage, doubtful) == 1


def test_doubt_that_nothing_refutes_ends_unconfirmed(stage: Stage, doubtful: Scene) -> None:
    """F03"""
    pass_time(stage.database, timedelta(hours=25))
    campaigns.settle(stage.resources(), tenant_id=doubtful.tenant_id, queues_are_clear=True)
    assert stage.states(doubtful) == {"sent": NEIGHBOURS, "unconfirmed": 1}


@pytest.fixture
def queues() -> Iterator[None]:
    with mock_aws():
        ensure_event_pipeline(["posthouse-critical", "posthouse-engagement"], region="us-east-1")
        yield


def send_to(queue: str) -> None:
    sqs = boto3.client("sqs", region_name="us-east-1")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody="{}")


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("queue", ["posthouse-critical", "posthouse-critical-dead-letters"])
def test_queues_are_clear_only_when_nothing_waits_and_nothing_died(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert evidence.queues_are_clear(stage.resources())
    send_to("posthouse-engagement")
    assert evidence.queues_are_clear(stage.resources()), "an open or a click proves no acceptance"
    send_to(queue)
    assert not evidence.queues_are_clear(stage.resources())


def test_a_queue_that_cannot_be_asked_is_not_clear(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with mock_aws():
        assert not evidence.queues_are_clear(stage.resources())
