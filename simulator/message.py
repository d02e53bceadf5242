"""A message as SES understood it, whichever of the three contents and two operations brought it.

`read_send` and `read_bulk_entry` translate a request once; what follows (journal, behaviour, events) sees only `Message`.
Inline templates get what SES documents for them: plain substitution of `{{name}}`, once, without HTML escaping. A name
the data does not have makes no error here: SES accepts such a message and reports a Rendering Failure later.

Sources: SES developer guide, "send-personalized-email-api", "send-personalized-email-advanced", "event-publishing-send-email"
(the X-SES-* headers of raw messages; parameters of the request win over them).
"""

import base64
import binascii
import email
import email.policy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Any, Final

from simulator import validation
from simulator.addresses import bare_address
from simulator.errors import SesError, bad_request


# The middle of the EICAR test file: the whole would make virus scanners delete this source.
_VIRUS: Final = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}")
# SES replaces this one itself, after rendering; it is no name of the data.
_RESERVED: Final = frozenset({"amazonSESUnsubscribeUrl"})


@dataclass(slots=True)
class Message:
    """One message that SES is asked to send."""

    operation: str
    sender: str = ""
    to: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    reply_to: list[str] = field(default_factory=list)
    subject: str = ""
    html: str = ""
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    tags: list[tuple[str, str]] = field(default_factory=list)
    configuration_set: str = ""
    tenant: str = ""
    raw: bytes = b""
    has_virus: bool = False
    missing_attribute: str = ""
    tracks_opens: bool = True
    tracks_clicks: bool = True
    invocation_id: str = ""
    source_ip: str = ""


def read_send(request: Mapping[str, Any]) -> Message:
    """Return the message of a SendEmail request that the service model has passed.

    Raises:
        SesError: The message breaks a limit that the model does not hold.
    """
    content = request["Content"]
    kind = validation.check_one_of(content, ("Simple", "Raw", "Template"), "Content")
    message = _envelope(
        "SendEmail", request, request.get("Destination") or {}, request.get("EmailTags") or []
    )
    _READERS[kind](message, content[kind])
    validation.check_recipients(message.recipients)
    _check_sender(message)
    return message


def read_bulk_entry(request: Mapping[str, Any], entry: Mapping[str, Any]) -> Message:
    """Return the message of one entry of a SendBulkEmail request that the service model has passed.

    Raises:
        SesError: Something is wrong with this entry alone.
    """
    template = request["DefaultContent"]["Template"]
    tags = _merged_tags(request.get("DefaultEmailTags") or [], entry.get("ReplacementTags") or [])
    message = _envelope("SendBulkEmail", request, entry["Destination"], tags)
    validation.check_recipients(message.recipients)
    replacement = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    data = _template_data(replacement.get("ReplacementTemplateData"))
    # "If the replacement is an empty JSON object, the default is used": whether SES merges the two key by key when
    # it is not empty is undocumented, so a sender had better not rely on it, and here it cannot.
    _render(message, template, data or _template_data(template.get("TemplateData")))
    _set_headers(message, template.get("Headers") or [], entry.get("ReplacementHeaders") or [])
    return message


def _envelope(
    operation: str, request: Mapping[str, Any], destination: Mapping[str, Any], tags: list[dict[str, str]]
) -> Message:
    validation.check_tags(tags)
    everybody = [
        address
        for kind in ("ToAddresses", "CcAddresses", "BccAddresses")
        for address in destination.get(kind) or []
    ]
    tracking = (request.get("ConfigurationOverrides") or {}).get("Tracking") or {}
    return Message(
        operation,
        sender=request.get("FromEmailAddress") or "",
        to=destination.get("ToAddresses") or [],
        recipients=[bare_address(address) for address in everybody],
        reply_to=request.get("ReplyToAddresses") or [],
        tags=[(tag["Name"], tag["Value"]) for tag in tags],
        configuration_set=request.get("ConfigurationSetName") or "",
        tenant=request.get("TenantName") or "",
        tracks_opens=tracking.get("OpenTrackingEnabled") != "DISABLED",
        tracks_clicks=tracking.get("ClickTrackingEnabled") != "DISABLED",
    )


def _check_sender(message: Message) -> None:
    if not message.sender:
        raise bad_request("From address is missing.")
    validation.check_address(message.sender)


def _read_simple(message: Message, simple: Mapping[str, Any]) -> None:
    body = simple["Body"]
    if not body.get("Html") and not body.get("Text"):
        raise bad_request("Body must have a Text or Html part.")
    message.subject = simple["Subject"]["Data"]
    message.html = (body.get("Html") or {}).get("Data", "")
    message.text = (body.get("Text") or {}).get("Data", "")
    _set_headers(message, simple.get("Headers") or [])
    _check_content(message, simple.get("Attachments") or [])


