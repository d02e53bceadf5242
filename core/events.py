"""Events: what Amazon SES reports about a message, translated once into our words.

SES publishes the same JSON through several doors (see `core.envelopes`), and in the older form of identity
notifications. `parse` takes all of them; SES's own words end here, and in `core.bounces`, whose subject they are. The
raw text is kept beside the translation, in the inbox.

Terms:
    event: one thing that happened to one message.
    tag: a name and value that we put on a message and that SES repeats in every event of it.
    dedupe key: the same for two copies of one event through whatever doors, different for two events.

Invariants:
    Unknown fields are ignored, and an unknown type is an event of kind `unknown`, never an error: SES adds both.
    Nothing that `parse` returns holds a NUL or a lone surrogate, which PostgreSQL's text cannot store.
    Two copies of one event have one dedupe key; a second open or click of a message has another.

Standards:
    Amazon SES "Contents of event data that Amazon SES publishes to Amazon SNS", "Amazon SNS notification contents for
    Amazon SES" (the older form); RFC 3464 (delivery status notifications), RFC 5965 (abuse feedback reports).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from core import envelopes, machines
from core.errors import MalformedEventError
from core.foreign import list_of, object_of, text_of


class Kind(StrEnum):
    """What happened."""

    SEND = "send"  # SES accepted the message
    DELIVERY = "delivery"  # the recipient's mail server accepted it
    DELIVERY_DELAY = "delivery_delay"  # not yet; SES goes on trying
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    REJECT = "reject"  # SES accepted it, found a virus in it and dropped it
    RENDERING_FAILURE = "rendering_failure"  # SES accepted it and could not render its template
    OPEN = "open"
    CLICK = "click"
    SUBSCRIPTION = "subscription"  # a preference changed on SES's own list-management page
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Our own tags, and three that SES adds itself, which nobody else can forge."""

    tenant: str = ""  # our slug
    campaign: str = ""
    delivery: str = ""
    attempt: str = ""
    test: str = ""  # of a test to a seed, which has no delivery
    configuration_set: str = ""
    ses_tenant: str = ""

    @property
    def delivery_id(self) -> int | None:
        """Return the delivery that the sender named, or None when there is none or it is no id of ours."""
        return _id_of(self.delivery)

    @property
    def campaign_id(self) -> int | None:
        """Return the campaign that the sender named, or None as above."""
        return _id_of(self.campaign)


