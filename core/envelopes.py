"""Envelopes: what AWS wraps around an SES event on its way, opened one after the other.

Terms:
    envelope: an SQS message with a Body, an SNS notification with a Message, or an EventBridge event with a detail.
    raw delivery: SNS hands an event to SQS without its own envelope; a subscription may be set to either.
    notice: what SES and SNS say about the topic itself. It is not about a message, and not always JSON.

Standards:
    Amazon SNS "Amazon SNS raw message delivery", "HTTP/HTTPS notification JSON format"; Amazon EventBridge "AWS service
    event metadata"; Amazon SES "Monitor SES sending using Amazon EventBridge".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import MalformedEventError
from core.foreign import object_of, parsed, text_of


@dataclass(frozen=True, slots=True)
class Content:
    """The JSON inside of all envelopes, and the id of the SNS notification that carried it."""

    document: Mapping[str, Any]
    sns_message_id: str | None


# SES sends this as bare text when a topic becomes an event destination.
_NOTICE: Final = "Successfully validated"

# SQS around SNS around EventBridge is the deepest that can be configured.
_MOST_ENVELOPES: Final = 3

# The largest message that SQS takes, in bytes; a character is at least one.
_MOST_CHARACTERS: Final = 1_048_576


def opened(raw: str) -> Content | None:
    """Return what is inside; None for a notice.

    Raises:
        MalformedEventError: It is not JSON, or has more envelopes than can be.
    """
    sns_message_id: str | None = None
    inside: object = raw
    for _ in range(_MOST_ENVELOPES + 1):
        document = _document(inside)
        if document is None:
            return None
        if "Body" in document:
            inside = document["Body"]
        elif "TopicArn" in document:
            if document.get("Type") != "Notification":
                return None
            sns_message_id = text_of(document.get("MessageId")) or None
            inside = document.get("Message")
        elif "eventType" in object_of(document.get("detail")):
            inside = document["detail"]
        else:
            return Content(document, sns_message_id)
    raise MalformedEventError("more envelopes around an event than Amazon can make")


def _document(content: object) -> Mapping[str, Any] | None:
    """Return an object that is there already or is written as text; None for a notice."""
    if isinstance(content, dict):
        return content
    if not isinstance(content, str):
        raise MalformedEventError("an envelope without an event")
    if content.startswith(_NOTICE):
        return None
    if len(content) > _MOST_CHARACTERS:
        raise MalformedEventError("an event longer than a queue message can be")
    return parsed(content)
