"""Sending, on a real ledger and a SES without a network: nobody twice, nobody lost, whatever goes wrong."""

import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from core import errors, outcomes
from core.campaigns import CampaignState
from core.errors import SendingError
from core.message import Message
from core.providers import OTHER
from core.runs import Ending, Tally
from core.suppression import Reason
from core.tenants import TenantState
from store import accounts, campaigns, deliveries, sending_domains, tenants
from store.session import one, rows, run
from tasks import campaigns as steps
from tasks import claiming, dispatching
from tasks.sending import sender
from tests.builders import (
    a_campaign,
    a_contact,
    allow_today,
    allowance,
    an_account,
    ledger,
    pass_time,
    plan,
    suppress,
)
from tests.fakes import REGION, all_accepted, lost
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")


# All is well


def test_everybody_is_sent_one_message(stage: Stage) -> None:
    scene = stage.set(45)
    tally = stage.send(scene)
    assert tally == Tally(accepted=45, ending=Ending.NOTHING_DUE)
    assert stage.states(scene) == {"sent": 45}
    assert sorted(stage.ses.recipients) == sorted(row["address"] for row in stage.ledger(scene))
    assert stage.send(scene) == Tally(ending=Ending.NOTHING_DUE)
    assert len(stage.ses.calls) == 45


def test_a_message_carries_the_tags_of_its_attempt_and_the_link_of_its_delivery(stage: Stage) -> None:
    scene = stage.set(2)
    stage.send(scene)
    by_address = {row["address"]: row for row in stage.ledger(scene)}
    for message in stage.ses.sent:
        row = by_address[message.recipient]
        assert message.tags == {
            "tenant": scene.slug,
            "campaign": str(scene.campaign_id),
            "delivery": str(row["id"]),
            "attempt": row["attempt_id"],
            "ses:feedback-id-a": str(scene.campaign_id),
            "ses:feedback-id-b": scene.slug,
        }
        assert message.content.subject == "Spring for Ann"
        link = message.headers["List-Unsubscribe"].strip("<>")
        assert link.startswith("http://127.0.0.1:8025/u/v1.k1.")
        assert f'href="{link}"' in message.content.html
        assert f"Leave: {link}" in message.content.text
        assert (message.configuration_set, message.ses_tenant_name) == (f"{scene.slug}-set", scene.slug)
        assert (message.from_header, message.reply_to) == ("Acme <news@acme.example>", "hi@acme.example")
    assert len({message.headers["List-Unsubscribe"] for message in stage.ses.sent}) == 2


def test_the_ids_of_ses_end_up_at_their_own_deliveries(stage: Stage) -> None:
    scene = stage.set(20, lambda message, _: f"id of {message.recipient}")
    stage.send(scene)
    assert all(row["ses_message_id"] == f"id of {row['address']}" for row in stage.ledger(scene))


def test_two_senders_of_one_campaign_send_nothing_twice(stage: Stage) -> None:
    """F17, F26"""
    scene = stage.set(150)
    barrier = Barrier(2, timeout=20)
    tallies: list[Tally] = []

    def work() -> None:
        with sender(stage.resources(), scene.campaign_id) as sending:
            barrier.wait()
            tallies.append(sending.send(seconds=60))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sum(tally.accepted for tally in tallies) == 150
    assert stage.called_twice() == []
    assert stage.states(scene) == {"sent": 150}


def test_a_stretch_ends_when_its_time_is_up_and_gives_back_what_it_holds(stage: Stage) -> None:
    def slow(_message: Message, number: int) -> str:
        if number == 3:
            time.sleep(2)
        return f"fake-{number}"

    scene = stage.set(60, slow)
    tally = stage.send(scene, seconds=2, claim_size=60, window_size=1)
    assert tally == Tally(accepted=3, ending=Ending.MORE)
    assert stage.states(scene) == {"sent": 3, "pending": 57}
    stage.send(scene)
    assert stage.called_twice() == []
    assert stage.states(scene) == {"sent": 60}


