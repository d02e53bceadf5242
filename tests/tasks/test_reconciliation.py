"""Reconciliation against the simulator of SES, which loses, delays, repeats and shuffles its reports: each gap is named."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from core.errors import SendingError
from core.gaps import Gap
from core.suppression import Reason
from gateways.queues import dead_letters_of, ensure_event_pipeline
from gateways.ses import Ses
from gateways.sqs import Queue
from store import reconciliation as records
from store import seed_sends
from store.session import Database, one, run
from tasks import event_canaries, events, reconciliation
from tasks.reconciliation import Report, Wish
from tasks.resources import Resources
from tests.builders import Scene, an_account, key_of, suppress
from tests.fakes import FakeLists, FakeSes, a_quota
from tests.mailed import an_event
from tests.simulated import Simulated, a_simulator
from tests.stage import Stage


QUEUES = ("posthouse-critical", "posthouse-engagement")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sequence[Queue]]:
    """The queues with their dead-letter queues, empty."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    with mock_aws():
        ensure_event_pipeline(QUEUES)
        yield [Queue(name) for name in QUEUES]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file to which the simulator publishes, out of order and often twice."""
    return tmp_path_factory.mktemp("events") / "events.jsonl"


@pytest.fixture(scope="module")
def simulator(reported: Path) -> Iterator[Simulated]:
    profile = reported.with_name("profile.json")
    # Who takes everything: a bounce would suppress somebody, which is another gap.
    profile.write_text(json.dumps({"*": {"hard_bounce": 0.0, "soft_bounce": 0.0, "complaint": 0.0}}))
    arguments = ("--event-log", str(reported), "--seed", "11", "--duplicate-rate", "0.4", "--reorder")
    arguments += ("--profile", str(profile))
    with a_simulator(*arguments, "--event-delay-seconds", "0.0", "0.1") as simulated:
        yield simulated


@pytest.fixture
def simulated(
    simulator: Simulated, reported: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> Simulated:
    """SES with a clean slate, to which the stage sends."""
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    simulator.reset()
    reported.write_text("")
    stage.ses = Ses(calls_in_flight=4)
    return simulator


def documents(simulated: Simulated, reported: Path) -> list[str]:
    """What SES has published, all of it."""
    assert simulated.control("POST", "flush")["drained"]
    return reported.read_text().splitlines()


def tell(resources: Resources, tmp_path: Path, told: Sequence[str]) -> None:
    file = tmp_path / "told.jsonl"
    file.write_text("\n".join(told))
    events.ingest_files(resources, [file])


def let_pass(database: Database, pause: timedelta) -> None:
    """Let time pass: calls, what is in the inbox, tests and earlier reconciliations become older."""
    with database.begin() as session:
        run(session, "UPDATE delivery_attempt SET started_at = started_at - :pause", pause=pause)
        run(session, "UPDATE inbox_event SET received_at = received_at - :pause", pause=pause)
        run(session, "UPDATE seed_send SET started_at = started_at - :pause", pause=pause)
        run(session, "UPDATE delivery SET submitted_at = submitted_at - :pause", pause=pause)
        # Hours are whole ones, and the pause may not be: so that none is counted twice, all are counted anew.
        run(
            session,
            "UPDATE reconciliation SET ran_at = ran_at - interval '8 days', lists_at = lists_at - :pause",
            pause=pause,
        )
        run(session, "DELETE FROM reconciled_hour")


def gaps(report: Report) -> dict[Gap, int]:
    return {finding.gap: finding.count for finding in report.findings}


def a_quiet(stage: Stage, *, sent: int = 0) -> Resources:
    """A process whose SES has counted so many."""
    resources = stage.resources()
    if isinstance(stage.ses, FakeSes):
        stage.ses._quota = a_quota(sent_last_24_hours=sent)
    return resources


# What was accepted against what was reported


def test_nothing_is_named_when_everything_comes_late_but_in_time_in_any_order_and_twice(
    stage: Stage, simulated: Simulated, reported: Path, tmp_path: Path
) -> None:
    """E01, E02"""
    scene = stage.set(40)
    stage.send(scene)
    resources = a_quiet(stage)
    told = documents(simulated, reported)
    assert len(told) > len(set(told)), "some were published twice"
    assert gaps(reconciliation.run(resources)) == {}
    let_pass(stage.database, 25 * MINUTE)
    assert gaps(reconciliation.run(resources)) == {}
    tell(resources, tmp_path, told)
    let_pass(stage.database, 25 * MINUTE)
    report = reconciliation.run(resources)
    assert gaps(report) == {}
    assert report.words == "nothing is missing: SES has reported 40 of 40 accepted messages"


def test_lost_events_are_counted_to_the_message_and_listed_by_campaign(
    stage: Stage, simulated: Simulated, reported: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F36"""
    simulated.fault("lose_events", probability=0.3)
    scene = stage.set(60)
    stage.send(scene)
    lost = _lost(simulated, reported)
    assert 5 < lost < 40
    resources = a_quiet(stage)
    tell(resources, tmp_path, documents(simulated, reported))
    let_pass(stage.database, 40 * MINUTE)
    with caplog.at_level(logging.WARNING):
        report = reconciliation.run(resources)
    assert gaps(report) == {Gap.OVERDUE: lost}
    assert (
        f"{scene.slug}: {lost} messages that SES accepted were not reported after 30 minutes" in caplog.text
    )
    assert "@" not in caplog.text
    listed = reconciliation.overdue(resources, tenant_slug=scene.slug)
    assert len(listed) == lost
    assert {line["campaign_id"] for line in listed} == {scene.campaign_id}
    assert all(2300 < line["age"] < 2600 for line in listed)


