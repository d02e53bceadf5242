"""Sending together, under the same ledger: each message of a bulk call is settled by its own answer."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from core import errors
from core.errors import SendingError
from core.message import Message
from core.runs import Ending, Tally
from core.suppression import Reason
from core.tenants import DeliveryApi
from gateways.ses import Ses
from store.session import run
from tasks import campaigns as steps
from tests.builders import Scene, allow_today, allowance, ledger, pass_time, suppress
from tests.fakes import Script, all_accepted, lost
from tests.simulated import Simulated, a_simulator
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")

LARGE = {"window_size": 50, "claim_size": 500}


def bulk(stage: Stage, contacts: int, script: Script = all_accepted, **scene: object) -> Scene:
    return stage.set(contacts, script, delivery_api=DeliveryApi.BULK, **scene)


def sizes(stage: Stage) -> list[int]:
    return [len(batch) for batch in stage.ses.bulk_calls]


# All is well


def test_a_tenant_sends_one_by_one_unless_it_has_chosen(stage: Stage) -> None:
    scene = stage.set(10)
    stage.send(scene)
    assert (len(stage.ses.calls), stage.ses.bulk_calls) == (10, [])


def test_a_window_goes_out_in_calls_of_fifty(stage: Stage) -> None:
    scene = bulk(stage, 130)
    assert stage.send(scene, window_size=120, claim_size=500) == Tally(
        accepted=130, ending=Ending.NOTHING_DUE
    )
    assert sorted(sizes(stage)) == [10, 20, 50, 50]
    assert stage.states(scene) == {"sent": 130}
    assert stage.called_twice() == []


def test_a_call_is_no_larger_than_its_window(stage: Stage) -> None:
    scene = bulk(stage, 20)
    stage.send(scene, window_size=8, claim_size=20)
    assert sizes(stage) == [8, 8, 4]


def test_one_message_alone_is_a_single_call(stage: Stage) -> None:
    scene = bulk(stage, 1)
    stage.send(scene)
    assert (len(stage.ses.calls), stage.ses.bulk_calls) == (1, [])


def test_a_message_that_ses_might_read_as_a_template_goes_alone(stage: Stage) -> None:
    scene = bulk(stage, 10)
    with stage.database.begin() as session:
        odd = ledger(session, scene)[4]
        run(
            session,
            """UPDATE contact SET attributes = '{"first_name": "{{ses:openTracker}}"}' WHERE id = :id""",
            id=odd["contact_id"],
        )
    stage.send(scene, **LARGE)
    assert sizes(stage) == [9]
    together = {message.recipient for batch in stage.ses.bulk_calls for message in batch}
    assert odd["address"] not in together
    assert stage.states(scene) == {"sent": 10}


def test_the_ids_of_ses_end_up_at_their_own_deliveries(stage: Stage) -> None:
    scene = bulk(stage, 60, lambda message, _: f"id of {message.recipient}")
    stage.send(scene, **LARGE)
    assert all(row["ses_message_id"] == f"id of {row['address']}" for row in stage.ledger(scene))


def test_each_message_carries_the_tags_of_its_own_attempt(stage: Stage) -> None:
    scene = bulk(stage, 20)
    stage.send(scene, **LARGE)
    attempts = {row["address"]: row["attempt_id"] for row in stage.ledger(scene)}
    assert {message.recipient: message.tags["attempt"] for message in stage.ses.sent} == attempts


def test_the_database_holds_all_attempts_before_the_call_leaves(stage: Stage) -> None:
    seen: list[dict[str, int]] = []

    def look(_messages: Sequence[Message], _number: int) -> None:
        seen.append(stage.states(scene))

    scene = bulk(stage, 12)
    stage.ses.bulk_script = look
    stage.send(scene, window_size=8, claim_size=20)
    assert seen == [{"submitting": 8, "claimed": 4}, {"sent": 8, "submitting": 4}]


def test_who_is_suppressed_while_claimed_is_in_no_call(stage: Stage) -> None:
    """F30"""

    def unsubscribe(_messages: Sequence[Message], number: int) -> None:
        if number == 1:
            with stage.database.begin() as session:
                suppress(session, scene, last, Reason.UNSUBSCRIBE)

    scene = bulk(stage, 20)
    stage.ses.bulk_script = unsubscribe
    last = str(stage.ledger(scene)[-1]["address"])
    tally = stage.send(scene, window_size=8, claim_size=20)
    assert (tally.accepted, tally.skipped) == (19, 1)
    assert last not in stage.ses.recipients


def test_the_allowance_is_filled_to_the_message(stage: Stage) -> None:
    """F31"""
    scene = bulk(stage, 100, rung=0)
    with stage.database.begin() as session:
        allow_today(session, scene, 70)
    assert stage.send(scene, **LARGE).ending is Ending.ALLOWANCE
    assert stage.states(scene) == {"sent": 70, "pending": 30}
    assert sizes(stage) == [50, 20]


def test_two_senders_of_one_campaign_send_nothing_twice(stage: Stage) -> None:
    """F17, F26"""
    scene = bulk(stage, 300)
    barrier = threading.Barrier(2, timeout=20)

    def work() -> None:
        barrier.wait()
        stage.send(scene, window_size=10, claim_size=40)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert stage.called_twice() == []
    assert stage.states(scene) == {"sent": 300}


# What becomes of single messages of a call


def test_one_refusal_among_fifty_fails_alone(stage: Stage) -> None:
    """F12"""
    invalid = errors.MessageRejectedError("Missing domain", error_code="INVALID_PARAMETER", http_status=200)
    scene = bulk(stage, 50, lambda _message, number: invalid if number == 17 else f"fake-{number}")
    assert stage.send(scene, **LARGE) == Tally(accepted=49, failed=1, ending=Ending.NOTHING_DUE)
    assert sizes(stage) == [50]
    assert stage.called_twice() == []
    (failed,) = [row for row in stage.ledger(scene) if row["state"] == "failed"]
    assert failed["outcome_code"] == "INVALID_PARAMETER"


def test_a_call_without_an_answer_for_its_last_messages_leaves_those_in_doubt(stage: Stage) -> None:
    """F13"""
    scene = bulk(stage, 50, lambda _message, number: lost() if number > 48 else f"fake-{number}")
    assert stage.send(scene, **LARGE) == Tally(accepted=48, in_doubt=2, ending=Ending.NOTHING_DUE)
    assert stage.states(scene) == {"sent": 48, "in_doubt": 2}


def test_throttled_messages_wait_alone_and_are_called_again_alone(stage: Stage) -> None:
    """F07"""
    throttled = errors.ThrottledError("slow", error_code="ACCOUNT_THROTTLED", http_status=200)
    scene = bulk(stage, 50, lambda _message, number: throttled if number in {3, 30} else f"fake-{number}")
    stage.send_until_done(scene, timedelta(seconds=11), **LARGE)
    assert stage.states(scene) == {"sent": 50}
    assert len(stage.called_twice()) == 2
    assert set(Counter(message.recipient for message in stage.ses.sent).values()) == {1}


def test_only_what_is_proven_unsent_gets_its_token_back(stage: Stage) -> None:
    """I4"""
    answers: dict[int, SendingError] = {
        1: errors.QuotaExhaustedError("full"),
        2: lost(),
        3: errors.MessageRejectedError("no"),
    }
    scene = bulk(stage, 10, lambda _message, number: answers.get(number, f"fake-{number}"), rung=0)
    stage.send(scene, **LARGE)
    with stage.database.begin() as session:
        assert allowance(session, scene) == (200, 9)
    assert stage.states(scene) == {"sent": 7, "pending": 1, "in_doubt": 1, "failed": 1}


# What becomes of a whole call


def test_a_lost_answer_puts_one_call_in_doubt_and_never_calls_it_again(stage: Stage) -> None:
    """F01, F35"""
    scene = bulk(stage, 120)
    stage.ses.bulk_script = lambda _messages, number: lost() if number == 1 else None
    assert stage.send(scene, **LARGE).in_doubt == 50
    for _ in range(3):
        pass_time(stage.database, timedelta(minutes=15))
        stage.send(scene, **LARGE)
    assert stage.states(scene) == {"sent": 70, "in_doubt": 50}
    assert stage.called_twice() == []


def test_a_throttled_call_lets_everybody_wait(stage: Stage) -> None:
    scene = bulk(stage, 40)
    stage.ses.bulk_script = lambda _messages, number: errors.ThrottledError("slow") if number == 1 else None
    stage.send_until_done(scene, timedelta(seconds=11), **LARGE)
    assert stage.states(scene) == {"sent": 40}
    assert Counter(message.recipient for message in stage.ses.sent).most_common(1)[0][1] == 1


def test_a_call_refused_as_a_whole_blames_only_who_is_refused_alone(stage: Stage) -> None:
    invalid = errors.MessageRejectedError("no", error_code="BadRequestException", http_status=400)
    scene = bulk(stage, 20)
    culprit = str(stage.ledger(scene)[6]["address"])
    stage.ses.script = lambda message, number: invalid if message.recipient == culprit else f"fake-{number}"
    stage.ses.bulk_script = lambda _messages, _number: invalid
    assert stage.send(scene, **LARGE) == Tally(accepted=19, failed=1, ending=Ending.NOTHING_DUE)
    (failed,) = [row for row in stage.ledger(scene) if row["state"] == "failed"]
    assert failed["address"] == culprit


def test_out_of_reach_everybody_waits(stage: Stage) -> None:
    """F06"""
    scene = bulk(stage, 30)
    stage.ses.bulk_script = lambda _messages, _number: errors.UnreachableError("no connection to SES")
    tally = stage.send(scene, **LARGE)
    assert (tally.in_doubt, tally.ending, tally.reason) == (0, Ending.BLOCKED, "ses_unreachable")
    assert stage.states(scene) == {"pending": 30}


def test_a_suspended_account_pauses_the_campaign_and_fails_nobody(stage: Stage) -> None:
    """F09"""
    scene = bulk(stage, 40)
    stage.ses.bulk_script = lambda _messages, _number: errors.SendingPausedError("Sending is paused.")
    tally = stage.send(scene, **LARGE)
    assert (tally.ending, tally.failed) == (Ending.STOPPED, 0)
    assert stage.states(scene) == {"pending": 40}


def test_a_call_that_comes_too_late_is_not_made(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant M10 of the model."""
    scene = bulk(stage, 4)
    monkeypatch.setattr("tasks.sending.CALL_DEADLINE_SHARE", -1.0)
    assert stage.send(scene, seconds=0.2).accepted == 0
    assert (stage.ses.calls, stage.ses.bulk_calls) == ([], [])
    assert stage.states(scene) == {"pending": 4}