def test_another_campaigns_deliveries_are_left_alone(stage: Stage) -> None:
    scene = stage.set(3)
    with stage.database.begin() as session:
        other = a_campaign(session, scene)
        plan(session, other)
    stage.send(scene)
    assert stage.states(other) == {"pending": 3}


# Who must not be mailed


def test_who_was_suppressed_after_planning_is_skipped_without_a_call(stage: Stage) -> None:
    """F30"""
    scene = stage.set(5)
    with stage.database.begin() as session:
        gone = ledger(session, scene)[2]["address"]
        suppress(session, scene, gone, Reason.UNSUBSCRIBE)
    assert stage.send(scene) == Tally(accepted=4, skipped=1, ending=Ending.NOTHING_DUE)
    assert gone not in stage.ses.recipients
    assert stage.states(scene) == {"sent": 4, "skipped": 1}


def test_who_is_suppressed_while_claimed_is_skipped_without_a_call(stage: Stage) -> None:
    """F30: the first window's calls are under way when the last person of the batch unsubscribes."""

    def unsubscribe(_message: Message, number: int) -> str:
        if number == 1:
            with stage.database.begin() as session:
                suppress(session, scene, last, Reason.UNSUBSCRIBE)
        return f"fake-{number}"

    scene = stage.set(20, unsubscribe)
    last = str(stage.ledger(scene)[-1]["address"])
    tally = stage.send(scene, claim_size=20, window_size=4)
    assert (tally.accepted, tally.skipped) == (19, 1)
    assert last not in stage.ses.recipients


# The allowance


def test_the_allowance_of_the_day_is_filled_to_the_message(stage: Stage) -> None:
    """F31"""
    scene = stage.set(60, rung=0)
    with stage.database.begin() as session:
        allow_today(session, scene, 25)
    tally = stage.send(scene)
    assert (tally.accepted, tally.ending) == (25, Ending.ALLOWANCE)
    assert len(stage.ses.calls) == 25
    assert stage.states(scene) == {"sent": 25, "pending": 35}
    assert stage.send(scene).ending is Ending.ALLOWANCE
    assert len(stage.ses.calls) == 25


def test_several_senders_together_fill_the_allowance_and_no_more(stage: Stage) -> None:
    """F31"""
    scene = stage.set(120, rung=0)
    with stage.database.begin() as session:
        allow_today(session, scene, 50)
    endings: list[Ending] = []

    def work() -> None:
        endings.append(stage.send(scene, seconds=60).ending)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    # A sender may find everything that is left of today reserved by the others.
    assert set(endings) <= {Ending.ALLOWANCE, Ending.NOTHING_DUE}
    stage.send(scene)
    assert len(stage.ses.calls) == 50
    with stage.database.begin() as session:
        assert allowance(session, scene) == (50, 50)
    assert stage.states(scene) == {"sent": 50, "pending": 70}


def test_two_campaigns_of_one_domain_share_its_allowance(stage: Stage) -> None:
    scene = stage.set(20, rung=0)
    with stage.database.begin() as session:
        other = a_campaign(session, scene)
        plan(session, other)
        allow_today(session, scene, 25)
    stage.send(scene)
    assert stage.send(other).ending is Ending.ALLOWANCE
    assert stage.states(other) == {"sent": 5, "pending": 15}


def test_the_first_intent_of_a_day_opens_it_from_the_rung(stage: Stage) -> None:
    scene = stage.set(5, rung=0)
    stage.send(scene)
    with stage.database.begin() as session:
        assert allowance(session, scene) == (200, 5)


def test_only_what_is_proven_unsent_gets_its_token_back(stage: Stage) -> None:
    """I4: a message in doubt keeps its token, and so does one that SES refused."""
    answers: dict[int, str | SendingError] = {
        1: errors.ThrottledError("slow"),
        2: lost(),
        3: errors.MessageRejectedError("no"),
    }
    scene = stage.set(10, lambda _message, number: answers.get(number, f"fake-{number}"), rung=0)
    stage.send(scene)
    with stage.database.begin() as session:
        assert allowance(session, scene) == (200, 9)
    assert stage.states(scene) == {"sent": 7, "pending": 1, "in_doubt": 1, "failed": 1}


