"""SendBulkEmail: up to fifty messages in one call, through a template that is their common frame.

A bulk call knows only templates. Ours is what the messages share (`core.frames`), once in the call, and each entry brings
its holes, so that both APIs send the same mail. SES documents that it fills holes with what it is given, unescaped; the
conformance tests compare what arrives.

What hangs on something that is not documented does not go this way. Its size is `ALONE`, more than any call holds, and
the sender hands it over by SendEmail:

- a message that has `{{` in one of its holes. SES should not read its own output as a template again, but `{{ses:...}}`
  and `{{amazonSES...}}` in it are its own placeholders.
- a message with an empty hole. A hole without a value is a Rendering Failure, after the message was accepted, and nobody
  says whether an empty value is one. (Frames are carved so that only an empty subject or part makes one.)
- an entry of more than 262,144 characters, which SES refuses.

Sources:
    botocore service model sesv2 2019-09-27 (SendBulkEmail); AWS, "Using templates to send personalized email with the
    Amazon SES API" (inline templates, 50 destinations, 1 MB); "Advanced email personalization" (no HTML escaping).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from core.batching import MOST_BYTES, batches
from core.errors import OutcomeUnknownError, SendingError
from core.frames import Filling, Frame
from core.message import Message
from gateways.ses_errors import translate_entry


MOST_DATA: Final = 262_144  # characters of one entry's data
ALONE: Final = MOST_BYTES + 1

Frames = tuple[Frame, Frame]


def calls(messages: Sequence[Message]) -> Iterator[list[int]]:
    """Yield which messages go out together, by their positions: those of one frame, as many as a call holds.

    A list of one is a message for SendEmail.
    """
    alike: dict[Frames, list[int]] = {}
    sizes = [entry_size(message) for message in messages]
    for position, message in enumerate(messages):
        if sizes[position] == ALONE:
            yield [position]
        else:
            alike.setdefault(_frames(message), []).append(position)
    for frames, positions in alike.items():
        own = [sizes[position] for position in positions]
        for batch in batches(own, most_bytes=MOST_BYTES - shared_size(frames)):
            yield positions[batch]


def entry_size(message: Message) -> int:
    """Return the bytes that a message takes up in a bulk call, or `ALONE` if it must not go with others."""
    holes = _holes(message)
    if not all(holes.values()) or any("{{" in value for value in holes.values()):
        return ALONE
    entry = _entry(message)
    if len(_data_of(entry)) > MOST_DATA:
        return ALONE
    return len(json.dumps(entry)) + len(", ")  # botocore writes the body with the same defaults, in ASCII


def shared_size(frames: Frames) -> int:
    """Return the bytes that what the messages share takes up in a bulk call."""
    return _template(*frames)[1]


def request(messages: Sequence[Message]) -> dict[str, Any]:
    """Return SendBulkEmail's arguments. Sender, frame, configuration set and SES tenant are the call's, so must be shared."""
    first = messages[0]
    assert {_shared(message) for message in messages} == {_shared(first)}, (
        "one call has one sender and one frame"
    )
    arguments: dict[str, Any] = {
        "FromEmailAddress": first.from_header,
        "ReplyToAddresses": [first.reply_to],
        "DefaultContent": {"Template": _template(*_frames(first))[0]},
        "BulkEmailEntries": [_entry(message) for message in messages],
    }
    if first.configuration_set:
        arguments["ConfigurationSetName"] = first.configuration_set
    if first.ses_tenant_name:
        arguments["TenantName"] = first.ses_tenant_name
    return arguments


def _shared(message: Message) -> tuple[object, ...]:
    return (
        message.from_header,
        message.reply_to,
        message.configuration_set,
        message.ses_tenant_name,
        _frames(message),
    )


def _filling(message: Message) -> Filling:
    content = message.content
    return content.filling or Filling.whole(content.html, content.text)


def _frames(message: Message) -> Frames:
    filling = _filling(message)
    return filling.html_frame, filling.text_frame


@lru_cache(maxsize=256)  # a campaign has one, or one for each of its languages
def _template(html: Frame, text: Frame) -> tuple[dict[str, Any], int]:
    """Return the template of a call, and its bytes."""
    names = ["subject", *html.names("h"), *text.names("t")]
    template = {
        "TemplateContent": {
            "Subject": "{{subject}}",
            "Html": html.as_template("h"),
            "Text": text.as_template("t"),
        },
        "TemplateData": json.dumps(dict.fromkeys(names, "")),
    }
    return template, len(json.dumps(template))


def _entry(message: Message) -> dict[str, Any]:
    """Return one message's entry: it names all holes, because what SES does about one that is missing is its own."""
    # ASCII would spend six of the 262,144 characters on each letter outside of it.
    replacement = {"ReplacementTemplateData": json.dumps(_holes(message), ensure_ascii=False)}
    return {
        "Destination": {"ToAddresses": [message.recipient]},
        "ReplacementEmailContent": {"ReplacementTemplate": replacement},
        "ReplacementHeaders": [{"Name": name, "Value": value} for name, value in message.headers.items()],
        "ReplacementTags": [{"Name": name, "Value": value} for name, value in message.tags.items()],
    }


def _holes(message: Message) -> dict[str, str]:
    filling = _filling(message)
    named = chain(
        zip(filling.html_frame.names("h"), filling.html, strict=True),
        zip(filling.text_frame.names("t"), filling.text, strict=True),
    )
    return {"subject": message.content.subject, **dict(named)}


def _data_of(entry: Mapping[str, Any]) -> str:
    data: str = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    return data


def answers(answer: Mapping[str, Any], expected: int) -> list[str | SendingError]:
    """Return what each message came to: its `ses_message_id`, or our error. Results have no names, only their places.

    Args:
        answer: SES's, as botocore parsed it. A truncated or a proxy's HTML answer parses to one without results.
        expected: How many entries the call had. Of those beyond the last result nothing is known, and a list that is
            longer is not the answer to this call.
    """
    request_id = str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
    results: Sequence[Mapping[str, str]] = answer.get("BulkEmailEntryResults", ())
    known = results if len(results) <= expected else ()
    told = [_answer(result, request_id) for result in known]
    return told + [_unknown("NoResult", request_id) for _ in range(expected - len(told))]


def _answer(result: Mapping[str, str], request_id: str) -> str | SendingError:
    status = result.get("Status", "")
    if status == "SUCCESS":
        return result.get("MessageId") or _unknown("NoMessageId", request_id)
    return translate_entry(status, result.get("Error", ""), request_id=request_id)


def _unknown(code: str, request_id: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "SES answered 200 without a word of this message",
        error_code=code,
        http_status=200,
        request_id=request_id,
    )
