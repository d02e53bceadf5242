"""Applying events: facts, ledger, suppressions and engagement, for many deliveries at once."""

import itertools
from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from core.events import Event, parse
from core.facts import Fact
from store import correlation, facts
from store.facts import Located
from store.session import Database, one, run
from tests.mailed import (
    Mailed,
    a_campaign,
    a_contact,
    a_delivery,
    an_event,
    another_campaign,
    state_of,
    suppressions_of,
)


def told(raw: str) -> Event:
    event = parse(raw)
    assert event is not None
    return event


def apply(session: Session, mailed: Mailed, *raws: str) -> None:
    located = [Located(delivery_id=mailed.delivery_id, event=told(raw)) for raw in raws]
    assert facts.apply(session, tenant_id=mailed.tenant_id, located=located).held == set()


def known(session: Session, mailed: Mailed) -> set[str]:
    found = facts.of_delivery(session, tenant_id=mailed.tenant_id, delivery_id=mailed.delivery_id)
    return {str(fact) for fact in found}


def ledger(session: Session, mailed: Mailed) -> dict[str, object]:
    found = one(session, "SELECT * FROM delivery WHERE id = :id", id=mailed.delivery_id)
    assert found is not None
    return dict(found)


@pytest.mark.parametrize("state", ["pending", "claimed", "submitting", "in_doubt", "unconfirmed"])
@pytest.mark.parametrize(
    "sample", ["send", "delivery", "open", "click", "complaint_abuse", "bounce_permanent_general"]
)
def test_any_event_proves_that_the_message_was_accepted(session: Session, state: str, sample: str) -> None:
    """E03, F01"""
    mailed = a_delivery(session, state=state)
    apply(session, mailed, an_event(sample, mailed))
    row = ledger(session, mailed)
    assert (row["state"], row["resolved_by"], row["skip_reason"]) == ("sent", "event", None)
    assert row["ses_message_id"] == f"ses-{mailed.attempt_id}"
    assert (row["claim_token"], row["lease_until"], row["not_before"]) == (None, None, None)
    assert row["resolved_at"] is not None


@pytest.mark.parametrize("state", ["sent", "failed", "skipped"])
def test_a_final_state_is_not_moved_by_a_send(session: Session, state: str) -> None:
    mailed = a_delivery(session, state=state)
    apply(session, mailed, an_event("send", mailed))
    assert state_of(session, mailed) == state
    assert known(session, mailed) == {"sent"}


@pytest.mark.parametrize("state", ["submitting", "in_doubt", "sent", "unconfirmed"])
@pytest.mark.parametrize(
    ("sample", "fact"), [("reject", "reject"), ("rendering_failure", "rendering_failure")]
)
def test_a_message_that_ses_dropped_has_failed(session: Session, state: str, sample: str, fact: str) -> None:
    mailed = a_delivery(session, state=state)
    apply(session, mailed, an_event(sample, mailed))
    row = ledger(session, mailed)
    assert (row["state"], row["outcome_code"], row["resolved_by"]) == ("failed", fact, "event")


def test_a_send_and_a_reject_end_the_same_in_either_order(session: Session) -> None:
    """E02"""
    one, other = a_delivery(session), a_delivery(session)
    for mailed, samples in ((one, ("send", "reject")), (other, ("reject", "send"))):
        for sample in samples:
            apply(session, mailed, an_event(sample, mailed))
    assert state_of(session, one) == state_of(session, other) == "failed"


def test_events_in_any_order_and_any_batches_end_the_same(session: Session) -> None:
    """E02"""
    samples = ("complaint_abuse", "open", "delivery", "send")
    ends = []
    for order in itertools.permutations(samples):
        mailed = a_delivery(session)
        apply(session, mailed, *(an_event(sample, mailed) for sample in order[:2]))
        for sample in order[2:]:
            apply(session, mailed, an_event(sample, mailed))
        found = facts.of_delivery(session, tenant_id=mailed.tenant_id, delivery_id=mailed.delivery_id)
        times = {fact: (seen.first_at, seen.last_at, seen.times) for fact, seen in found.items()}
        ends.append((state_of(session, mailed), times, [row[0] for row in suppressions_of(session, mailed)]))
    assert ends[0][0] == "sent"
    assert ends[0][2] == ["complaint"]
    assert all(end == ends[0] for end in ends)