def _lost(simulated: Simulated, reported: Path) -> int:
    """How many accepted messages no published event is about."""
    told = {json.loads(line)["mail"]["messageId"] for line in documents(simulated, reported)}
    return len({one["ses_message_id"] for one in simulated.accepted()} - told)


def test_a_lost_engagement_stream_is_seen_when_ses_has_stopped_trying(
    stage: Stage, simulated: Simulated, reported: Path, tmp_path: Path
) -> None:
    scene = stage.set(20)
    stage.send(scene)
    resources = a_quiet(stage)
    sends = [line for line in documents(simulated, reported) if json.loads(line)["eventType"] == "Send"]
    tell(resources, tmp_path, sends)
    let_pass(stage.database, timedelta(hours=10))
    assert gaps(reconciliation.run(resources)) == {}
    let_pass(stage.database, timedelta(hours=8))
    assert gaps(reconciliation.run(resources)) == {Gap.UNSETTLED: 20}


def test_an_hour_that_is_complete_is_not_counted_again_and_one_that_lacks_something_is(
    stage: Stage, tmp_path: Path
) -> None:
    scene = stage.set(6)
    stage.send(scene)
    resources = a_quiet(stage, sent=6)
    (first, *others) = stage.ledger(scene)
    _settle(stage, scene, [row["id"] for row in others])
    with stage.database.begin() as session:
        run(session, "UPDATE delivery_attempt SET started_at = started_at - interval '5 hours'")
        run(
            session,
            "INSERT INTO reconciliation (is_well, words, ran_at) VALUES (true, '', now() - interval '6 hours')",
        )
    assert gaps(reconciliation.run(resources)) == {Gap.OVERDUE: 1}
    _settle(stage, scene, [first["id"]])
    assert gaps(reconciliation.run(resources)) == {Gap.OVERDUE: 1}, "an eighth of its age has not passed"
    with stage.database.begin() as session:
        run(session, "UPDATE reconciled_hour SET counted_at = counted_at - interval '1 hour'")
    assert gaps(reconciliation.run(resources)) == {}
    with stage.database.begin() as session:
        run(session, "DELETE FROM delivery_fact")
        run(session, "UPDATE reconciled_hour SET counted_at = counted_at - interval '3 hours'")
    assert gaps(reconciliation.run(resources, Wish(is_thorough=True))) == {}, "all was known of it"