# With boto3 and the simulator, whose log is the judge


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulated]:
    with a_simulator() as simulated:
        yield simulated


@pytest.fixture
def judged(stage: Stage, simulator: Simulated, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose SES is the gateway, in front of the simulator."""
    simulator.reset()
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    stage.ses = Ses(read_timeout=0.5)
    yield stage
    stage.ses._client.close()


def send_to(simulator: Simulated, judged: Stage, contacts: int) -> tuple[Scene, list[str]]:
    """Send a campaign in calls of fifty; return it and whom SES has accepted, sorted."""
    scene = bulk(judged, contacts)
    judged.send(scene, **LARGE)
    return scene, sorted(entry["to"][0] for entry in simulator.accepted())


def in_state(judged: Stage, scene: Scene, *wanted: str) -> list[str]:
    return sorted(str(row["address"]) for row in judged.ledger(scene) if row["state"] in wanted)


def test_what_the_ledger_calls_sent_is_what_ses_accepted(simulator: Simulated, judged: Stage) -> None:
    scene, accepted = send_to(simulator, judged, 120)
    assert judged.states(scene) == {"sent": 120}
    assert in_state(judged, scene, "sent") == accepted
    assert (simulator.calls("SendBulkEmail"), simulator.calls("SendEmail")) == (3, 0)
    ids = {entry["tags"]["delivery"]: entry["ses_message_id"] for entry in simulator.accepted()}
    assert {str(row["id"]): row["ses_message_id"] for row in judged.ledger(scene)} == ids


def test_ses_refuses_one_entry_of_fifty(simulator: Simulated, judged: Stage) -> None:
    """F12"""
    simulator.fault("entry_status", status="INVALID_PARAMETER", times=1)
    scene, accepted = send_to(simulator, judged, 50)
    assert judged.states(scene) == {"sent": 49, "failed": 1}
    assert in_state(judged, scene, "sent") == accepted
    assert simulator.calls("SendBulkEmail") == 1


def test_ses_says_nothing_of_the_last_entry(simulator: Simulated, judged: Stage) -> None:
    """F13"""
    simulator.fault("short_reply", times=1)
    scene, accepted = send_to(simulator, judged, 50)
    assert judged.states(scene) == {"sent": 49, "in_doubt": 1}
    assert in_state(judged, scene, "sent", "in_doubt") == accepted


@pytest.mark.parametrize("when", ["before", "after"])
def test_ses_never_answers_a_call(simulator: Simulated, judged: Stage, when: str) -> None:
    """F01, F02"""
    simulator.fault("hang", when=when, times=1)
    scene, accepted = send_to(simulator, judged, 50)
    assert judged.states(scene) == {"in_doubt": 50}
    assert len(accepted) == (50 if when == "after" else 0)
    steps.settle(judged.resources(), tenant_id=scene.tenant_id)
    judged.send(scene, **LARGE)
    assert simulator.calls("SendBulkEmail") == 1


def test_ses_is_suspended(simulator: Simulated, judged: Stage) -> None:
    """F09"""
    simulator.fault("entry_status", status="ACCOUNT_SENDING_PAUSED")
    scene, accepted = send_to(simulator, judged, 50)
    assert (judged.states(scene), accepted) == ({"pending": 50}, [])
    assert judged.send(scene).ending is Ending.STOPPED
