"""SES events: every documented sample, every door, and what is not an event."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core import events
from core.errors import MalformedEventError
from core.events import Bounce, Complaint, Engagement, Kind, Preferences, Tags, Trouble, dedupe_key, parse


SAMPLES = Path(__file__).resolve().parent.parent / "data" / "ses"

MESSAGE = "0100018f3a2b4c5d-1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809-000000"
FEEDBACK = "0100018f3a2b9999-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee-000000"
COMPLAINT = "0100018f40000000-11111111-2222-3333-4444-555555555555-000000"
MAILED = datetime(2026, 10, 1, 8, 0, 0, 120000, tzinfo=UTC)
BOUNCED = datetime(2026, 10, 1, 8, 0, 3, tzinfo=UTC)
COMPLAINED = datetime(2026, 10, 2, 10, 11, 12, tzinfo=UTC)
LATER = "smtp; 421 4.4.1 try again later"
DELAYED = datetime(2026, 10, 1, 8, 10, tzinfo=UTC)
OPENED = datetime(2026, 10, 1, 9, 15, 0, 500000, tzinfo=UTC)
CLICKED = datetime(2026, 10, 1, 9, 16, 0, 500000, tzinfo=UTC)


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.json").read_text()


def changed(name: str, **members: Any) -> str:
    return json.dumps(json.loads(sample(name)) | members)


def bounce(bounce_type: str, subtype: str, status: str = "", diagnostic: str = "") -> Bounce:
    return Bounce(
        bounce_type=bounce_type, subtype=subtype, feedback_id=FEEDBACK, status=status, diagnostic=diagnostic
    )


def complaint(feedback_type: str, subtype: str = "") -> Complaint:
    return Complaint(feedback_type=feedback_type, subtype=subtype, feedback_id=COMPLAINT)


HARD = bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown")
SHOP = "https://shop.tenant-a.example/p/1?utm=c-42"
SES_DID_NOT_SEND = (
    "Amazon SES did not send the message to this address because it is on the suppression list for your"
)

# One row for every sample that is an event: its kind, its time, its detail.
READ = [
    ("bounce_permanent_email_validation_suppressed", Kind.BOUNCE, BOUNCED, bounce("Permanent", "EmailValidationSuppressed")),
    ("bounce_permanent_general", Kind.BOUNCE, BOUNCED, HARD),
    ("bounce_permanent_noemail", Kind.BOUNCE, BOUNCED, bounce("Permanent", "NoEmail", "5.1.1", "smtp; 550 5.1.1 no such user")),
    ("bounce_permanent_on_account_suppression_list", Kind.BOUNCE, BOUNCED, bounce("Permanent", "OnAccountSuppressionList", "5.1.1", f"{SES_DID_NOT_SEND} account.")),
    ("bounce_permanent_on_tenant_suppression_list", Kind.BOUNCE, BOUNCED, bounce("Permanent", "OnTenantSuppressionList", "5.1.1", f"{SES_DID_NOT_SEND} tenant.")),
    ("bounce_permanent_suppressed_global", Kind.BOUNCE, BOUNCED, bounce("Permanent", "Suppressed", "5.1.1", "Amazon SES has suppressed sending to this address")),
    ("bounce_transient_attachmentrejected", Kind.BOUNCE, BOUNCED, bounce("Transient", "AttachmentRejected", "5.7.0")),
    ("bounce_transient_contentrejected", Kind.BOUNCE, BOUNCED, bounce("Transient", "ContentRejected", "5.7.1")),
    ("bounce_transient_customtimeoutexceeded", Kind.BOUNCE, BOUNCED, bounce("Transient", "CustomTimeoutExceeded", "4.4.7")),
    ("bounce_transient_general", Kind.BOUNCE, BOUNCED, bounce("Transient", "General", "4.4.7", "smtp; 450 4.4.7 message expired")),
    ("bounce_transient_mailboxfull", Kind.BOUNCE, BOUNCED, bounce("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full")),
    ("bounce_transient_messagetoolarge", Kind.BOUNCE, BOUNCED, bounce("Transient", "MessageTooLarge", "5.2.3")),
    ("bounce_two_recipients_one_feedbackid", Kind.BOUNCE, BOUNCED, bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1")),
    ("bounce_undetermined", Kind.BOUNCE, BOUNCED, bounce("Undetermined", "Undetermined")),
    ("click", Kind.CLICK, CLICKED, Engagement(link=SHOP)),
    ("click_bot_no_linktags", Kind.CLICK, CLICKED, Engagement(machine="ses", link=SHOP)),
    ("complaint_abuse", Kind.COMPLAINT, COMPLAINED, complaint("abuse")),
    ("complaint_auth_failure", Kind.COMPLAINT, COMPLAINED, complaint("auth-failure")),
    ("complaint_fraud", Kind.COMPLAINT, COMPLAINED, complaint("fraud")),
    ("complaint_no_report", Kind.COMPLAINT, COMPLAINED, complaint("")),
    ("complaint_not_spam", Kind.COMPLAINT, COMPLAINED, complaint("not-spam")),
    ("complaint_on_account_suppression_list", Kind.COMPLAINT, COMPLAINED, complaint("", "OnAccountSuppressionList")),
    ("complaint_other", Kind.COMPLAINT, COMPLAINED, complaint("other")),
    ("complaint_virus", Kind.COMPLAINT, COMPLAINED, complaint("virus")),
    ("delivery", Kind.DELIVERY, datetime(2026, 10, 1, 8, 0, 1, 345000, tzinfo=UTC), None),
    ("delivery_delay_byoiphostnamelookupunavailable", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="BYOIPHostNameLookupUnavailable", diagnostic=LATER)),
    ("delivery_delay_general", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="General", diagnostic=LATER)),
    ("delivery_delay_internalfailure", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="InternalFailure", diagnostic=LATER)),
    ("delivery_delay_ipfailure", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="IPFailure", diagnostic=LATER)),
    ("delivery_delay_mailboxfull", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="MailboxFull", diagnostic=LATER)),
    ("delivery_delay_recipientservererror", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="RecipientServerError", diagnostic=LATER)),
    ("delivery_delay_sendingdeferral", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="SendingDeferral", diagnostic=LATER)),
    ("delivery_delay_spamdetected", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="SpamDetected", diagnostic=LATER)),
    ("delivery_delay_transientcommunicationfailure", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="TransientCommunicationFailure", diagnostic=LATER)),
    ("delivery_delay_undetermined", Kind.DELIVERY_DELAY, DELAYED, Trouble(reason="Undetermined", diagnostic=LATER)),
    ("envelope_eventbridge_bounce", Kind.BOUNCE, BOUNCED, HARD),
    ("envelope_sns_notification_http_or_sqs_nonraw", Kind.BOUNCE, BOUNCED, HARD),
    ("envelope_sqs_message_nonraw", Kind.BOUNCE, BOUNCED, HARD),
    ("envelope_sqs_message_raw", Kind.BOUNCE, BOUNCED, HARD),
    ("legacy_identity_notification_bounce", Kind.BOUNCE, BOUNCED, HARD),
    ("open", Kind.OPEN, OPENED, Engagement()),
    ("open_before_2026_08_no_isbotevent", Kind.OPEN, OPENED, Engagement()),
    ("open_bot", Kind.OPEN, OPENED, Engagement(machine="ses")),
    ("reject", Kind.REJECT, MAILED, Trouble(reason="Bad content")),
    ("rendering_failure", Kind.RENDERING_FAILURE, MAILED, Trouble(reason="Attribute 'html' is not present in the rendering data.")),
    ("send", Kind.SEND, MAILED, None),
    ("send_templated_no_subject", Kind.SEND, MAILED, None),
    ("subscription", Kind.SUBSCRIPTION, datetime(2026, 10, 3, 7, 0, tzinfo=UTC), Preferences(unsubscribed=True)),
]  # fmt: skip
NEWS = [
    "eventbridge_tenant_advisor_recommendation_open",
    "eventbridge_tenant_sending_status_disabled",
    "eventbridge_tenant_sending_status_enabled",
]
NOTICES = [
    "envelope_sns_subscription_confirmation",
    "envelope_sns_topic_validation_notice_not_json",
    "envelope_sns_unsubscribe_confirmation",
]
NOT_EVENTS = ["api_send_bulk_email_response_mixed", "eventbridge_detail_types"]


def test_every_sample_has_its_row() -> None:
    named = {row[0] for row in READ} | {*NEWS, *NOTICES, *NOT_EVENTS}
    assert {path.stem for path in SAMPLES.glob("*.json")} == named


@pytest.mark.parametrize(("name", "kind", "at", "detail"), READ, ids=[row[0] for row in READ])
def test_a_sample_is_read(name: str, kind: Kind, at: datetime, detail: events.Detail) -> None:
    event = parse(sample(name))
    assert event is not None
    assert (event.kind, event.at, event.detail) == (kind, at, detail)
    assert (event.ses_message_id, event.mailed_at) == (MESSAGE, MAILED)


@pytest.mark.parametrize("name", NEWS)
def test_news_of_a_tenant_is_an_unknown_event_about_no_message(name: str) -> None:
    event = parse(sample(name))
    assert event is not None
    assert (event.kind, event.ses_message_id) == (Kind.UNKNOWN, "")


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_is_no_event(name: str) -> None:
    assert parse(sample(name)) is None


def test_a_notice_delivered_raw_is_no_event() -> None:
    assert parse("Successfully validated SNS topic for Amazon SES event publishing.\n") is None
    assert parse('{"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have"}') is None


@pytest.mark.parametrize("name", NOT_EVENTS)
def test_other_json_of_amazon_is_malformed(name: str) -> None:
    with pytest.raises(MalformedEventError):
        parse(sample(name))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="empty"),
        pytest.param("hello", id="prose"),
        pytest.param("[]", id="list"),
        pytest.param('"text"', id="string"),
        pytest.param("null", id="null"),
        pytest.param("[" * 1_000_000, id="a million deep (E07)"),
        pytest.param('{"a":' * 100_000, id="objects 100,000 deep"),
        pytest.param('{"eventType": "Bounce"}', id="no mail"),
        pytest.param('{"eventType": "Bounce", "mail": {"messageId": ""}}', id="no message id"),
        pytest.param('{"eventType": "Send", "mail": {"messageId": "m"}}', id="no time"),
        pytest.param('{"eventType": "Send", "mail": {"messageId": "m", "timestamp": "yesterday"}}', id="bad time"),
        pytest.param('{"eventType": "Send", "mail": {"messageId": "m", "timestamp": "0001-01-01T00:00:00+14:00"}}', id="time before time"),
        pytest.param('{"eventType": "Send", "mail": {"messageId": 7, "timestamp": "2026-10-01T08:00:00Z"}}', id="message id is a number"),
        pytest.param('{"TopicArn": "t", "Type": "Notification", "Message": 7}', id="envelope around a number"),
        pytest.param('{"TopicArn": "t", "Type": "Notification"}', id="empty envelope"),
        pytest.param(json.dumps({"eventType": "Send", "pad": "x" * 1_048_576}), id="longer than SQS can carry"),
        pytest.param('{"eventType": "Se\0nd"}', id="NUL"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_malformed(raw: str) -> None:
    with pytest.raises(MalformedEventError):
        parse(raw)


def test_envelopes_without_end_are_malformed() -> None:
    raw = sample("send")
    for _ in range(5):
        raw = json.dumps({"Body": raw})
    with pytest.raises(MalformedEventError, match="envelopes"):
        parse(raw)


def test_eventbridge_events_in_one_another_are_malformed() -> None:
    raw = sample("send")
    for _ in range(400):
        raw = f'{{"detail-type": "x", "eventType": "Send", "detail": {raw}}}'
    with pytest.raises(MalformedEventError, match="envelopes"):
        parse(raw)


def test_an_unknown_type_of_any_depth_is_an_event_or_malformed() -> None:
    for depth in range(100, 1100, 50):
        raw = (
            changed("send", eventType="Telepathy").removesuffix("}")
            + f', "deep": {"[" * depth}{"]" * depth}}}'
        )
        try:
            event = parse(raw)
        except MalformedEventError:
            continue
        assert event is not None
        assert event.kind is Kind.UNKNOWN


def test_an_unknown_type_is_an_event_and_not_an_error() -> None:
    event = parse(changed("send", eventType="Telepathy", telepathy={"strength": 9}))
    assert event is not None
    assert (event.kind, event.ses_type, event.ses_message_id) == (Kind.UNKNOWN, "Telepathy", MESSAGE)


def test_unknown_fields_change_nothing() -> None:
    assert parse(changed("send", futureField={"a": [1]})) == parse(sample("send"))


def test_what_postgresql_cannot_store_is_replaced() -> None:
    mail = json.loads(sample("send"))["mail"] | {"tags": {"tenant": ["a\ud800b\x00c"]}}
    event = parse(json.dumps({"eventType": "Send", "mail": mail}))
    assert event is not None
    assert event.tags.tenant == "a?b\ufffdc"


def test_members_of_the_wrong_type_are_read_as_missing() -> None:
    raw = changed("bounce_permanent_general", bounce={"bouncedRecipients": "all", "bounceType": 5})
    event = parse(raw)
    assert event is not None
    assert event.detail == Bounce(bounce_type="", subtype="", feedback_id="")


def test_our_tags_and_those_of_ses_are_read() -> None:
    mail = json.loads(sample("send"))["mail"]
    mail["tags"] |= {
        "tenant": ["acme"],
        "campaign": ["7"],
        "delivery": ["42"],
        "attempt": ["a_-9"],
        "ses:tenant-name": ["acme-ses"],
    }
    event = parse(json.dumps({"eventType": "Send", "mail": mail}))
    assert event is not None
    assert event.tags == Tags(
        tenant="acme",
        campaign="7",
        delivery="42",
        attempt="a_-9",
        configuration_set="tenant-a-marketing",
        ses_tenant="acme-ses",
    )
    assert event.tags.delivery_id == 42


@pytest.mark.parametrize("tag", ["", "x", "-1", "1.5", "9" * 30])
def test_a_delivery_tag_that_is_no_id_of_ours_is_none(tag: str) -> None:
    assert Tags(delivery=tag).delivery_id is None


def test_an_event_does_not_print_addresses() -> None:
    event = parse(sample("bounce_permanent_general"))
    assert event is not None
    assert event.recipients == ("reader@example.net",)
    assert "reader@example.net" not in repr(event)


def key(raw: str) -> str:
    event = parse(raw)
    assert event is not None
    return dedupe_key(event)


def test_one_event_has_one_key_through_every_door() -> None:
    """E01"""
    doors = ["envelope_sns_notification_http_or_sqs_nonraw", "envelope_sqs_message_nonraw",
             "envelope_sqs_message_raw", "envelope_eventbridge_bounce", "bounce_permanent_general"]  # fmt: skip
    assert len({key(sample(name)) for name in doors}) == 1


def test_different_events_have_different_keys() -> None:
    variants = {"envelope_eventbridge_bounce", "envelope_sns_notification_http_or_sqs_nonraw",
                "envelope_sqs_message_nonraw", "envelope_sqs_message_raw", "legacy_identity_notification_bounce",
                "send_templated_no_subject", "open_before_2026_08_no_isbotevent", "open_bot",
                "click_bot_no_linktags"}  # fmt: skip
    delays = {row[0] for row in READ if row[1] is Kind.DELIVERY_DELAY} - {"delivery_delay_general"}
    others = [row[0] for row in READ if row[0] not in variants | delays]
    assert len({key(sample(name)) for name in others}) == len(others) == 30


def test_a_second_open_has_another_key() -> None:
    body = json.loads(sample("open"))["open"]
    later = changed("open", open=body | {"timestamp": "2026-10-01T09:15:01.500Z"})
    elsewhere = changed("open", open=body | {"ipAddress": "192.0.2.78"})
    assert len({key(sample("open")), key(later), key(elsewhere)}) == 3


def test_two_unknown_events_of_one_message_have_two_keys() -> None:
    one, other = (changed("send", eventType="Telepathy", telepathy=n) for n in (1, 2))
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        pytest.param(Tags(), None, id="SES says nothing"),
        pytest.param(Tags(configuration_set="acme", ses_tenant="acme"), None, id="SES agrees"),
        pytest.param(Tags(configuration_set="other"), "the configuration set is not the tagged tenant's", id="set"),
        pytest.param(Tags(ses_tenant="other"), "the SES tenant is not the tagged tenant's", id="SES tenant"),
    ],
)  # fmt: skip
def test_tags_that_ses_contradicts_are_found(tags: Tags, reason: str | None) -> None:
    """E12"""
    assert events.disagreement(tags, configuration_set="acme", ses_tenant_name="acme") == reason


def test_a_tenant_without_ses_names_cannot_be_contradicted() -> None:
    tags = Tags(configuration_set="any", ses_tenant="any")
    assert events.disagreement(tags, configuration_set=None, ses_tenant_name=None) is None
