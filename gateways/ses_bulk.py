"""SendBulkEmail: up to fifty messages in one call, through a template that is nothing but three holes.

A bulk call knows only templates. Ours is `{{subject}}`, `{{html}}` and `{{text}}`, and what is poured in is the message
as it was rendered here, so that both APIs send the same mail. SES documents that it fills holes with what it is given,
unescaped; the conformance tests compare what arrives.

What hangs on something that is not documented does not go this way. Its size is `ALONE`, more than any call holds, and
the sender hands it over by SendEmail:

- a message that has `{{` in it. SES should not read its own output as a template again, but `{{ses:...}}` and
  `{{amazonSES...}}` in it are its own placeholders.
- a message with an empty part. A hole without a value is a Rendering Failure, after the message was accepted, and nobody
  says whether an empty value is one.
- an entry of more than 262,144 characters, which SES refuses.

Sources:
    botocore service model sesv2 2019-09-27 (SendBulkEmail); AWS, "Using templates to send personalized email with the
    Amazon SES API" (inline templates, 50 destinations, 1 MB); "Advanced email personalization" (no HTML escaping).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.batching import MOST_BYTES
from core.errors import OutcomeUnknownError, SendingError
from core.message import Message
from gateways.ses_errors import translate_entry


MOST_DATA: Final = 262_144  # characters of one entry's data
ALONE: Final = MOST_BYTES + 1
_TEMPLATE: Final = {
    "TemplateContent": {"Subject": "{{subject}}", "Html": "{{html}}", "Text": "{{text}}"},
    "TemplateData": '{"subject": "", "html": "", "text": ""}',
}


def entry_size(message: Message) -> int:
    """Return the bytes that a message takes up in a bulk call, or `ALONE` if it must not go with others."""
    parts = (message.content.subject, message.content.html, message.content.text)
    if not all(parts) or any("{{" in part for part in parts):
        return ALONE
    entry = _entry(message)
    if len(_data_of(entry)) > MOST_DATA:
        return ALONE
    return len(json.dumps(entry)) + len(", ")  # botocore writes the body with the same defaults, in ASCII


def request(messages: Sequence[Message]) -> dict[str, Any]:
    """Return SendBulkEmail's arguments. Sender, configuration set and SES tenant are the call's, and so must be shared."""
    first = messages[0]
    assert {_shared(message) for message in messages} == {_shared(first)}, "one call has one sender"
    arguments: dict[str, Any] = {
        "FromEmailAddress": first.from_header,
        "ReplyToAddresses": [first.reply_to],
        "DefaultContent": {"Template": _TEMPLATE},
        "BulkEmailEntries": [_entry(message) for message in messages],
    }
    if first.configuration_set:
        arguments["ConfigurationSetName"] = first.configuration_set
    if first.ses_tenant_name:
        arguments["TenantName"] = first.ses_tenant_name
    return arguments


def _shared(message: Message) -> tuple[str | None, ...]:
    return message.from_header, message.reply_to, message.configuration_set, message.ses_tenant_name


def _entry(message: Message) -> dict[str, Any]:
    """Return one message's entry: it names all holes, because what SES does about one that is missing is its own."""
    content = message.content
    data = {"subject": content.subject, "html": content.html, "text": content.text}
    # ASCII would spend six of the 262,144 characters on each letter outside of it.
    replacement = {"ReplacementTemplateData": json.dumps(data, ensure_ascii=False)}
    return {
        "Destination": {"ToAddresses": [message.recipient]},
        "ReplacementEmailContent": {"ReplacementTemplate": replacement},
        "ReplacementHeaders": [{"Name": name, "Value": value} for name, value in message.headers.items()],
        "ReplacementTags": [{"Name": name, "Value": value} for name, value in message.tags.items()],
    }


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