def _settle(stage: Stage, scene: Scene, delivery_ids: Sequence[object]) -> None:
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT :tenant_id, id, fact, now(), now()
               FROM unnest(CAST(:ids AS bigint[])) AS id, unnest(ARRAY['sent', 'delivery']) AS fact""",
            tenant_id=scene.tenant_id,
            ids=list(delivery_ids),
        )


def test_accepted_calls_are_found_by_their_time_through_an_index(stage: Stage) -> None:
    scene = stage.set(1)
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id, started_at)
               SELECT tenant_id, 'attempt ' || n, id, now() - interval '60 days' + n * interval '1 minute'
               FROM delivery, generate_series(1, 86400) AS n""",
        )
    with stage.database.begin() as session:
        run(session, "ANALYZE delivery_attempt")
        plan = run(
            session,
            """EXPLAIN SELECT count(*) FROM delivery_attempt a
               WHERE a.tenant_id = :tenant_id AND a.started_at >= now() - interval '1 hour' AND a.started_at < now()""",
            tenant_id=scene.tenant_id,
        ).scalars()
        assert any("delivery_attempt_lately" in line for line in plan)


def test_who_stops_when_blind_is_told_how_blind(stage: Stage) -> None:
    scene = stage.set(5)
    stage.send(scene)
    resources = a_quiet(stage)
    assert reconciliation.unheard(resources, tenant_id=scene.tenant_id).accepted == 0, "they are on their way"
    let_pass(stage.database, 20 * MINUTE)
    found = reconciliation.unheard(resources, tenant_id=scene.tenant_id)
    assert (found.accepted, found.untold) == (5, 5)
    assert 20 * MINUTE <= found.oldest < 21 * MINUTE


# What waits


def test_events_without_a_send_are_named_after_a_while(stage: Stage, tmp_path: Path) -> None:
    """E04"""
    resources = a_quiet(stage)
    tell(resources, tmp_path, [an_event("delivery", None), an_event("bounce_permanent_general", None)])
    assert gaps(reconciliation.run(resources)) == {}
    let_pass(stage.database, 20 * MINUTE)
    assert gaps(reconciliation.run(resources)) == {Gap.ORPHANS: 2}


def test_what_was_put_aside_is_named_with_its_reason(stage: Stage) -> None:
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO inbox_event (dedupe_key, source, raw, error, quarantined_at)
               VALUES ('k', 'test', '{}', 'the event is about no message', now())""",
        )
    (finding,) = reconciliation.run(a_quiet(stage)).findings
    assert finding.message == (
        "1 events of the last day are in quarantine, mostly: the event is about no message"
    )


def test_stored_events_that_nobody_applies_are_named(stage: Stage) -> None:
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO inbox_event (dedupe_key, source, raw, received_at)
               VALUES ('k', 'test', '{}', now() - interval '1 hour')""",
        )
    assert gaps(reconciliation.run(a_quiet(stage))) == {Gap.INBOX_BEHIND: 1}


def test_dead_letters_are_named(stage: Stage, queues: Sequence[Queue]) -> None:
    """E07"""
    dead = Queue(dead_letters_of(queues[0].name))
    dead._client.send_message(QueueUrl=dead._url, MessageBody="unreadable")
    assert gaps(reconciliation.run(a_quiet(stage))) == {Gap.DEAD_LETTERS: 1}


def test_a_queue_that_waits_is_named_when_what_was_taken_last_had_waited_long(
    stage: Stage, queues: Sequence[Queue]
) -> None:
    queues[1]._client.send_message(QueueUrl=queues[1]._url, MessageBody="waits")
    resources = a_quiet(stage)
    assert gaps(reconciliation.run(resources)) == {}
    late = Wish(waited={queues[1].name: timedelta(hours=2)})
    assert gaps(reconciliation.run(resources, late)) == {Gap.QUEUE: 1}


def test_a_queue_that_is_gone_is_named(stage: Stage, queues: Sequence[Queue]) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=queues[0]._url)
    (finding,) = reconciliation.run(a_quiet(stage)).findings
    assert finding.gap is Gap.QUEUE
    assert (
        finding.message == "queue posthouse-critical cannot be used: AWS.SimpleQueueService.NonExistentQueue"
    )


# The event canary


def test_a_canary_is_sent_when_mail_is_overdue_and_tells_which_stream_is_gone(
    stage: Stage, simulated: Simulated, reported: Path, tmp_path: Path
) -> None:
    simulated.fault("lose_events", match={"to_domain": "example.net"})
    scene = stage.set(12)
    stage.send(scene)
    resources = a_quiet(stage)
    let_pass(stage.database, 40 * MINUTE)
    assert gaps(reconciliation.run(resources)) == {Gap.OVERDUE: 12}
    told = [json.loads(line) for line in documents(simulated, reported)]
    assert {event["mail"]["destination"][0] for event in told} == {"success@simulator.amazonses.com"}
    assert gaps(reconciliation.run(resources)) == {Gap.OVERDUE: 12}, (
        "no second canary, and the first has time"
    )
    assert len(simulated.accepted()) == 13
    sends = [line for line in documents(simulated, reported) if json.loads(line)["eventType"] == "Send"]
    tell(resources, tmp_path, sends)
    let_pass(stage.database, 20 * MINUTE)
    report = reconciliation.run(resources)
    assert gaps(report)[Gap.CANARY] == 1
    assert "has not come back by the engagement stream" in report.findings[0].message