def test_what_is_stored_is_what_the_core_folds(session: Session) -> None:
    mailed = a_delivery(session)
    raws = [
        an_event(sample, mailed) for sample in ("send", "delivery_delay_general", "delivery", "open", "click")
    ]
    raws.append(an_event("open", mailed, open__timestamp="2026-10-03T00:00:00Z"))
    for raw in raws:
        apply(session, mailed, raw)
    found = facts.of_delivery(session, tenant_id=mailed.tenant_id, delivery_id=mailed.delivery_id)
    assert found == facts.facts.fold(told(raw) for raw in raws)
    assert found[Fact.OPEN].times == 2


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("bounce_permanent_general", [("hard_bounce", "tenant", "ses", "no_such_mailbox")]),
        ("bounce_permanent_suppressed_global", [("hard_bounce", "tenant", "ses", "suppressed_by_ses")]),
        ("complaint_abuse", [("complaint", "tenant", "ses", "abuse")]),
        ("complaint_no_report", [("complaint", "tenant", "ses", "no_report")]),
        ("complaint_not_spam", []),
        ("subscription", [("unsubscribe", "tenant", "ses", "")]),
        ("bounce_transient_general", []),
        ("bounce_transient_mailboxfull", []),
        ("bounce_transient_contentrejected", []),
        ("bounce_undetermined", []),
        ("delivery_delay_mailboxfull", []),
        ("reject", []),
    ],
)
def test_only_what_is_final_suppresses_at_once(
    session: Session, sample: str, expected: list[tuple[str, str, str, str]]
) -> None:
    mailed = a_delivery(session)
    apply(session, mailed, an_event(sample, mailed))
    found = [
        (reason, scope, source, detail)
        for reason, scope, _, source, detail in suppressions_of(session, mailed)
    ]
    assert found == expected