def test_a_new_day_goes_on_where_the_old_one_stopped(stage: Stage) -> None:
    """F31"""
    scene = stage.set(30, rung=0)
    with stage.database.begin() as session:
        allow_today(session, scene, 20)
    stage.send(scene)
    with stage.database.begin() as session:
        run(session, "UPDATE warmup_allowance SET on_day = on_day - 1")
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    with stage.database.begin() as session:
        assert [row["used"] for row in sending_domains.days(session, **scene.domain)] == [10, 20]
    assert stage.called_twice() == []


# Pause, resume, cancel


@pytest.mark.parametrize("who", ["campaign", "tenant"])
def test_a_pause_stops_within_a_window(stage: Stage, who: str) -> None:
    """F28"""

    def pause(_message: Message, number: int) -> str:
        if number == 13:
            with stage.database.begin() as session:
                if who == "campaign":
                    campaigns.move(
                        session, **scene.campaign, to=CampaignState.PAUSED, since=[CampaignState.SENDING]
                    )
                else:
                    tenants.set_state(
                        session, tenant_id=scene.tenant_id, state=TenantState.PAUSED, reason="x", actor="x"
                    )
        return f"fake-{number}"

    scene = stage.set(60, pause)
    tally = stage.send(scene, window_size=8, claim_size=40)
    assert tally.ending is Ending.STOPPED
    assert 13 <= len(stage.ses.calls) <= 16
    assert stage.states(scene) == {"sent": tally.accepted, "pending": 60 - tally.accepted}
    stage.ses.script = all_accepted
    with stage.database.begin() as session:
        run(session, "UPDATE campaign SET state = 'sending'")
        run(session, "UPDATE tenant SET state = 'active'")
    stage.send(scene)
    assert stage.states(scene) == {"sent": 60}
    assert stage.called_twice() == []


def test_a_cancelled_campaign_skips_the_rest_and_settles_what_was_called(stage: Stage) -> None:
    """F29"""

    def cancel(_message: Message, number: int) -> str | SendingError:
        if number == 5:
            steps.cancel(stage.resources(), scene.campaign_id, reason="wrong price", actor="operator")
        return lost() if number == 6 else f"fake-{number}"

    scene = stage.set(40, cancel)
    assert stage.send(scene, window_size=8, claim_size=20).ending is Ending.STOPPED
    assert stage.states(scene) == {"sent": 7, "in_doubt": 1, "skipped": 32}
    with stage.database.begin() as session:
        run(session, "UPDATE delivery SET submitted_at = submitted_at - interval '25 hours'")
    steps.settle(stage.resources(), tenant_id=scene.tenant_id)
    assert stage.states(scene) == {"sent": 7, "unconfirmed": 1, "skipped": 32}


# What SES does


def test_out_of_reach_everybody_waits_and_nobody_is_in_doubt(stage: Stage) -> None:
    """F06"""
    scene = stage.set(30, lambda _message, _number: errors.UnreachableError("no connection to SES"))
    tally = stage.send(scene)
    assert (tally.accepted, tally.in_doubt, tally.ending) == (0, 0, Ending.BLOCKED)
    assert tally.reason == "ses_unreachable"
    assert timedelta(0) < tally.wait <= timedelta(seconds=1)
    assert stage.states(scene) == {"pending": 30}
    assert len(stage.ses.calls) == 8, "one window knocked, and nobody else until the pause is over"
    with stage.database.begin() as session:
        account, _ = accounts.find(session, region=REGION)
        assert account.blocked_reason == "ses_unreachable"