def test_a_canary_that_comes_back_says_that_single_events_were_lost(
    stage: Stage, simulated: Simulated, reported: Path, tmp_path: Path
) -> None:
    simulated.fault("lose_events", match={"to_domain": "example.net"})
    scene = stage.set(12)
    stage.send(scene)
    resources = a_quiet(stage)
    let_pass(stage.database, 40 * MINUTE)
    reconciliation.run(resources)
    tell(resources, tmp_path, documents(simulated, reported))
    assert gaps(reconciliation.run(resources)) == {Gap.OVERDUE: 12}
    canary = event_canaries.newest(resources, tenant_id=scene.tenant_id, slug=scene.slug)
    assert canary is not None
    assert canary.missing == []


def test_a_canary_that_cannot_be_sent_says_why(stage: Stage) -> None:
    scene = stage.set(3)
    stage.send(scene)
    let_pass(stage.database, 40 * MINUTE)
    with stage.database.begin() as session:
        run(session, "UPDATE tenant SET state = 'paused', state_reason = 'bounces'")
    found = {finding.gap: finding.message for finding in reconciliation.run(a_quiet(stage, sent=3)).findings}
    assert found[Gap.CANARY] == "the event canary could not be sent: the tenant is paused: bounces"


def test_an_idle_tenant_costs_no_canary_and_no_row(stage: Stage) -> None:
    scene = stage.set(3)
    resources = a_quiet(stage)
    assert gaps(reconciliation.run(resources)) == {}
    with stage.database.begin() as session:
        assert records.hours_of(session, tenant_id=scene.tenant_id, slug=scene.slug) == []
        assert one(session, "SELECT count(*) AS n FROM seed_send") == {"n": 0}
    assert isinstance(stage.ses, FakeSes)
    assert stage.ses.calls == []


# Counts and lists


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        pytest.param(0, {}, id="few are never a gap"),
        pytest.param(500, {Gap.COUNT: 500}, id="SES has counted more than the ledger knows"),
    ],
)
def test_our_count_is_held_against_that_of_ses(stage: Stage, sent: int, counted: dict[Gap, int]) -> None:
    assert gaps(reconciliation.run(a_quiet(stage, sent=sent))) == counted


def test_a_ses_that_does_not_answer_is_named(stage: Stage) -> None:
    stage.ses = FakeSes(quota=SendingError("SES does not answer", error_code="EndpointConnectionError"))
    stage.set(1)
    assert gaps(reconciliation.run(stage.resources())) == {Gap.COUNT: 1}


def with_lists(stage: Stage, **of: Sequence[str]) -> tuple[Resources, FakeLists]:
    resources = a_quiet(stage)
    lists = resources.suppression_lists
    assert isinstance(lists, FakeLists)
    lists.of = {name or None: list(listed) for name, listed in of.items()}
    return resources, lists


def test_who_is_suppressed_at_one_of_the_two_alone_is_counted_in_both_directions(stage: Stage) -> None:
    scene = stage.set(5)
    with stage.database.begin() as session:
        addresses = [row["address"] for row in stage.ledger(scene)]
        suppress(session, scene, addresses[0], Reason.HARD_BOUNCE)
        suppress(session, scene, addresses[1], Reason.COMPLAINT)
        suppress(session, scene, addresses[2], Reason.UNSUBSCRIBE)
    resources, lists = with_lists(stage)
    lists.of = {
        scene.slug: [addresses[0], addresses[3].upper(), "stranger@example.org"],
        None: [addresses[4]],
    }
    report = reconciliation.run(resources)
    assert [(finding.gap, finding.tenant, finding.count) for finding in report.findings] == [
        (Gap.SUPPRESSED_THERE, "", 1),
        (Gap.SUPPRESSED_HERE, scene.slug, 1),
        (Gap.SUPPRESSED_THERE, scene.slug, 1),
    ]
    assert key_of(addresses[3].upper()) == key_of(addresses[3])
    assert not any(address in str(report.as_json()) for address in addresses)