def test_a_policy_bounce_never_suppresses(session: Session) -> None:
    mailed = a_delivery(session)
    recipient = [
        {"emailAddress": "x@example.net", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked"}
    ]
    apply(session, mailed, an_event("bounce_permanent_general", mailed, bounce__bouncedRecipients=recipient))
    assert known(session, mailed) == {"sent", "bounce_block"}
    assert suppressions_of(session, mailed) == []


def test_a_suppression_carries_the_address_of_the_contact(session: Session) -> None:
    campaign = a_campaign(session)
    mailed = a_delivery(session, campaign, a_contact(session, campaign, "Reader@Example.net"))
    apply(session, mailed, an_event("complaint_abuse", mailed))
    assert suppressions_of(session, mailed) == [("complaint", "tenant", "Reader@Example.net", "ses", "abuse")]


def test_a_bounce_after_a_delivery_suppresses_and_keeps_both_facts(session: Session) -> None:
    """E10"""
    for order in (("delivery", "bounce_permanent_general"), ("bounce_permanent_general", "delivery")):
        mailed = a_delivery(session)
        for sample in order:
            apply(session, mailed, an_event(sample, mailed))
        assert known(session, mailed) == {"sent", "delivery", "bounce_permanent"}
        assert [row[0] for row in suppressions_of(session, mailed)] == ["hard_bounce"]


def test_two_campaigns_that_bounce_at_once_make_one_suppression(session: Session) -> None:
    campaign = a_campaign(session)
    contact = a_contact(session, campaign)
    one = a_delivery(session, campaign, contact)
    other = a_delivery(session, another_campaign(session, campaign), contact)
    located = [
        Located(delivery_id=m.delivery_id, event=told(an_event("bounce_permanent_general", m)))
        for m in (one, other)
    ]
    facts.apply(session, tenant_id=campaign.tenant_id, located=located)
    assert [row[0] for row in suppressions_of(session, other)] == ["hard_bounce"]


@pytest.mark.parametrize(
    ("ended_at", "is_in_force"),
    [
        pytest.param("2026-09-30", True, id="ended before the bounce: it begins again"),
        pytest.param("2026-10-02", False, id="ended after the bounce: a person has decided"),
    ],
)
def test_a_suppression_that_was_ended_begins_again_only_with_a_younger_bounce(
    session: Session, ended_at: str, *, is_in_force: bool
) -> None:
    mailed = a_delivery(session)
    run(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, reason, expires_at)
           VALUES (:tenant_id, :key, 'hard_bounce', CAST(:ended_at AS timestamptz))""",
        tenant_id=mailed.tenant_id,
        key=mailed.recipient_key,
        ended_at=ended_at,
    )
    apply(session, mailed, an_event("bounce_permanent_general", mailed))
    found = one(
        session,
        "SELECT expires_at IS NULL AS in_force FROM suppression WHERE recipient_key = :key",
        key=mailed.recipient_key,
    )
    assert found is not None
    assert found["in_force"] is is_in_force


@pytest.mark.parametrize(
    ("sample", "engaged_at"),
    [
        ("open", datetime(2026, 10, 1, 9, 15, 0, 500000, tzinfo=UTC)),
        ("click", datetime(2026, 10, 1, 9, 16, 0, 500000, tzinfo=UTC)),
        ("open_bot", None),
        ("click_bot_no_linktags", None),
        ("delivery", None),
    ],
)
def test_only_a_person_engages(session: Session, sample: str, engaged_at: datetime | None) -> None:
    mailed = a_delivery(session)
    apply(session, mailed, an_event(sample, mailed))
    found = one(session, "SELECT engaged_at FROM contact WHERE id = :id", id=mailed.contact_id)
    assert found is not None
    assert found["engaged_at"] == engaged_at


def test_engagement_never_goes_back_and_never_lies_in_the_future(session: Session) -> None:
    mailed = a_delivery(session)
    apply(session, mailed, an_event("click", mailed), an_event("open", mailed))
    apply(session, mailed, an_event("open", mailed, open__timestamp="2026-10-01T08:30:00Z"))
    row = one(session, "SELECT engaged_at FROM contact WHERE id = :id", id=mailed.contact_id)
    assert row is not None
    assert row["engaged_at"] == datetime(2026, 10, 1, 9, 16, 0, 500000, tzinfo=UTC)
    apply(session, mailed, an_event("open", mailed, open__timestamp="2999-01-01T00:00:00Z"))
    row = one(session, "SELECT engaged_at <= now() AS past FROM contact WHERE id = :id", id=mailed.contact_id)
    assert row is not None
    assert row["past"]


def test_a_second_ses_message_is_a_duplicate_even_when_the_first_is_known_only_by_its_answer(
    session: Session,
) -> None:
    mailed = a_delivery(session, state="sent")
    run(session, "UPDATE delivery SET ses_message_id = 'answered' WHERE id = :id", id=mailed.delivery_id)
    apply(session, mailed, an_event("send", mailed))
    assert known(session, mailed) == {"sent", "duplicate_detected"}
    assert ledger(session, mailed)["ses_message_id"] == "answered"
    apply(session, mailed, an_event("send", mailed, mail__messageId="answered"))
    found = facts.of_delivery(session, tenant_id=mailed.tenant_id, delivery_id=mailed.delivery_id)
    assert found[Fact.DUPLICATE_DETECTED].times == 1


def test_a_delivery_that_a_sender_holds_is_passed_over_without_waiting(database: Database) -> None:
    with database.begin() as session:
        held = a_delivery(session)
        free = a_delivery(session, held)
    with database.begin() as sender, database.begin() as session:
        run(sender, "UPDATE delivery SET attempt_no = attempt_no + 1 WHERE id = :id", id=held.delivery_id)
        located = [Located(delivery_id=m.delivery_id, event=told(an_event("send", m))) for m in (held, free)]
        assert facts.apply(session, tenant_id=held.tenant_id, located=located).held == {held.delivery_id}
    with database.begin() as session:
        assert (state_of(session, held), state_of(session, free)) == ("submitting", "sent")


def test_another_tenants_delivery_is_never_touched(session: Session) -> None:
    mailed, stranger = a_delivery(session), a_campaign(session)
    located = [Located(delivery_id=mailed.delivery_id, event=told(an_event("send", mailed)))]
    assert facts.apply(session, tenant_id=stranger.tenant_id, located=located).held == {mailed.delivery_id}
    assert state_of(session, mailed) == "submitting"


def test_attempts_and_messages_are_found(session: Session) -> None:
    mailed, other = a_delivery(session), a_delivery(session)
    run(session, "UPDATE delivery SET ses_message_id = 'm-1' WHERE id = :id", id=mailed.delivery_id)
    wanted = {mailed.attempt_id, other.attempt_id, "nobody's"}
    assert correlation.of_attempts(session, tenant_id=mailed.tenant_id, attempts=wanted) == {
        mailed.attempt_id: mailed.delivery_id
    }
    assert correlation.owners_of_attempts(session, wanted) == {
        mailed.attempt_id: mailed.tenant_id,
        other.attempt_id: other.tenant_id,
    }
    assert correlation.of_ses_messages(session, {"m-1", "m-2"}) == {
        "m-1": (mailed.tenant_id, mailed.delivery_id)
    }
    assert correlation.of_ses_messages(session, set()) == {}
