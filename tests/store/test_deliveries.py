"""The ledger: every statement moves what it should, and nothing that somebody else owns."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.campaigns import CampaignState
from core.deliveries import Move
from core.providers import OTHER
from core.suppression import Reason
from core.tenants import TenantState
from store import campaigns, deliveries, doubt, leases, skips, tenants, waits
from store.deliveries import Attempt, Outcome, Position
from store.session import Database, one, rows, run
from tests.builders import (
    Scene,
    a_campaign,
    a_contact,
    a_scene,
    ledger,
    plan,
    some_contacts,
    states,
    suppress,
)


LEASE = timedelta(seconds=90)
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)  # of a delivery that waits for no moment


@pytest.fixture
def scene(session: Session) -> Scene:
    """A planned campaign to three people."""
    scene = a_scene(session, contacts=3)
    plan(session, scene)
    return scene


def claim(session: Session, scene: Scene, token: str = "mine", limit: int = 10) -> list[int]:
    claimed = deliveries.claim(session, **scene.campaign, token=token, shares={OTHER: limit}, lease=LEASE)
    return [delivery.delivery_id for delivery in claimed]


def begin(session: Session, scene: Scene, *attempts: Attempt, token: str = "mine") -> list[Attempt]:
    return deliveries.begin(session, tenant_id=scene.tenant_id, token=token, attempts=attempts, lease=LEASE)


def begun(session: Session, scene: Scene, attempt_id: str = "a1") -> Attempt:
    """One delivery whose call may happen."""
    (delivery_id,) = claim(session, scene, limit=1)
    (attempt,) = begin(session, scene, Attempt(delivery_id, attempt_id))
    return attempt


def again(session: Session, scene: Scene, attempt: Attempt, attempt_id: str = "a2") -> Attempt:
    """The same delivery's next attempt, after the last was refuted."""
    record(session, scene, Outcome(attempt, Move.NOT_SENT, "throttled"))
    (delivery_id,) = claim(session, scene, limit=1)
    assert delivery_id == attempt.delivery_id
    (next_attempt,) = begin(session, scene, Attempt(delivery_id, attempt_id))
    return next_attempt


def record(session: Session, scene: Scene, *outcomes: Outcome) -> int:
    return deliveries.record_outcomes(session, tenant_id=scene.tenant_id, outcomes=outcomes).total()


def accept(session: Session, scene: Scene, attempt: Attempt, ses_message_id: str = "ses-1") -> None:
    deliveries.record_accepted(session, tenant_id=scene.tenant_id, accepted=[(attempt, ses_message_id)])


def force(session: Session, attempt: Attempt, state: str) -> None:
    run(session, "UPDATE delivery SET state = :state WHERE id = :id", state=state, id=attempt.delivery_id)


def row_of(session: Session, delivery_id: int) -> dict[str, Any]:
    row = one(session, "SELECT * FROM delivery WHERE id = :id", id=delivery_id)
    assert row is not None
    return dict(row)


def age(session: Session, **moved: timedelta) -> None:
    """Move a column of every delivery into the past."""
    for column, pause in moved.items():
        run(session, f"UPDATE delivery SET {column} = {column} - :pause", pause=pause)


# Claim


def test_a_claim_takes_what_waits_in_order_of_id_and_brings_what_rendering_needs(
    session: Session, scene: Scene
) -> None:
    expected = [(row["id"], row["contact_id"], row["address"]) for row in ledger(session, scene)][:2]
    claimed = deliveries.claim(session, **scene.campaign, token="mine", shares={OTHER: 2}, lease=LEASE)
    assert sorted((each.delivery_id, each.contact_id, each.address) for each in claimed) == expected
    assert [each.attributes for each in claimed] == [{"first_name": "Ann"}] * 2
    assert states(session, scene) == {"claimed": 2, "pending": 1}


def test_a_claimed_delivery_is_not_claimed_again(session: Session, scene: Scene) -> None:
    assert len(claim(session, scene)) == 3
    assert claim(session, scene, token="theirs") == []