def test_the_longer_ses_is_out_of_reach_the_longer_a_sender_waits(stage: Stage) -> None:
    """F06"""
    scene = stage.set(30, lambda _message, _number: errors.UnreachableError("no connection to SES"))
    waits = []
    with sender(stage.resources(), scene.campaign_id) as sending:
        for _ in range(8):
            waits.append(round(sending.send(seconds=30).wait.total_seconds()))
            pass_time(stage.database, timedelta(minutes=2))
        assert waits == [1, 2, 5, 10, 30, 60, 60, 60]
        stage.ses.script = all_accepted
        assert sending.send(seconds=30).accepted == 30
    assert stage.states(scene) == {"sent": 30}


def test_a_campaign_goes_on_by_itself_when_ses_is_back(stage: Stage) -> None:
    """F06"""
    scene = stage.set(30, lambda _message, _number: errors.UnreachableError("no connection to SES"))
    resources = stage.resources()
    status, _ = steps.conclude(resources, scene.campaign_id, stage.send(scene))
    assert (status.state, status.pending, status.in_doubt) == ("sending", 30, 0)
    assert dispatching.ready(resources) == []
    stage.ses.script = all_accepted
    pass_time(stage.database, timedelta(minutes=2))
    assert dispatching.ready(resources) == [(scene.slug, scene.campaign_id)]
    status, _ = steps.conclude(resources, scene.campaign_id, stage.send(scene))
    assert (status.state, status.sent) == ("done", 30)


def test_a_third_of_the_calls_throttled_slows_down_and_loses_nobody(stage: Stage) -> None:
    """F07"""

    def throttle(_message: Message, number: int) -> str | SendingError:
        return (
            errors.ThrottledError("Maximum sending rate exceeded.") if number % 3 == 0 else f"fake-{number}"
        )

    scene = stage.set(60, throttle)
    first, *_ = stage.send_until_done(scene, timedelta(seconds=11))
    assert (first.accepted, first.retried, first.in_doubt, first.failed) == (40, 20, 0, 0)
    assert stage.states(scene) == {"sent": 60}
    assert Counter(message.recipient for message in stage.ses.sent).most_common(1)[0][1] == 1


def test_a_brown_out_never_puts_the_list_in_doubt(stage: Stage) -> None:
    """F35"""
    answers = {"lost": True}
    scene = stage.set(200, lambda _message, number: lost() if answers["lost"] else f"fake-{number}")
    settings = {"window_size": 10, "ambiguity_pause_seconds": 1.0}
    first = stage.send(scene, **settings)
    assert (first.ending, first.reason, first.in_doubt) == (Ending.BLOCKED, "ambiguity", 10)
    time.sleep(1.1)
    probe = stage.send(scene, **settings)
    assert probe.in_doubt == 1, "after a rest a single message asks whether SES answers again"
    answers["lost"] = False
    time.sleep(1.1)
    assert stage.send(scene, **settings).ending is Ending.NOTHING_DUE
    assert stage.states(scene) == {"sent": 189, "in_doubt": 11}
    assert stage.called_twice() == []


