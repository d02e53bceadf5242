"""The JSON of SES events, exactly as SES publishes it: names, nesting, which kind carries which tags and headers.

What surprises about the real thing, and is kept: the address lists differ by kind in name and shape; `mail` of a
DeliveryDelay and of a Rendering Failure has no headers; the tenant stands only in the tags of bounces and complaints;
"Rendering Failure" has a space; `isBotEvent` is a string; the document ends with a line feed.

Sources: SES developer guide, "event-publishing-retrieving-sns-contents" and "-examples"; tests/data/ses.
"""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from simulator.addresses import bare_address, domain_of
from simulator.behaviour import Step
from simulator.limits import timestamp
from simulator.message import Message


ACCOUNT_ID: Final = "111122223333"
_HEADER_BYTES: Final = 10 * 1024
_DELIVERY_LIFETIME: Final = 14 * 60 * 60
_WITHOUT_HEADERS: Final = frozenset({"DeliveryDelay", "Rendering Failure"})
_WITH_TENANT: Final = frozenset({"Bounce", "Complaint"})
CRITICAL: Final = frozenset(
    {"Send", "Reject", "Rendering Failure", "Bounce", "Complaint", "DeliveryDelay", "Subscription"}
)


def new_ses_message_id(moment: float, draw: random.Random) -> str:
    """Return a message id in SES's form: 01000, the time in milliseconds, a UUID and a counter that is always 0."""
    return f"0100{int(moment * 1000):012x}-{_uuid(draw)}-000000"


def _uuid(draw: random.Random) -> uuid.UUID:
    return uuid.UUID(int=draw.getrandbits(128), version=4)


class Mail:
    """The `mail` object that all events of one message share.

    Args:
        message: What was sent.
        ses_message_id: What SES answered.
        accepted_at: Unix time.
        region: For the ARN of the identity.
    """

    def __init__(self, message: Message, ses_message_id: str, accepted_at: float, region: str) -> None:
        self.ses_message_id = ses_message_id
        self.accepted_at = accepted_at
        self._tenant = message.tenant
        self._tags = _tags(message)
        domain = domain_of(bare_address(message.sender))
        self._brief: dict[str, Any] = {
            "timestamp": timestamp(accepted_at),
            "source": message.sender,
            "sourceArn": f"arn:aws:ses:{region}:{ACCOUNT_ID}:identity/{domain}",
            "sendingAccountId": ACCOUNT_ID,
            "messageId": ses_message_id,
            "destination": message.recipients,
        }
        headers, is_truncated = _headers(message)
        common = {
            "from": [message.sender],
            "to": message.to,
            "messageId": ses_message_id,
            "subject": message.subject,
        }
        self._brief["headersTruncated"] = is_truncated
        self._full = self._brief | {"headers": headers, "commonHeaders": common}

    def as_json(self, kind: str) -> dict[str, Any]:
        """Return `mail` as an event of this kind carries it."""
        tags = self._tags
        if kind == "Delivery":
            tags = tags | {"ses:outgoing-ip": ["198.51.100.7"], "ses:outgoing-tls-version": ["TLSv1.3"]}
        elif kind in _WITH_TENANT and self._tenant:
            tags = tags | {"ses:tenant-name": [self._tenant]}
        return (self._brief if kind in _WITHOUT_HEADERS else self._full) | {"tags": tags}


def _tags(message: Message) -> dict[str, list[str]]:
    tags = {
        "ses:operation": [message.operation],
        "ses:configuration-set": [message.configuration_set],
        "ses:source-ip": [message.source_ip],
        "ses:from-domain": [domain_of(bare_address(message.sender))],
        "ses:caller-identity": ["simulated-sender"],
        "ses:source-tls-version": ["TLSv1.3"],
    }
    for name, value in message.tags:
        tags.setdefault(name, []).append(value)
    return tags


def _headers(message: Message) -> tuple[list[dict[str, str]], bool]:
    """Return the headers as SES lists them, and whether they had to be cut at 10 KB."""
    pairs = {
        "From": message.sender,
        "Reply-To": ", ".join(message.reply_to),
        "To": ", ".join(message.to),
        "Subject": message.subject,
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="----=_Part_1_2.3"',
    }
    listed: list[dict[str, str]] = []
    room = _HEADER_BYTES
    for name, value in ({name: value for name, value in pairs.items() if value} | message.headers).items():
        room -= len(name) + len(value) + 4
        if room < 0:
            return listed, True
        listed.append({"name": name, "value": value})
    return listed, False


def event_json(mail: Mail, step: Step, happened_at: float, draw: random.Random) -> str:
    """Return one event as SES publishes it.

    Args:
        mail: The message.
        step: What happened to it.
        happened_at: Unix time.
        draw: For the ids that SES makes up.
    """
    member, body = _BODIES[step.kind](mail, step, happened_at, draw)
    document = {"eventType": step.kind, member: body, "mail": mail.as_json(step.kind)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


_Body = tuple[str, Mapping[str, Any]]


def _send(_mail: Mail, _step: Step, _at: float, _draw: random.Random) -> _Body:
    return "send", {}


def _delivery(mail: Mail, step: Step, at: float, _draw: random.Random) -> _Body:
    return "delivery", {
        "timestamp": timestamp(at),
        "processingTimeMillis": round((at - mail.accepted_at) * 1000),
        "recipients": [step.address],
        "smtpResponse": step.detail["smtpResponse"].format(ses_message_id=mail.ses_message_id),
        "reportingMTA": "a8-70.smtp-out.amazonses.com",
        "remoteMtaIp": "203.0.113.25",
    }


def _bounce(_mail: Mail, step: Step, at: float, draw: random.Random) -> _Body:
    return "bounce", {**step.detail, "timestamp": timestamp(at), "feedbackId": new_ses_message_id(at, draw)}


def _complaint(_mail: Mail, step: Step, at: float, draw: random.Random) -> _Body:
    return "complaint", {
        "complaintSubType": None,
        **step.detail,
        "timestamp": timestamp(at),
        "feedbackId": new_ses_message_id(at, draw),
        "arrivalDate": timestamp(at),
    }


def _delay(_mail: Mail, step: Step, at: float, _draw: random.Random) -> _Body:
    expires = timestamp(at + _DELIVERY_LIFETIME)
    return "deliveryDelay", {
        **step.detail,
        "timestamp": timestamp(at),
        "expirationTime": expires,
        "reportingMTA": "192.0.2.50",
    }


def _open(_mail: Mail, step: Step, at: float, _draw: random.Random) -> _Body:
    return "open", {**step.detail, "timestamp": timestamp(at)}


def _click(_mail: Mail, step: Step, at: float, _draw: random.Random) -> _Body:
    return "click", {**step.detail, "timestamp": timestamp(at)}


def _reject(_mail: Mail, _step: Step, _at: float, _draw: random.Random) -> _Body:
    return "reject", {"reason": "Bad content"}


def _failure(_mail: Mail, step: Step, _at: float, _draw: random.Random) -> _Body:
    said = f"Attribute '{step.detail['attribute']}' is not present in the rendering data."
    # What SES writes here for an inline template, which has no name, is undocumented.
    return "failure", {"errorMessage": said, "templateName": ""}


_BODIES: Final[Mapping[str, Callable[[Mail, Step, float, random.Random], _Body]]] = {
    "Send": _send,
    "Delivery": _delivery,
    "Bounce": _bounce,
    "Complaint": _complaint,
    "DeliveryDelay": _delay,
    "Open": _open,
    "Click": _click,
    "Reject": _reject,
    "Rendering Failure": _failure,
}