def test_a_claim_leaves_those_who_have_to_wait(session: Session, scene: Scene) -> None:
    first, second, third = (row["id"] for row in ledger(session, scene))
    for delivery_id, seconds in ((first, 60), (second, -60)):
        run(
            session,
            "UPDATE delivery SET not_before = now() + :ahead WHERE id = :id",
            ahead=timedelta(seconds=seconds),
            id=delivery_id,
        )
    assert sorted(claim(session, scene)) == [second, third]


def test_a_claim_is_for_one_campaign_of_one_tenant(session: Session, scene: Scene) -> None:
    other = a_campaign(session, scene)
    stranger = a_scene(session, contacts=1)
    plan(session, stranger)
    assert claim(session, other) == []
    assert deliveries.claim(
        session, tenant_id=stranger.tenant_id, campaign_id=scene.campaign_id, token="x", shares={OTHER: 9}, lease=LEASE
    ) == []  # fmt: skip


def test_two_workers_never_claim_the_same_delivery(database: Database) -> None:
    """F17"""
    with database.begin() as session:
        scene = a_scene(session, contacts=200)
        plan(session, scene)
    barrier = Barrier(4, timeout=10)
    claims: list[list[int]] = []

    def work(token: str) -> None:
        barrier.wait()
        while True:
            with database.begin() as session:
                found = claim(session, scene, token=token, limit=7)
            if not found:
                return
            claims.append(found)

    threads = [Thread(target=work, args=(f"worker {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    taken = [delivery_id for found in claims for delivery_id in found]
    assert len(taken) == len(set(taken)) == 200


def test_a_delivery_that_another_worker_is_reserving_is_passed_over(database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=3)
        plan(session, scene)
    with database.begin() as mine:
        first = claim(mine, scene, token="mine", limit=2)
        with database.begin() as theirs:
            second = claim(theirs, scene, token="theirs", limit=10)
    assert (len(first), len(second)) == (2, 1)
    assert not set(first) & set(second)


@pytest.mark.parametrize(
    ("change", "may"),
    [
        pytest.param("SELECT 1", True, id="all is well"),
        pytest.param("UPDATE campaign SET state = 'paused' WHERE id = :campaign_id", False, id="paused"),
        pytest.param(
            "UPDATE campaign SET planned_at = NULL WHERE id = :campaign_id", False, id="not planned"
        ),
        pytest.param("UPDATE tenant SET state = 'paused' WHERE id = :tenant_id", False, id="tenant paused"),
    ],
)
def test_a_campaign_is_sent_while_it_and_its_tenant_may(
    session: Session, scene: Scene, change: str, *, may: bool
) -> None:
    run(session, change, **scene.campaign)
    assert deliveries.may_send(session, **scene.campaign) is may


def test_a_paused_tenant_stops_its_own_campaigns_alone(session: Session, scene: Scene) -> None:
    stranger = a_scene(session)
    plan(session, stranger)
    tenants.set_state(
        session, tenant_id=stranger.tenant_id, state=TenantState.PAUSED, reason="bounces", actor="breaker"
    )
    assert deliveries.may_send(session, **scene.campaign)
    assert not deliveries.may_send(session, **stranger.campaign)


# Intent


def test_a_begun_delivery_has_a_fresh_attempt_and_a_row_for_it(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["attempt_id"], row["attempt_no"]) == ("submitting", "a1", 1)
    assert row["submitted_at"] + LEASE - row["lease_until"] < timedelta(seconds=1)
    attempts = rows(session, "SELECT attempt_id, delivery_id, outcome FROM delivery_attempt")
    assert [tuple(found.values()) for found in attempts] == [("a1", attempt.delivery_id, None)]


def test_a_lost_claim_is_not_begun(session: Session, scene: Scene) -> None:
    """Mutant M7 of the model: without this a row is called twice."""
    mine, theirs, _ = claim(session, scene)
    run(session, "UPDATE delivery SET claim_token = 'theirs' WHERE id = :id", id=theirs)
    wanted = [Attempt(mine, "a1"), Attempt(theirs, "a2")]
    assert begin(session, scene, *wanted) == [Attempt(mine, "a1")]
    assert row_of(session, theirs)["state"] == "claimed"
    assert rows(session, "SELECT 1 FROM delivery_attempt WHERE attempt_id = 'a2'") == []


@pytest.mark.parametrize("state", ["pending", "submitting", "sent", "in_doubt", "unconfirmed", "failed"])
def test_only_a_claimed_delivery_is_begun(session: Session, scene: Scene, state: str) -> None:
    """M7: the reaper freed it, or an event proved that SES has it."""
    attempt = begun(session, scene)
    force(session, attempt, state)
    run(session, "UPDATE delivery SET claim_token = 'mine' WHERE id = :id", id=attempt.delivery_id)
    assert begin(session, scene, Attempt(attempt.delivery_id, "a9")) == []
    assert row_of(session, attempt.delivery_id)["attempt_id"] == "a1"


def test_nothing_is_begun_when_nothing_is_wanted(session: Session, scene: Scene) -> None:
    assert begin(session, scene) == []


@pytest.mark.parametrize("place", [0, 2, 4], ids=["first", "in between", "last"])
def test_who_was_suppressed_after_planning_is_skipped_for_the_strongest_reason(
    session: Session, scene: Scene, place: int
) -> None:
    """F30"""
    contact = a_contact(session, scene, "late@example.net")
    fresh = a_campaign(session, scene)
    plan(session, fresh)
    claimed = claim(session, fresh)
    reasons = [Reason.IMPORT, Reason.SOFT_BOUNCE, Reason.HARD_BOUNCE, Reason.MANUAL]
    reasons.insert(place, Reason.UNSUBSCRIBE)
    for reason in reasons:
        suppress(session, scene, "late@example.net", reason)
    skipped = skip(session, fresh, claimed)
    (row,) = [row for row in ledger(session, fresh) if row["contact_id"] == contact.id]
    assert skipped == {row["id"]}
    assert (row["state"], row["skip_reason"], row["resolved_by"]) == ("skipped", "unsubscribed", "policy")
    assert (row["claim_token"], row["lease_until"]) == (None, None)
    assert states(session, fresh) == {"claimed": 3, "skipped": 1}


def skip(session: Session, scene: Scene, delivery_ids: Sequence[int], token: str = "mine") -> set[int]:
    return skips.skip_suppressed(
        session,
        tenant_id=scene.tenant_id,
        audience_id=scene.audience_id,
        token=token,
        delivery_ids=delivery_ids,
    )


def test_a_suppression_that_does_not_hold_skips_nobody(session: Session, scene: Scene) -> None:
    """Expired, of another audience, of another tenant."""
    addresses = [row["address"] for row in ledger(session, scene)]
    other = a_scene(session)
    run(
        session,
        "INSERT INTO audience (tenant_id, name) VALUES (:tenant_id, 'others')",
        tenant_id=scene.tenant_id,
    )
    found = one(
        session, "SELECT id FROM audience WHERE tenant_id = :id AND name = 'others'", id=scene.tenant_id
    )
    assert found is not None
    suppress(session, scene, addresses[0], Reason.SOFT_BOUNCE)
    run(session, "UPDATE suppression SET expires_at = now() - interval '1 second'")
    suppress(session, scene, addresses[1], Reason.UNSUBSCRIBE, audience_id=found["id"])
    suppress(session, other, addresses[2], Reason.COMPLAINT)
    assert skip(session, scene, claim(session, scene)) == set()


def test_only_a_claim_of_ones_own_is_skipped(session: Session, scene: Scene) -> None:
    claimed = claim(session, scene, token="theirs")
    suppress(session, scene, ledger(session, scene)[0]["address"], Reason.COMPLAINT)
    assert skip(session, scene, claimed) == set()


def test_a_claim_that_is_given_back_waits_again(session: Session, scene: Scene) -> None:
    claim(session, scene, token="theirs", limit=1)
    first, _ = claim(session, scene)
    begin(session, scene, Attempt(first, "a1"))
    assert (
        deliveries.release(
            session,
            tenant_id=scene.tenant_id,
            token="mine",
            delivery_ids=[row["id"] for row in ledger(session, scene)],
        )
        == 1
    )
    assert states(session, scene) == {"claimed": 1, "submitting": 1, "pending": 1}


def test_what_cannot_be_rendered_fails_without_an_attempt(session: Session, scene: Scene) -> None:
    first, second, _ = claim(session, scene)
    run(session, "UPDATE delivery SET claim_token = 'theirs' WHERE id = :id", id=second)
    failed = deliveries.fail_claimed(
        session,
        tenant_id=scene.tenant_id,
        token="mine",
        delivery_ids=[first, second],
        code="template_undefined",
    )
    assert failed == 1
    row = row_of(session, first)
    assert (row["state"], row["outcome_code"], row["attempt_no"]) == ("failed", "template_undefined", 0)
    assert row_of(session, second)["state"] == "claimed"


# Record: accepted


def test_an_accepted_delivery_is_sent_and_free_of_its_lease(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    accept(session, scene, attempt)
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["ses_message_id"], row["resolved_by"]) == ("sent", "ses-1", "api")
    assert (row["claim_token"], row["lease_until"]) == (None, None)
    assert row["resolved_at"] is not None


@pytest.mark.parametrize("state", ["in_doubt", "unconfirmed"])
def test_a_late_answer_settles_doubt(session: Session, scene: Scene, state: str) -> None:
    """After the reaper, and after policy has given up."""
    attempt = begun(session, scene)
    force(session, attempt, state)
    accept(session, scene, attempt)
    assert row_of(session, attempt.delivery_id)["state"] == "sent"


@pytest.mark.parametrize("state", ["pending", "claimed", "submitting", "in_doubt", "unconfirmed"])
def test_the_answer_to_an_older_attempt_is_evidence(session: Session, scene: Scene, state: str) -> None:
    older = begun(session, scene)
    again(session, scene, older)
    force(session, older, state)
    accept(session, scene, older)
    assert row_of(session, older.delivery_id)["state"] == "sent"


def test_a_late_answer_changes_nothing_once_an_event_has_settled_it(session: Session, scene: Scene) -> None:
    """E03"""
    attempt = begun(session, scene)
    run(
        session,
        """UPDATE delivery SET state = 'sent', ses_message_id = 'from-event', resolved_by = 'event',
               resolved_at = '2026-01-01Z' WHERE id = :id""",
        id=attempt.delivery_id,
    )
    before = row_of(session, attempt.delivery_id)
    accept(session, scene, attempt)
    record(session, scene, Outcome(attempt, Move.REFUSED, "MessageRejected"))
    record(session, scene, Outcome(attempt, Move.NOT_SENT, "throttled"))
    record(session, scene, Outcome(attempt, Move.LOST, "ReadTimeoutError"))
    assert row_of(session, attempt.delivery_id) == before


def test_a_failed_delivery_stays_failed(session: Session, scene: Scene) -> None:
    """An event said Reject; the answer with an id only said that SES had taken it in."""
    attempt = begun(session, scene)
    record(session, scene, Outcome(attempt, Move.REFUSED, "MessageRejected"))
    accept(session, scene, attempt)
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["ses_message_id"]) == ("failed", None)


def test_many_answers_are_recorded_in_one_statement(session: Session, scene: Scene) -> None:
    attempts = begin(session, scene, *(Attempt(each, f"a{each}") for each in claim(session, scene)))
    deliveries.record_accepted(
        session,
        tenant_id=scene.tenant_id,
        accepted=[(attempt, f"ses-{attempt.delivery_id}") for attempt in attempts],
    )
    assert [row["ses_message_id"] for row in ledger(session, scene)] == [
        f"ses-{row['id']}" for row in ledger(session, scene)
    ]
    assert states(session, scene) == {"sent": 3}


def test_another_tenant_records_nothing(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    stranger = a_scene(session)
    accept(session, stranger, attempt)
    assert record(session, stranger, Outcome(attempt, Move.NOT_SENT, "throttled")) == 0
    assert row_of(session, attempt.delivery_id)["state"] == "submitting"


# Record: not accepted


def test_a_refused_delivery_has_failed_for_good(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    pending = record(
        session, scene, Outcome(attempt, Move.REFUSED, "MessageRejected", http_status=400, request_id="r-1")
    )
    row = row_of(session, attempt.delivery_id)
    assert pending == 0
    assert (row["state"], row["outcome_code"], row["resolved_by"]) == ("failed", "MessageRejected", "api")
    assert row["lease_until"] is None
    assert attempt_row(session, "a1") == ("refused", "MessageRejected", 400, "r-1")


def attempt_row(session: Session, attempt_id: str) -> tuple[Any, ...]:
    row = one(
        session,
        "SELECT outcome, error_code, http_status, request_id FROM delivery_attempt WHERE attempt_id = :id",
        id=attempt_id,
    )
    assert row is not None
    return tuple(row.values())


def test_a_delivery_known_not_sent_waits_and_comes_back(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    outcome = Outcome(attempt, Move.NOT_SENT, "throttled", http_status=429, retry_in=timedelta(seconds=30))
    before = datetime.now(UTC)
    assert record(session, scene, outcome) == 1
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["claim_token"], row["lease_until"]) == ("pending", None, None)
    assert timedelta(seconds=29) < row["not_before"] - before < timedelta(seconds=31)
    assert (row["resolved_by"], row["resolved_at"]) == (None, None)
    assert attempt_row(session, "a1") == ("not_sent", "throttled", 429, None)


def test_a_lost_answer_leaves_doubt_that_keeps_its_lease(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    assert record(session, scene, Outcome(attempt, Move.LOST, "ReadTimeoutError")) == 0
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["outcome_code"], row["claim_token"]) == ("in_doubt", "ReadTimeoutError", None)
    assert row["lease_until"] is not None
    assert row["resolved_at"] is None


def test_doubt_is_settled_by_a_late_refusal(session: Session, scene: Scene) -> None:
    """The reaper was faster than the answer."""
    attempt = begun(session, scene)
    force(session, attempt, "in_doubt")
    assert record(session, scene, Outcome(attempt, Move.NOT_SENT, "throttled")) == 1
    assert row_of(session, attempt.delivery_id)["state"] == "pending"


@pytest.mark.parametrize("move", [Move.REFUSED, Move.NOT_SENT, Move.LOST])
def test_what_was_learnt_of_an_older_attempt_does_not_move_the_newer_one(
    session: Session, scene: Scene, move: Move
) -> None:
    """Mutant M3 of the model: a result that is not fenced by its attempt fails what was accepted."""
    older = begun(session, scene)
    newer = again(session, scene, older)
    assert record(session, scene, Outcome(older, move, "late")) == 0
    row = row_of(session, newer.delivery_id)
    assert (row["state"], row["attempt_id"], row["attempt_no"]) == ("submitting", "a2", 2)


@pytest.mark.parametrize("state", ["pending", "claimed", "sent", "failed", "unconfirmed"])
@pytest.mark.parametrize("move", [Move.REFUSED, Move.NOT_SENT, Move.LOST])
def test_a_result_moves_only_a_call_that_is_open(
    session: Session, scene: Scene, state: str, move: Move
) -> None:
    attempt = begun(session, scene)
    force(session, attempt, state)
    assert record(session, scene, Outcome(attempt, move, "late")) == 0
    assert row_of(session, attempt.delivery_id)["state"] == state


def test_the_number_that_is_refunded_is_of_those_that_are_pending_again(
    session: Session, scene: Scene
) -> None:
    first, second, third = begin(
        session, scene, *(Attempt(each, f"a{each}") for each in claim(session, scene))
    )
    force(session, third, "sent")
    outcomes = [
        Outcome(first, Move.NOT_SENT, "throttled"),
        Outcome(second, Move.LOST, "ReadTimeoutError"),
        Outcome(third, Move.NOT_SENT, "throttled"),
    ]
    assert record(session, scene, *outcomes) == 1
    assert record(session, scene, *outcomes) == 0
    assert states(session, scene) == {"pending": 1, "in_doubt": 1, "sent": 1}


def test_nothing_is_recorded_of_nothing(session: Session, scene: Scene) -> None:
    assert record(session, scene) == 0


# Leases, doubt, cancellation


def test_the_reaper_frees_claims_and_puts_calls_in_doubt(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    claim(session, scene, limit=1)
    assert leases.reap(session, tenant_id=scene.tenant_id) == (0, 0)
    age(session, lease_until=LEASE + timedelta(seconds=1))
    assert leases.reap(session, tenant_id=scene.tenant_id) == (1, 1)
    assert states(session, scene) == {"in_doubt": 1, "pending": 2}
    assert row_of(session, attempt.delivery_id)["outcome_code"] == "lease_over"
    assert leases.reap(session, tenant_id=scene.tenant_id) == (0, 0)


def test_an_expired_call_never_becomes_pending(session: Session, scene: Scene) -> None:
    """Mutant M1 of the model."""
    begun(session, scene)
    age(session, lease_until=timedelta(days=400), submitted_at=timedelta(days=400))
    leases.reap(session, tenant_id=scene.tenant_id)
    assert states(session, scene) == {"in_doubt": 1, "pending": 2}
    assert len(claim(session, scene)) == 2


def test_the_reaper_of_one_tenant_leaves_the_others_alone(session: Session, scene: Scene) -> None:
    claim(session, scene)
    age(session, lease_until=timedelta(days=1))
    assert leases.reap(session, tenant_id=a_scene(session).tenant_id) == (0, 0)


def test_doubt_is_given_up_only_after_its_time(session: Session, scene: Scene) -> None:
    """F03"""
    attempt = begun(session, scene)
    record(session, scene, Outcome(attempt, Move.LOST, "ReadTimeoutError"))
    day = timedelta(hours=24)
    age(session, submitted_at=day - timedelta(minutes=1))
    assert doubt.give_up(session, tenant_id=scene.tenant_id, after=day) == 0
    age(session, submitted_at=timedelta(minutes=2))
    assert doubt.give_up(session, tenant_id=scene.tenant_id, after=day) == 1
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["resolved_by"], row["outcome_code"]) == (
        "unconfirmed",
        "policy",
        "ReadTimeoutError",
    )


@pytest.mark.parametrize(
    ("policy", "state", "minutes", "again"),
    [
        pytest.param("at_least_once", "sending", 21, 1, id="the old call is dead"),
        pytest.param("at_least_once", "sending", 19, 0, id="it may still be accepted"),
        pytest.param("at_least_once", "paused", 21, 0, id="the campaign is paused"),
        pytest.param("at_least_once", "cancelled", 21, 0, id="the campaign is cancelled"),
        pytest.param("evidence", "sending", 21, 0, id="only evidence may settle it"),
        pytest.param("at_most_once", "sending", 21, 0, id="never again"),
    ],
)
def test_doubt_is_called_again_only_where_that_is_the_policy(
    session: Session, scene: Scene, policy: str, state: str, minutes: int, again: int
) -> None:
    attempt = begun(session, scene)
    record(session, scene, Outcome(attempt, Move.LOST, "ReadTimeoutError"))
    run(session, "UPDATE campaign SET policy = :policy, state = :state", policy=policy, state=state)
    age(session, submitted_at=timedelta(minutes=minutes))
    guard = timedelta(minutes=20)
    assert doubt.send_again(session, tenant_id=scene.tenant_id, after=guard) == again
    assert row_of(session, attempt.delivery_id)["state"] == ("pending" if again else "in_doubt")


def test_the_late_answer_of_the_old_call_stops_the_new_one(session: Session, scene: Scene) -> None:
    attempt = begun(session, scene)
    record(session, scene, Outcome(attempt, Move.LOST, "ReadTimeoutError"))
    run(session, "UPDATE campaign SET policy = 'at_least_once'")
    doubt.send_again(session, tenant_id=scene.tenant_id, after=timedelta(0))
    accept(session, scene, attempt)
    assert row_of(session, attempt.delivery_id)["state"] == "sent"


def test_cancelling_skips_who_waits_and_leaves_calls_and_doubt_to_be_settled(
    session: Session, scene: Scene
) -> None:
    """F29"""
    attempt = begun(session, scene)
    (other,) = claim(session, scene, limit=1)
    assert skips.cancel_waiting(session, **scene.campaign) == 2
    assert states(session, scene) == {"submitting": 1, "skipped": 2}
    row = row_of(session, other)
    assert (row["skip_reason"], row["resolved_by"], row["claim_token"]) == ("cancelled", "operator", None)
    assert begin(session, scene, Attempt(other, "a2")) == []
    accept(session, scene, attempt)
    assert states(session, scene) == {"sent": 1, "skipped": 2}


def test_a_call_that_turns_out_unsent_after_its_campaign_was_cancelled_does_not_wait_for_ever(
    session: Session, scene: Scene
) -> None:
    """I2: nobody claims in a cancelled campaign, and nothing else looked at who waits in it."""
    other = a_campaign(session, scene)
    plan(session, other)
    attempt = begun(session, scene)
    cancelled = {"to": CampaignState.CANCELLED, "since": [CampaignState.SENDING]}
    campaigns.move(session, **scene.campaign, **cancelled)
    skips.cancel_waiting(session, **scene.campaign)
    record(session, scene, Outcome(attempt, Move.NOT_SENT, "throttled"))
    assert states(session, scene) == {"pending": 1, "skipped": 2}
    assert leases.reap(session, tenant_id=scene.tenant_id) == (0, 0)
    row = row_of(session, attempt.delivery_id)
    assert (row["state"], row["skip_reason"], row["resolved_by"]) == ("skipped", "cancelled", "operator")
    assert states(session, other) == {"pending": 3}


def test_a_claim_goes_on_where_the_last_one_ended(session: Session, scene: Scene) -> None:
    first, second, third = [row["id"] for row in ledger(session, scene)]
    assert claim_after(session, scene, first, limit=1) == [second]
    assert claim_after(session, scene, second) == [third]
    assert claim_after(session, scene, third) == []


def claim_after(session: Session, scene: Scene, delivery_id: int, limit: int = 9) -> list[int]:
    tier = ledger(session, scene)[0]["tier"]
    claimed = deliveries.claim(
        session,
        **scene.campaign,
        token="t",
        shares={OTHER: limit},
        lease=LEASE,
        after={OTHER: Position(AT_ONCE, tier, delivery_id)},
    )
    return [delivery.delivery_id for delivery in claimed]


def of_provider(session: Session, scene: Scene, *providers: str) -> None:
    """Give each delivery, in order, to a mailbox provider."""
    for row, provider in zip(ledger(session, scene), providers, strict=True):
        run(
            session,
            "UPDATE delivery SET provider = :provider WHERE id = :id",
            provider=provider,
            id=row["id"],
        )


def test_each_provider_gets_its_share_of_a_claim(session: Session) -> None:
    scene = a_scene(session, contacts=5)
    plan(session, scene)
    of_provider(session, scene, "gmail", "gmail", "gmail", "yahoo", "apple")
    claimed = deliveries.claim(
        session, **scene.campaign, token="t", shares={"gmail": 2, "yahoo": 5}, lease=LEASE
    )
    assert sorted(delivery.provider for delivery in claimed) == ["gmail", "gmail", "yahoo"]


def test_the_most_engaged_people_are_claimed_first(session: Session, scene: Scene) -> None:
    first, second, third = [row["id"] for row in ledger(session, scene)]
    for delivery_id, tier in ((first, 5), (second, 0), (third, 2)):
        run(session, "UPDATE delivery SET tier = :tier WHERE id = :id", tier=tier, id=delivery_id)
    assert claim(session, scene, limit=1) == [second]
    assert claim(session, scene, limit=1) == [third]


def test_whether_anybody_of_a_provider_waits_is_known(session: Session, scene: Scene) -> None:
    of_provider(session, scene, "gmail", "yahoo", "yahoo")
    run(session, "UPDATE delivery SET not_before = now() + interval '1 day' WHERE provider = 'yahoo'")
    run(session, "UPDATE delivery SET state = 'sent' WHERE provider = 'gmail'")

    def waiting(*providers: str) -> list[str]:
        return waits.pending_at(session, **scene.campaign, providers=providers)

    assert [waiting("gmail"), waiting("gmail", "yahoo"), waiting("apple"), waiting()] == [
        [],
        ["yahoo"],
        [],
        [],
    ]


def test_the_next_delivery_that_waits_for_its_time_is_known(session: Session, scene: Scene) -> None:
    assert waits.due_in(session, **scene.campaign, providers=[OTHER]) is None
    run(
        session,
        "UPDATE delivery SET not_before = now() + interval '1 hour' WHERE id = :id",
        id=ledger(session, scene)[0]["id"],
    )
    soon = waits.due_in(session, **scene.campaign, providers=[OTHER])
    assert soon is not None
    assert timedelta(minutes=59) < soon <= timedelta(hours=1)


def test_what_has_become_due_since_the_last_claim_is_due_in_no_time(session: Session, scene: Scene) -> None:
    """Somebody who asks just after a claim found nobody would else end with a message left."""
    run(session, "UPDATE delivery SET not_before = clock_timestamp() - interval '1 millisecond'")
    assert waits.due_in(session, **scene.campaign, providers=[OTHER]) == timedelta(0)


# What the schema itself forbids


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE delivery SET state = 'submitting'", id="a call without an attempt"),
        pytest.param("UPDATE delivery SET state = 'skipped'", id="skipped without a reason"),
        pytest.param("UPDATE delivery SET skip_reason = 'duplicate'", id="a reason without being skipped"),
        pytest.param("UPDATE delivery SET state = 'lost'", id="a state that is none"),
        pytest.param(
            """INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key)
               SELECT tenant_id, campaign_id, contact_id, recipient_key FROM delivery LIMIT 1""",
            id="a second delivery to one person",
        ),
    ],
)
def test_the_schema_refuses_what_no_ledger_may_hold(session: Session, scene: Scene, statement: str) -> None:
    with pytest.raises(IntegrityError), session.begin_nested():
        run(session, statement)


def test_a_campaign_that_is_not_being_sent_may_not_send(session: Session) -> None:
    scene = a_scene(session, state=CampaignState.DRAFT)
    assert not deliveries.may_send(session, **scene.campaign)


def test_a_claim_walks_over_nobody_who_waits_for_a_later_moment(database: Database) -> None:
    """Else a campaign that is spread over hours would be walked from end to end for each claim that finds few."""
    with database.begin() as session:
        scene = a_scene(session)
        some_contacts(session, scene, 2_000)
        plan(session, scene)
        run(session, "UPDATE delivery SET send_after = clock_timestamp() + id * interval '1 second'")
    for passed in (2_000, 0):  # the first passes the entries of the versions before, and marks them dead
        with database.begin() as session:
            before = index_entries(session)
            claimed = deliveries.claim(
                session, **scene.campaign, token="mine", shares={OTHER: 10}, lease=timedelta(minutes=1)
            )
            assert (claimed, index_entries(session) - before) == ([], passed)
            assert waits.due_in(session, **scene.campaign, providers=[OTHER]) is not None
            assert index_entries(session) - before == passed + 1


def index_entries(session: Session) -> int:
    """Return how many entries of the index of those who wait were read; what was counted before may be in it."""
    row = one(
        session,
        "SELECT pg_stat_get_xact_tuples_returned('delivery_pending'::regclass) AS entries",
    )
    assert row is not None
    return int(row["entries"])