def test_a_stretch_waits_for_throttled_messages_itself(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """F07"""
    monkeypatch.setattr(claiming, "RETRY_PATIENCE", timedelta(seconds=15))
    monkeypatch.setattr(outcomes, "THROTTLED_RETRY_SECONDS", (0.1, 0.3))
    scene = stage.set(
        10, lambda _message, number: errors.ThrottledError("rate") if number <= 4 else f"fake-{number}"
    )
    assert stage.send(scene) == Tally(accepted=10, retried=4, ending=Ending.NOTHING_DUE)
    assert stage.states(scene) == {"sent": 10}


def test_a_throttled_account_slows_by_a_third_a_second_and_recovers(stage: Stage) -> None:
    """F07"""
    scene = stage.set(8, lambda _message, _number: errors.ThrottledError("Maximum sending rate exceeded."))
    rates = []
    for _ in range(3):
        stage.send(scene)
        with stage.database.begin() as session:
            account, _ = accounts.find(session, region=REGION)
            rates.append(account.send_rate)
        # Long enough for every message's own pause, too short for the account to recover.
        pass_time(stage.database, timedelta(seconds=10))
    assert rates == pytest.approx([630_000, 441_000, 308_700], rel=0.05)
    stage.ses.script = all_accepted
    pass_time(stage.database, timedelta(seconds=60))
    stage.send(scene)
    with stage.database.begin() as session:
        account, now = accounts.find(session, region=REGION)
        assert accounts.pacing.rate(account, now) == pytest.approx(900_000)
    assert stage.states(scene) == {"sent": 8}


def test_out_of_quota_the_account_rests_and_everybody_waits(stage: Stage) -> None:
    """F08"""

    def exhausted(_message: Message, number: int) -> str | SendingError:
        return (
            f"fake-{number}" if number <= 5 else errors.QuotaExhaustedError("Daily message quota exceeded.")
        )

    scene = stage.set(40, exhausted)
    tally = stage.send(scene)
    assert (tally.accepted, tally.ending, tally.reason) == (5, Ending.QUOTA, "quota")
    assert timedelta(minutes=9) < tally.wait <= timedelta(minutes=10)
    assert stage.states(scene) == {"sent": 5, "pending": 35}
    assert len(stage.ses.calls) == 8
    stage.ses.script = all_accepted
    pass_time(stage.database, timedelta(minutes=11))
    stage.send(scene)
    assert stage.states(scene) == {"sent": 40}


def test_our_own_count_of_the_quota_stops_before_ses_does(stage: Stage) -> None:
    """F08"""
    scene = stage.set(40)
    with stage.database.begin() as session:
        an_account(session, max_24_hour_send=100.0, sent_last_24_hours=88.0)
    tally = stage.send(scene)
    assert (tally.accepted, tally.ending) == (10, Ending.QUOTA)


def test_a_suspended_account_pauses_the_campaign_and_fails_nobody(stage: Stage) -> None:
    """F09"""
    refusal = errors.SendingPausedError("Sending is paused.", error_code="AccountSuspendedException")
    scene = stage.set(40, lambda _message, _number: refusal)
    tally = stage.send(scene)
    assert (tally.ending, tally.failed, tally.in_doubt) == (Ending.STOPPED, 0, 0)
    assert stage.states(scene) == {"pending": 40}
    assert len(stage.ses.calls) == 8
    with stage.database.begin() as session:
        campaign = campaigns.find(session, **scene.campaign)
    assert (campaign.state, campaign.state_reason) == (
        "paused",
        "AccountSuspendedException: Sending is paused.",
    )


def test_a_message_that_ses_rejects_fails_alone(stage: Stage) -> None:
    """F11"""

    def reject(_message: Message, number: int) -> str | SendingError:
        rejected = errors.MessageRejectedError("no", error_code="MessageRejected")
        return rejected if number == 7 else f"fake-{number}"

    scene = stage.set(20, reject)
    assert stage.send(scene) == Tally(accepted=19, failed=1, ending=Ending.NOTHING_DUE)
    (failed,) = [row for row in stage.ledger(scene) if row["state"] == "failed"]
    assert failed["outcome_code"] == "MessageRejected"
    assert stage.called_twice() == []


def test_a_lost_answer_is_never_called_again(stage: Stage) -> None:
    """F01, F03, F05"""
    scene = stage.set(20, lambda _message, number: lost() if number in {3, 11} else f"fake-{number}")
    assert stage.send(scene) == Tally(accepted=18, in_doubt=2, ending=Ending.NOTHING_DUE)
    pass_time(stage.database, timedelta(hours=23))
    steps.settle(stage.resources(), tenant_id=scene.tenant_id)
    assert stage.send(scene).accepted == 0
    assert stage.states(scene) == {"sent": 18, "in_doubt": 2}
    pass_time(stage.database, timedelta(hours=2))
    assert steps.settle(stage.resources(), tenant_id=scene.tenant_id) == {
        "freed": 0,
        "in_doubt": 0,
        "again": 0,
        "unconfirmed": 2,
        "done": 1,
    }
    assert stage.send(scene).ending is Ending.STOPPED
    assert stage.states(scene) == {"sent": 18, "unconfirmed": 2}
    assert stage.called_twice() == []
    assert len(stage.ses.calls) == 20


def test_a_notice_that_must_arrive_is_called_again_once_the_old_call_is_dead(stage: Stage) -> None:
    """Policy `at_least_once`: a duplicate is the lesser evil. The new call takes a new token of the allowance."""
    scene = stage.set(5, lambda _message, number: lost() if number == 2 else f"fake-{number}", rung=0)
    with stage.database.begin() as session:
        run(session, "UPDATE campaign SET policy = 'at_least_once'")
    stage.send(scene)
    pass_time(stage.database, timedelta(minutes=19))
    assert steps.settle(stage.resources(), tenant_id=scene.tenant_id)["again"] == 0
    pass_time(stage.database, timedelta(minutes=2))
    assert steps.settle(stage.resources(), tenant_id=scene.tenant_id)["again"] == 1
    assert stage.send(scene).accepted == 1
    assert stage.states(scene) == {"sent": 5}
    assert len(stage.called_twice()) == 1
    with stage.database.begin() as session:
        assert allowance(session, scene) == (200, 6)


def test_what_was_learnt_of_a_call_stands_at_its_attempt(stage: Stage) -> None:
    error = errors.OutcomeUnknownError("500", error_code="InternalFailure", http_status=500, request_id="r-9")
    scene = stage.set(1, lambda _message, _number: error)
    stage.send(scene)
    with stage.database.begin() as session:
        (attempt,) = rows(
            session, "SELECT outcome, error_code, http_status, request_id FROM delivery_attempt"
        )
    assert tuple(attempt.values()) == ("lost", "InternalFailure", 500, "r-9")


def test_a_call_that_comes_too_late_is_not_made(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant M10 of the model: the worker was paused between the intent and the call."""
    scene = stage.set(4)
    monkeypatch.setattr("tasks.sending.CALL_DEADLINE_SHARE", -1.0)
    with sender(stage.resources(), scene.campaign_id) as sending:
        tally = sending.send(seconds=0.2)
    assert tally.accepted == 0
    assert tally.retried >= 4
    assert stage.ses.calls == []
    assert stage.states(scene) == {"pending": 4}
    monkeypatch.undo()
    stage.send(scene)
    assert stage.states(scene) == {"sent": 4}


# What our own side does


def test_a_contact_whose_data_does_not_fit_fails_alone_without_a_call(stage: Stage) -> None:
    scene = stage.set(10)
    with stage.database.begin() as session:
        contact = a_contact(session, scene, attributes={"last_name": "Ann"})
        other = a_campaign(session, scene)
        plan(session, other)
    assert stage.send(other) == Tally(accepted=10, failed=1, ending=Ending.NOTHING_DUE)
    (failed,) = [row for row in stage.ledger(other) if row["state"] == "failed"]
    assert (failed["contact_id"], failed["outcome_code"]) == (contact.id, "template_undefined")
    assert (failed["attempt_no"], failed["attempt_id"]) == (0, None)


def test_a_subject_that_would_smuggle_in_a_header_fails_alone(stage: Stage) -> None:
    """T06"""
    scene = stage.set(2)
    with stage.database.begin() as session:
        a_contact(session, scene, attributes={"first_name": "=?utf-8?q?Hi=0D=0ABcc:_x@example.net?="})
        other = a_campaign(session, scene)
        plan(session, other)
    assert stage.send(other) == Tally(accepted=2, failed=1, ending=Ending.NOTHING_DUE)
    (failed,) = [row for row in stage.ledger(other) if row["state"] == "failed"]
    assert failed["outcome_code"] == "header_invalid"


def test_an_intent_whose_commit_is_lost_is_not_called(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """F21: nobody knows whether the intents exist, so nobody calls; the reaper settles them."""
    scene = stage.set(4)
    begin = deliveries.begin

    def begin_and_lose(*arguments: object, **keywords: object) -> list[deliveries.Attempt]:
        begin(*arguments, **keywords)
        raise ConnectionError("the database has gone")

    monkeypatch.setattr(deliveries, "begin", begin_and_lose)
    with pytest.raises(ConnectionError):
        stage.send(scene)
    assert stage.ses.calls == []
    monkeypatch.undo()
    assert stage.states(scene) == {"pending": 4}


# A killed process

KILLED = """
    import os, sys
    from pathlib import Path
    from store.session import Database
    from tasks.sending import sender
    from tests.fakes import FakeSes, some_resources

    url, campaign_id, log, last = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])

    def accept_and_die(message, number):
        if number == last and os.environ["DIES"] == "before":
            os._exit(9)
        with log.open("a") as file:
            file.write(message.recipient + chr(10))
        if number == last:
            os._exit(9)
        return f"killed-{number}"

    resources = some_resources(Database(url), log.parent, FakeSes(accept_and_die))
    with sender(resources, campaign_id) as sending:
        sending.send(seconds=30)