def _id_of(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A bounce in SES's words; `core.bounces` says what it means."""

    bounce_type: str
    subtype: str
    feedback_id: str
    status: str = ""  # RFC 3463 code of the bounce report, such as 5.1.1
    diagnostic: str = field(default="", repr=False)  # may quote the address


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A report of a mailbox provider; `feedback_type` is RFC 5965's, empty without a report."""

    feedback_type: str
    subtype: str
    feedback_id: str

    @property
    def is_unwelcome(self) -> bool:
        """Whether the person did not want the mail. `not-spam` takes a complaint back."""
        return self.feedback_type != "not-spam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """An open or a click; `machine` is the rule of `core.machines` that calls it no person's, empty for a person's."""

    machine: str = ""
    link: str = ""

    @property
    def is_machine(self) -> bool:
        """Whether no person opened or clicked."""
        return bool(self.machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a message was delayed, rejected or not rendered, as SES says it, and the receiver's reply where there is one."""

    reason: str
    diagnostic: str = field(default="", repr=False)  # may quote the address


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a person chose on SES's list-management page."""

    unsubscribed: bool


Detail = Bounce | Complaint | Engagement | Trouble | Preferences | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `at` is when it happened, `mailed_at` when SES accepted the message."""

    kind: Kind
    ses_type: str
    ses_message_id: str  # empty only for an unknown kind that is about no message
    at: datetime
    mailed_at: datetime
    tags: Tags = Tags()
    recipients: tuple[str, ...] = field(default=(), repr=False)
    detail: Detail = None
    told_apart_by: tuple[str, ...] = field(default=(), repr=False)
    sns_message_id: str | None = None


def parse(raw: str) -> Event | None:
    """Return the event in a text that came from a queue, a webhook or a file; None for SES's own notices.

    Raises:
        MalformedEventError: It is not JSON, not an object, or lacks the message id or the time of its message.
    """
    content = envelopes.opened(raw)
    if content is None:
        return None
    try:
        return _event(content.document, content.sns_message_id)
    except RecursionError as error:
        raise MalformedEventError("an event nested deeper than anybody nests") from error


def dedupe_key(event: Event) -> str:
    """Return 64 hex digits that all copies of one event share."""
    parts = (event.ses_type, event.ses_message_id, *sorted(event.recipients), *event.told_apart_by)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def disagreement(tags: Tags, *, configuration_set: str | None, ses_tenant_name: str | None) -> str | None:
    """Say how SES's own tags contradict the tenant that our tag names; None when they do not.

    Whoever may send through the account chooses the first; SES alone writes the others.
    """
    if configuration_set and tags.configuration_set not in {"", configuration_set}:
        return "the configuration set is not the tagged tenant's"
    if ses_tenant_name and tags.ses_tenant not in {"", ses_tenant_name}:
        return "the SES tenant is not the tagged tenant's"
    return None


def _event(document: Mapping[str, Any], sns_message_id: str | None) -> Event | None:
    ses_type = text_of(document.get("eventType") or document.get("notificationType"))
    if ses_type == "AmazonSnsSubscriptionSucceeded":
        return None
    if ses_type:
        return _from_ses(ses_type, document, sns_message_id)
    if "detail-type" in document:
        return _news(document, sns_message_id)
    raise MalformedEventError("JSON without an event type")


def _news(document: Mapping[str, Any], sns_message_id: str | None) -> Event:
    """Read EventBridge's news of a tenant or of the account, such as "Sending Status Disabled": about no message."""
    at = _moment(document.get("time"))
    return Event(
        kind=Kind.UNKNOWN,
        ses_type=text_of(document.get("detail-type")),
        ses_message_id="",
        at=at,
        mailed_at=at,
        told_apart_by=(text_of(document.get("id")),),
        sns_message_id=sns_message_id,
    )


def _from_ses(ses_type: str, document: Mapping[str, Any], sns_message_id: str | None) -> Event:
    mail = object_of(document.get("mail"))
    ses_message_id = text_of(mail.get("messageId"))
    if not ses_message_id:
        raise MalformedEventError("an event without a message id")
    kind, member, read = _READERS.get(ses_type, (Kind.UNKNOWN, "", _nothing))
    body = object_of(document.get(member))
    mailed_at = _moment(mail.get("timestamp"))
    detail, told_apart_by = read(body)
    return Event(
        kind=kind,
        ses_type=ses_type,
        ses_message_id=ses_message_id,
        at=_moment(body["timestamp"]) if "timestamp" in body else mailed_at,
        mailed_at=mailed_at,
        tags=_tags(mail.get("tags")),
        recipients=_recipients(body) or tuple(text_of(one) for one in list_of(mail.get("destination"))),
        detail=detail,
        told_apart_by=told_apart_by if kind is not Kind.UNKNOWN else (_digest(document),),
        sns_message_id=sns_message_id,
    )


# What a reader returns: the detail, and what tells two events of one kind, message and recipient apart.
_Read = tuple[Detail, tuple[str, ...]]


def _nothing(_body: Mapping[str, Any]) -> _Read:
    return None, ()


def _bounce(body: Mapping[str, Any]) -> _Read:
    everybody = [object_of(one) for one in list_of(body.get("bouncedRecipients"))]
    # We send to one recipient; should there be more, one that gives a reason speaks for the message.
    spoken = next((one for one in everybody if "status" in one or "diagnosticCode" in one), {})
    feedback_id = text_of(body.get("feedbackId"))
    bounce = Bounce(
        bounce_type=text_of(body.get("bounceType")),
        subtype=text_of(body.get("bounceSubType")),
        feedback_id=feedback_id,
        status=text_of(spoken.get("status")),
        diagnostic=text_of(spoken.get("diagnosticCode")),
    )
    return bounce, (feedback_id, text_of(body.get("timestamp")), bounce.bounce_type, bounce.subtype)


def _complaint(body: Mapping[str, Any]) -> _Read:
    feedback_id = text_of(body.get("feedbackId"))
    complaint = Complaint(
        feedback_type=text_of(body.get("complaintFeedbackType")).lower(),
        subtype=text_of(body.get("complaintSubType")),
        feedback_id=feedback_id,
    )
    return complaint, (
        feedback_id,
        text_of(body.get("timestamp")),
        complaint.feedback_type,
        complaint.subtype,
    )


def _engagement(body: Mapping[str, Any]) -> _Read:
    link = text_of(body.get("link"))
    at, address, agent = (text_of(body.get(name)) for name in ("timestamp", "ipAddress", "userAgent"))
    # "Likely" or "Unlikely" since August 2026; absent before.
    said = machines.machine(is_bot_event=text_of(body.get("isBotEvent")), user_agent=agent)
    return Engagement(machine=said, link=link), (at, address, agent, link)


def _delay(body: Mapping[str, Any]) -> _Read:
    delayed = object_of(next(iter(list_of(body.get("delayedRecipients"))), None))
    trouble = Trouble(
        reason=text_of(body.get("delayType")), diagnostic=text_of(delayed.get("diagnosticCode"))
    )
    return trouble, (text_of(body.get("timestamp")),)


def _reject(body: Mapping[str, Any]) -> _Read:
    return Trouble(reason=text_of(body.get("reason"))), ()


def _rendering_failure(body: Mapping[str, Any]) -> _Read:
    return Trouble(reason=text_of(body.get("errorMessage"))), ()


def _preferences(body: Mapping[str, Any]) -> _Read:
    chosen = object_of(body.get("newTopicPreferences"))
    return Preferences(unsubscribed=chosen.get("unsubscribeAll") is True), (text_of(body.get("timestamp")),)


_READERS: Final[dict[str, tuple[Kind, str, Callable[[Mapping[str, Any]], _Read]]]] = {
    "Send": (Kind.SEND, "send", _nothing),
    "Delivery": (Kind.DELIVERY, "delivery", _nothing),
    "DeliveryDelay": (Kind.DELIVERY_DELAY, "deliveryDelay", _delay),
    "Bounce": (Kind.BOUNCE, "bounce", _bounce),
    "Complaint": (Kind.COMPLAINT, "complaint", _complaint),
    "Reject": (Kind.REJECT, "reject", _reject),
    "Rendering Failure": (Kind.RENDERING_FAILURE, "failure", _rendering_failure),
    "Open": (Kind.OPEN, "open", _engagement),
    "Click": (Kind.CLICK, "click", _engagement),
    "Subscription": (Kind.SUBSCRIPTION, "subscription", _preferences),
}


def _recipients(body: Mapping[str, Any]) -> tuple[str, ...]:
    for name in ("bouncedRecipients", "complainedRecipients", "delayedRecipients"):
        if name in body:
            return tuple(text_of(object_of(one).get("emailAddress")) for one in list_of(body[name]))
    return tuple(text_of(one) for one in list_of(body.get("recipients")))


def _tags(value: object) -> Tags:
    tags = object_of(value)
    return Tags(
        tenant=_first(tags, "tenant"),
        campaign=_first(tags, "campaign"),
        delivery=_first(tags, "delivery"),
        attempt=_first(tags, "attempt"),
        test=_first(tags, "test"),
        configuration_set=_first(tags, "ses:configuration-set"),
        ses_tenant=_first(tags, "ses:tenant-name"),
    )


def _first(tags: Mapping[str, Any], name: str) -> str:
    values = tags.get(name)
    return text_of(values[0]) if isinstance(values, list) and values else ""


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _moment(value: object) -> datetime:
    """Return an ISO 8601 time in UTC."""
    try:
        moment = datetime.fromisoformat(text_of(value))
        if moment.tzinfo is UTC:
            return moment
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedEventError("an event whose time cannot be read") from error