def test_a_backstop_that_nobody_uses_is_no_gap(stage: Stage) -> None:
    scene = stage.set(2)
    with stage.database.begin() as session:
        suppress(session, scene, stage.ledger(scene)[0]["address"], Reason.HARD_BOUNCE)
    resources, lists = with_lists(stage)
    lists.of = {scene.slug: ["stranger@example.org"]}
    assert gaps(reconciliation.run(resources)) == {}


def test_who_is_suppressed_everywhere_is_no_gap_on_the_accounts_list(stage: Stage) -> None:
    scene = stage.set(2)
    resources, lists = with_lists(stage)
    lists.of = {None: [row["address"] for row in stage.ledger(scene)]}
    with stage.database.begin() as session:
        run(
            session,
            "INSERT INTO global_suppression (recipient_key, reason) VALUES (:key, 'complaint')",
            key=key_of(stage.ledger(scene)[0]["address"]),
        )
    assert gaps(reconciliation.run(resources)) == {Gap.SUPPRESSED_THERE: 1}


def test_lists_are_read_once_a_day_and_told_every_hour(stage: Stage) -> None:
    scene = stage.set(2)
    resources, lists = with_lists(stage)
    lists.of = {scene.slug: [stage.ledger(scene)[0]["address"]]}
    for _ in range(3):
        assert gaps(reconciliation.run(resources)) == {Gap.SUPPRESSED_THERE: 1}
        let_pass(stage.database, timedelta(hours=7))
    assert Counter(lists.asked) == {scene.slug: 1, None: 1}
    let_pass(stage.database, timedelta(hours=7))
    reconciliation.run(resources)
    assert Counter(lists.asked) == {scene.slug: 2, None: 2}


def test_a_list_that_may_not_be_read_is_a_gap(stage: Stage) -> None:
    stage.set(1)
    resources, lists = with_lists(stage)
    lists.refusal = SendingError("AccessDenied", error_code="AccessDeniedException")
    assert gaps(reconciliation.run(resources)) == {Gap.SUPPRESSED_THERE: 1}


# Doubt, and the history


def test_doubt_past_its_time_and_what_was_given_up_are_named(stage: Stage) -> None:
    """F03"""
    scene = stage.set(2)
    with stage.database.begin() as session:
        run(
            session,
            """UPDATE delivery SET state = 'in_doubt', attempt_id = 'a', lease_until = now(),
                   submitted_at = now() - interval '5 hours'
               WHERE id = (SELECT min(id) FROM delivery)""",
        )
    report = reconciliation.run(a_quiet(stage), Wish(unconfirmed={scene.slug: 3}))
    assert gaps(report) == {Gap.DOUBT: 1, Gap.UNCONFIRMED: 3}


def test_runs_are_kept_and_the_old_ones_forgotten(stage: Stage) -> None:
    resources = a_quiet(stage)
    with stage.database.begin() as session:
        run(
            session,
            "INSERT INTO reconciliation (is_well, words, ran_at) VALUES (true, 'old', now() - interval '91 days')",
        )
        an_account(session)
    reconciliation.run(resources)
    reconciliation.run(resources, Wish(unconfirmed={}))
    kept = reconciliation.history(resources)
    assert [(each.is_well, each.words) for each in kept] == [
        (True, "nothing is missing: nothing was sent lately, and nothing waits"),
        (True, "nothing is missing: nothing was sent lately, and nothing waits"),
    ]


def test_a_canarys_events_count_in_no_campaign(stage: Stage) -> None:
    scene = stage.set(1)
    resources = a_quiet(stage)
    assert event_canaries.send(resources, tenant_id=scene.tenant_id) == ""
    with stage.database.begin() as session:
        tests = one(session, "SELECT test_id FROM seed_send")
        assert tests is not None
        assert seed_sends.known(session, tenant_id=scene.tenant_id, test_ids=[tests["test_id"]])
    assert isinstance(stage.ses, FakeSes)
    (message,) = stage.ses.calls
    assert message.recipient == "success@simulator.amazonses.com"
    assert "delivery" not in message.tags