"""


@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("call", [1, 10, 27])
def test_a_process_that_dies_in_a_call_doubles_and_loses_nobody(
    stage: Stage, database_url: str, tmp_path: Path, project: Path, call: int, dies: str
) -> None:
    """F14, F15 in small: killed around its n-th acceptance, then reaped, then carried on by another process."""
    scene = stage.set(40)
    log = tmp_path / "accepted.txt"
    log.touch()
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(KILLED),
            database_url,
            str(scene.campaign_id),
            str(log),
            str(call),
        ],
        cwd=project,
        env={**os.environ, "DIES": dies, "PYTHONPATH": str(project)},
        check=False,
        timeout=60,
    )
    assert killed.returncode == 9
    assert stage.states(scene).get("submitting"), "it died with calls under way"
    steps.settle(stage.resources(), tenant_id=scene.tenant_id)
    assert stage.send(scene).in_doubt == 0
    pass_time(stage.database, timedelta(minutes=6))
    steps.settle(stage.resources(), tenant_id=scene.tenant_id)
    stage.send(scene)
    ends = stage.states(scene)
    assert ends.keys() <= {"sent", "in_doubt"}
    assert 1 <= ends["in_doubt"] <= 8, "no more than a window is in doubt"
    accepted = Counter(log.read_text().split()) + Counter(stage.ses.recipients)
    assert set(accepted.values()) == {1}, "nobody twice"
    recorded = {str(row["address"]) for row in stage.ledger(scene) if row["state"] == "sent"}
    assert recorded <= set(accepted), "nobody is called sent who was not accepted"
    assert len(accepted) >= 40 - ends["in_doubt"], "nobody lost but those in doubt"


def test_a_worker_that_died_between_claim_and_intent_leaves_no_doubt(stage: Stage) -> None:
    """F27"""
    scene = stage.set(10)
    with stage.database.begin() as session:
        deliveries.claim(
            session, **scene.campaign, token="dead", shares={OTHER: 6}, lease=timedelta(seconds=300)
        )
    pass_time(stage.database, timedelta(seconds=301))
    assert steps.settle(stage.resources(), tenant_id=scene.tenant_id)["freed"] == 6
    stage.send(scene)
    assert stage.states(scene) == {"sent": 10}


def test_the_database_holds_the_attempt_before_the_call_leaves(stage: Stage) -> None:
    """The one thing that everything hangs on: intent first."""
    seen: list[tuple[str, bool]] = []

    def look(message: Message, number: int) -> str:
        with stage.database.begin() as session:
            row = one(
                session,
                "SELECT state, attempt_id FROM delivery WHERE id = :id",
                id=int(message.tags["delivery"]),
            )
        assert row is not None
        seen.append((row["state"], row["attempt_id"] == message.tags["attempt"]))
        return f"fake-{number}"

    scene = stage.set(12, look)
    stage.send(scene)
    assert seen == [("submitting", True)] * 12
