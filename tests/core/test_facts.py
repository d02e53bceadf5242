"""Facts: the law of folding, and what a person is shown."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import facts
from core.events import Event, parse
from core.facts import Display, Fact, Seen, display, fold, joined


SAMPLES = Path(__file__).resolve().parent.parent / "data" / "ses"


def event(name: str, **changes: Any) -> Event:
    document = json.loads((SAMPLES / f"{name}.json").read_text())
    for path, value in changes.items():
        member, field = path.split("__")
        document[member][field] = value
    parsed = parse(json.dumps(document))
    assert parsed is not None
    return parsed


def every_sample() -> list[Event]:
    """One event per key: some samples are variants of one event, such as an open with and without `isBotEvent`."""
    names = {path.stem for path in SAMPLES.glob("*.json")}
    names -= {"api_send_bulk_email_response_mixed", "eventbridge_detail_types"}
    told = [parsed for name in sorted(names) if (parsed := parse((SAMPLES / f"{name}.json").read_text()))]
    return list({facts.dedupe_key(one): one for one in told if one.ses_message_id}.values())


EVENTS = every_sample()
# Two SES messages of one delivery, at two moments, so that the law also holds for the honest duplicate counter.
SECOND = [
    event("send", mail__messageId="second", mail__timestamp="2026-10-01T07:59:00Z"),
    event("delivery", mail__messageId="second", mail__timestamp="2026-10-01T07:59:00Z"),
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(EVENTS + SECOND), min_size=1, max_size=12).flatmap(
    lambda told: st.tuples(st.just(told), st.permutations(told + told[: len(told) // 2])))
)  # fmt: skip
def test_any_order_and_any_duplication_end_in_the_same_facts(pair: tuple[list[Event], list[Event]]) -> None:
    """E02"""
    told, shuffled = pair
    assert fold(shuffled) == fold(told)


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(len(EVENTS))), st.integers(1, len(EVENTS) - 1))
def test_folding_in_two_batches_is_folding_in_one(order: list[int], cut: int) -> None:
    one, other = fold(EVENTS[n] for n in order[:cut]), fold(EVENTS[n] for n in order[cut:])
    assert joined(one, other) == joined(other, one) == fold(EVENTS)


def test_a_complaint_an_open_a_delivery_and_a_send_in_any_order() -> None:
    """E02"""
    told = [event(name) for name in ("complaint_abuse", "open", "delivery", "send")]
    ends = [fold(order) for order in itertools.permutations(told)]
    assert set(ends[0]) == {Fact.SENT, Fact.DELIVERY, Fact.OPEN, Fact.COMPLAINT}
    assert all(end == ends[0] for end in ends)
    assert display(ends[0]) is Display.COMPLAINED


def test_46_copies_of_one_open_are_one_open() -> None:
    """E01"""
    assert fold([event("open")] * 46)[Fact.OPEN].times == 1


def test_two_opens_are_counted_with_their_first_and_last_time() -> None:
    found = fold([event("open"), event("open", open__timestamp="2026-10-03T00:00:00Z")])[Fact.OPEN]
    assert found == Seen(
        first_at=datetime(2026, 10, 1, 9, 15, 0, 500000, tzinfo=UTC),
        last_at=datetime(2026, 10, 3, tzinfo=UTC),
        times=2,
    )


def test_a_second_message_of_one_delivery_is_detected() -> None:
    found = fold([event("send"), *SECOND])
    assert found[Fact.SENT].times == 2
    assert found[Fact.DUPLICATE_DETECTED].times == 1
    assert found[Fact.DUPLICATE_DETECTED].first_at == datetime(2026, 10, 1, 8, 0, 0, 120000, tzinfo=UTC)


def test_three_events_of_one_message_are_no_duplicate() -> None:
    assert Fact.DUPLICATE_DETECTED not in fold([event("send"), event("delivery"), event("open")])


# One row for every sample that is an event about a message: its fact beside `sent`, and what is kept of it.
FOLDED = [
    ("bounce_permanent_email_validation_suppressed", Fact.BOUNCE_PERMANENT, {"reason": "failed_validation", "class": "suppressed", "rule": "ses-EmailValidationSuppressed", "status": "", "said": ""}),
    ("bounce_permanent_general", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "text-mailbox", "status": "5.1.1", "said": "smtp; 550 5.1.1 user unknown"}),
    ("bounce_permanent_noemail", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "ses-NoEmail", "status": "5.1.1", "said": "smtp; 550 5.1.1 no such user"}),
    ("bounce_permanent_on_account_suppression_list", Fact.BOUNCE_PERMANENT, {"reason": "on_account_suppression_list", "class": "suppressed", "rule": "ses-OnAccountSuppressionList", "status": "5.1.1", "said": "Amazon SES did not send the message to this address because it is on the suppression list for your account."}),
    ("bounce_permanent_on_tenant_suppression_list", Fact.BOUNCE_PERMANENT, {"reason": "on_tenant_suppression_list", "class": "suppressed", "rule": "ses-OnTenantSuppressionList", "status": "5.1.1", "said": "Amazon SES did not send the message to this address because it is on the suppression list for your tenant."}),
    ("bounce_permanent_suppressed_global", Fact.BOUNCE_PERMANENT, {"reason": "suppressed_by_ses", "class": "suppressed", "rule": "ses-Suppressed", "status": "5.1.1", "said": "Amazon SES has suppressed sending to this address"}),
    ("bounce_transient_attachmentrejected", Fact.BOUNCE_CONTENT, {"reason": "attachment", "class": "content", "rule": "ses-AttachmentRejected", "status": "5.7.0", "said": ""}),
    ("bounce_transient_contentrejected", Fact.BOUNCE_CONTENT, {"reason": "content", "class": "content", "rule": "ses-ContentRejected", "status": "5.7.1", "said": ""}),
    ("bounce_transient_customtimeoutexceeded", Fact.BOUNCE_IGNORED, {"reason": "our_deadline", "class": "ours", "rule": "ses-CustomTimeoutExceeded", "status": "4.4.7", "said": ""}),
    ("bounce_transient_general", Fact.BOUNCE_TRANSIENT, {"reason": "expired", "class": "network", "rule": "code-*.4.7", "status": "4.4.7", "said": "smtp; 450 4.4.7 message expired"}),
    ("bounce_transient_mailboxfull", Fact.BOUNCE_TRANSIENT, {"reason": "mailbox_full", "class": "full", "rule": "ses-MailboxFull", "status": "4.2.2", "said": "smtp; 452 4.2.2 mailbox full"}),
    ("bounce_transient_messagetoolarge", Fact.BOUNCE_CONTENT, {"reason": "too_large", "class": "size", "rule": "ses-MessageTooLarge", "status": "5.2.3", "said": ""}),
    ("bounce_two_recipients_one_feedbackid", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "code-5.1.1", "status": "5.1.1", "said": "smtp; 550 5.1.1"}),
    ("bounce_undetermined", Fact.BOUNCE_TRANSIENT, {"reason": "undetermined", "class": "unknown", "rule": "type-undetermined", "status": "", "said": ""}),
    ("click", Fact.CLICK, {"links": ["https://shop.tenant-a.example/p/1"]}),
    ("click_bot_no_linktags", Fact.CLICK_MACHINE, {"links": ["https://shop.tenant-a.example/p/1"]}),
    ("complaint_abuse", Fact.COMPLAINT, {"reason": "abuse"}),
    ("complaint_auth_failure", Fact.COMPLAINT, {"reason": "auth-failure"}),
    ("complaint_fraud", Fact.COMPLAINT, {"reason": "fraud"}),
    ("complaint_no_report", Fact.COMPLAINT, {"reason": "no_report"}),
    ("complaint_not_spam", Fact.NOT_SPAM, {"reason": "not-spam"}),
    ("complaint_on_account_suppression_list", Fact.COMPLAINT, {"reason": "OnAccountSuppressionList"}),
    ("complaint_other", Fact.COMPLAINT, {"reason": "other"}),
    ("complaint_virus", Fact.COMPLAINT, {"reason": "virus"}),
    ("delivery", Fact.DELIVERY, {}),
    ("delivery_delay_byoiphostnamelookupunavailable", Fact.DELAY, {"reason": "BYOIPHostNameLookupUnavailable"}),
    ("delivery_delay_general", Fact.DELAY, {"reason": "General"}),
    ("delivery_delay_internalfailure", Fact.DELAY, {"reason": "InternalFailure"}),
    ("delivery_delay_ipfailure", Fact.DELAY, {"reason": "IPFailure"}),
    ("delivery_delay_mailboxfull", Fact.DELAY, {"reason": "MailboxFull"}),
    ("delivery_delay_recipientservererror", Fact.DELAY, {"reason": "RecipientServerError"}),
    ("delivery_delay_sendingdeferral", Fact.DELAY, {"reason": "SendingDeferral"}),
    ("delivery_delay_spamdetected", Fact.DELAY, {"reason": "SpamDetected"}),
    ("delivery_delay_transientcommunicationfailure", Fact.DELAY, {"reason": "TransientCommunicationFailure"}),
    ("delivery_delay_undetermined", Fact.DELAY, {"reason": "Undetermined"}),
    ("envelope_eventbridge_bounce", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "text-mailbox", "status": "5.1.1", "said": "smtp; 550 5.1.1 user unknown"}),
    ("envelope_sns_notification_http_or_sqs_nonraw", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "text-mailbox", "status": "5.1.1", "said": "smtp; 550 5.1.1 user unknown"}),
    ("envelope_sqs_message_nonraw", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "text-mailbox", "status": "5.1.1", "said": "smtp; 550 5.1.1 user unknown"}),
    ("envelope_sqs_message_raw", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "text-mailbox", "status": "5.1.1", "said": "smtp; 550 5.1.1 user unknown"}),
    ("legacy_identity_notification_bounce", Fact.BOUNCE_PERMANENT, {"reason": "no_such_mailbox", "class": "bad_mailbox", "rule": "text-mailbox", "status": "5.1.1", "said": "smtp; 550 5.1.1 user unknown"}),
    ("open", Fact.OPEN, {}),
    ("open_before_2026_08_no_isbotevent", Fact.OPEN, {}),
    ("open_bot", Fact.OPEN_MACHINE, {"by": "ses"}),
    ("reject", Fact.REJECT, {"reason": "Bad content"}),
    ("rendering_failure", Fact.RENDERING_FAILURE, {"reason": "Attribute 'html' is not present in the rendering data."}),
    ("send", Fact.SENT, {}),
    ("send_templated_no_subject", Fact.SENT, {}),
    ("subscription", Fact.UNSUBSCRIBE, {}),
]  # fmt: skip


def test_every_sample_that_is_about_a_message_has_its_row() -> None:
    told = {
        path.stem: json.loads(text)
        for path in SAMPLES.glob("*.json")
        if "messageId" in (text := path.read_text())
    }
    assert {row[0] for row in FOLDED} == {name for name in told if name != "eventbridge_detail_types"}


@pytest.mark.parametrize(("name", "fact", "detail"), FOLDED, ids=[row[0] for row in FOLDED])
def test_an_event_brings_its_fact_and_the_proof_of_acceptance(
    name: str, fact: Fact, detail: dict[str, Any]
) -> None:
    found = facts.observed(event(name))
    assert set(found) == {Fact.SENT, fact}
    assert fact is Fact.SENT or found[fact].detail == detail
    assert found[Fact.SENT].first_at == datetime(2026, 10, 1, 8, 0, 0, 120000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        pytest.param(set(), Display.UNKNOWN, id="nothing"),
        pytest.param({Fact.SENT}, Display.ACCEPTED, id="accepted"),
        pytest.param({Fact.SENT, Fact.DELAY}, Display.DELAYED, id="delayed"),
        pytest.param({Fact.SENT, Fact.DELAY, Fact.DELIVERY}, Display.DELIVERED, id="delivered after all"),
        pytest.param({Fact.BOUNCE_TRANSIENT, Fact.DELIVERY}, Display.DELIVERED, id="a soft bounce, then delivered"),
        pytest.param({Fact.SENT, Fact.OPEN}, Display.OPENED, id="an open implies the delivery"),
        pytest.param({Fact.SENT, Fact.OPEN_MACHINE}, Display.DELIVERED, id="a machine's open is no open"),
        pytest.param({Fact.DELIVERY, Fact.OPEN, Fact.CLICK}, Display.CLICKED, id="clicked"),
        pytest.param({Fact.DELIVERY, Fact.BOUNCE_PERMANENT}, Display.HARD_BOUNCED, id="bounce after delivery (E10)"),
        pytest.param({Fact.CLICK, Fact.COMPLAINT}, Display.COMPLAINED, id="complaint"),
        pytest.param({Fact.SENT, Fact.REJECT}, Display.DROPPED, id="rejected"),
        pytest.param({Fact.SENT, Fact.BOUNCE_BLOCK}, Display.REFUSED, id="blocked"),
    ],
)  # fmt: skip
def test_the_strongest_fact_is_shown(known: set[Fact], shown: Display) -> None:
    assert display(known) is shown