def _read_raw(message: Message, raw: Mapping[str, Any]) -> None:
    message.raw = _decoded(raw["Data"])
    validation.check_size(len(message.raw), inline_template=False)
    parsed = email.message_from_bytes(message.raw, policy=email.policy.default)
    try:
        html, text = parsed.get_body(("html",)), parsed.get_body(("plain",))
        message.subject = str(parsed.get("Subject", ""))
        message.html = html.get_content() if html else ""
        message.text = text.get_content() if text else ""
        message.headers = {name: str(value) for name, value in parsed.items()}
    except (LookupError, ValueError) as error:
        raise bad_request("The raw message cannot be parsed.") from error
    message.has_virus = any(_is_virus(part.get_payload(decode=True)) for part in parsed.walk())
    _read_raw_headers(message)


def _read_raw_headers(message: Message) -> None:
    """Let the headers of a raw message stand where the request is silent."""
    headers = {name.lower(): value for name, value in message.headers.items()}
    message.sender = message.sender or headers.get("from", "")
    if not message.recipients:
        message.recipients = [
            address
            for name in ("to", "cc", "bcc")
            for _, address in getaddresses([headers.get(name, "")])
            if address
        ]
        message.to = [headers.get("to", "")]
    message.configuration_set = message.configuration_set or headers.get("x-ses-configuration-set", "")
    message.tenant = message.tenant or headers.get("x-ses-tenant", "")
    if not message.tags and "x-ses-message-tags" in headers:
        pairs = (pair.partition("=") for pair in headers["x-ses-message-tags"].split(","))
        message.tags = [(name.strip(), value.strip()) for name, _, value in pairs]
        validation.check_tags({"Name": name, "Value": value} for name, value in message.tags)
    message.headers = {
        name: value for name, value in message.headers.items() if not name.lower().startswith("x-ses-")
    }


def _read_template(message: Message, template: Mapping[str, Any]) -> None:
    check_template(template)
    _render(message, template, _template_data(template.get("TemplateData")))
    _set_headers(message, template.get("Headers") or [])


_READERS: Final = {"Simple": _read_simple, "Raw": _read_raw, "Template": _read_template}


def check_template(template: Mapping[str, Any]) -> None:
    """Refuse any template but an inline one: nobody can have stored one here."""
    kind = validation.check_one_of(template, ("TemplateContent", "TemplateName", "TemplateArn"), "Template")
    if kind != "TemplateContent":
        raise SesError("NotFoundException", f"Template {template[kind]} does not exist.")


def _template_data(text: str | None) -> dict[str, Any]:
    try:
        data = json.loads(text or "{}")
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise bad_request("Template data is not a JSON object.")
    return data


def _render(message: Message, template: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    content = template["TemplateContent"]

    def substitute(match: re.Match[str]) -> str:
        name = match[1]
        if name in _RESERVED:
            return match[0]
        if name not in data:
            message.missing_attribute = message.missing_attribute or name
            return ""
        return data[name] if isinstance(data[name], str) else json.dumps(data[name], ensure_ascii=False)

    message.subject, message.text, message.html = (
        _PLACEHOLDER.sub(substitute, content.get(part) or "") for part in ("Subject", "Text", "Html")
    )
    _check_content(message, template.get("Attachments") or [])


def _check_content(message: Message, attachments: list[dict[str, str]]) -> None:
    files = [_decoded(attachment["RawContent"]) for attachment in attachments]
    # Files travel as base64, which is a third longer than what they hold.
    encoded = sum(len(data) for data in files) * 4 // 3
    validation.check_size(len(message.html) + len(message.text) + encoded, inline_template=False)
    message.has_virus = _VIRUS in message.html or _VIRUS in message.text or any(map(_is_virus, files))


def _is_virus(data: Any) -> bool:
    return isinstance(data, bytes) and _VIRUS.encode() in data


def _decoded(blob: str) -> bytes:
    try:
        return base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SesError("SerializationException", "A blob is not base64.") from error


def _set_headers(message: Message, *layers: list[dict[str, str]]) -> None:
    """Set the custom headers; a later layer replaces headers of the same name."""
    for layer in layers:
        validation.check_headers(layer)
        names = {header["Name"].lower() for header in layer}
        kept = {name: value for name, value in message.headers.items() if name.lower() not in names}
        message.headers = kept | {header["Name"]: header["Value"] for header in layer}


def _merged_tags(default: list[dict[str, str]], replacement: list[dict[str, str]]) -> list[dict[str, str]]:
    replaced = {tag["Name"] for tag in replacement}
    return [tag for tag in default if tag["Name"] not in replaced] + replacement
