"""Doubt and its evidence: what is called again, what waits, and what is never called again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from gateways.queues import ensure_event_pipeline
from store.session import run
from tasks import campaigns, evidence
from tests.builders import Scene, pass_time
from tests.fakes import FakeSes, lost
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
               SELECT tenant_id, id, 'sent', submitted_at, submitted_at FROM delivery
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


# Clocks that jump


HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


AMAZON = [
    pytest.param(lambda: now() - HOUR, id="ours is an hour ahead: the guard is not over"),
    pytest.param(lambda: now() + HOUR, id="ours is an hour behind"),
    pytest.param(lambda: now() - timedelta(minutes=3), id="three minutes are too many"),
    pytest.param(lambda: None, id="Amazon's answer has no date"),
]


@pytest.mark.parametrize("clock", AMAZON)
def test_while_the_clocks_disagree_nothing_is_called_again(
    stage: Stage, doubtful: Scene, clock: Callable[[], datetime | None]
) -> None:
    """F20"""
    tell(stage, doubtful)
    pass_time(stage.database, timedelta(minutes=21))
    right, stage.ses.clock = stage.ses.clock, clock
    assert settle(stage, doubtful) == 0
    stage.ses.clock = right
    assert settle(stage, doubtful) == 1


def test_while_ses_does_not_tell_the_time_nothing_is_called_again(stage: Stage, doubtful: Scene) -> None:
    tell(stage, doubtful)
    pass_time(stage.database, timedelta(minutes=21))
    stage.ses = FakeSes(quota=lost())
    assert settle(stage, doubtful) == 0


@pytest.mark.parametrize("minutes", [60, -60, 3, -3])
def test_neighbours_of_a_clock_that_was_wrong_prove_nothing(
    stage: Stage, doubtful: Scene, minutes: int
) -> None:
    """F20: their events tell when they were really sent, so that nobody knows when the call was."""
    tell(stage, doubtful)
    pass_time(stage.database, timedelta(minutes=21))
    with stage.database.begin() as session:
        run(session, "UPDATE delivery_fact SET first_at = first_at + :off", off=timedelta(minutes=minutes))
    assert settle(stage, doubtful) == 0


@pytest.mark.parametrize(
    ("minutes", "again"),
    [
        pytest.param(60, 0, id="the call"),
        pytest.param(-19, 0, id="its neighbours, perhaps"),
        pytest.param(-21, 1, id="all was over when it was made"),
    ],
)
def test_silence_about_a_time_that_the_clock_told_twice_proves_nothing(
    stage: Stage, doubtful: Scene, minutes: int, again: int
) -> None:
    """F20"""
    tell(stage, doubtful)
    with stage.database.begin() as session:
        run(
            session,
            """UPDATE ses_account SET told_twice_until = d.submitted_at + :after
               FROM delivery d WHERE d.state = 'in_doubt'""",
            after=timedelta(minutes=minutes),
        )
    pass_time(stage.database, timedelta(minutes=21))
    assert settle(stage, doubtful) == again


def test_an_event_that_comes_while_ses_is_asked_for_the_time_may_be_the_one(
    stage: Stage, doubtful: Scene
) -> None:
    tell(stage, doubtful)
    pass_time(stage.database, timedelta(minutes=21))

    def clock() -> datetime:
        with stage.database.begin() as session:
            run(session, "INSERT INTO inbox_event (dedupe_key, source, raw) VALUES ('k', 'test', '{}')")
        return now()

    stage.ses.clock = clock
    assert settle(stage, doubtful) == 0


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
