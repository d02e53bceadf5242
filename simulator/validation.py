"""Whether a request is one SES would take, checked against botocore's own service model.

boto3 checks required members, types and minimum lengths before it sends. SES checks more: maximum lengths, patterns
and enums (all of them written in the model), and limits that only the developer guide states. A client that lives on
boto3's checks alone meets those for the first time in production, so this module refuses whatever SES refuses.

The model is compiled once into nested closures. Walking it anew costs ten times as much, and a simulator that cannot
keep up with the sender it tests distorts what is measured.

Sources: `sesv2` service model; SES developer guide, pages "quotas", "send-personalized-email-api",
"event-publishing-send-email".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from simulator.addresses import address_fault, bare_address
from simulator.errors import SERVICE_MODEL, SesError, bad_request


MAX_RECIPIENTS: Final = 50
MAX_BULK_ENTRIES: Final = 50
MAX_MESSAGE_BYTES: Final = 40 * 1024 * 1024
# "Each input JSON file can be up to 1 MB in size": whether a megabyte is 10^6 or 2^20 bytes is not said. The smaller
# one is taken, because a client that fits it fits the other.
MAX_INLINE_TEMPLATE_BYTES: Final = 1_000_000
MAX_HEADER_TOTAL: Final = 996
_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
# The only tag names with a colon that SES takes: they end up in the Feedback-ID header.
_FEEDBACK_TAGS: Final = frozenset({"ses:feedback-id-a", "ses:feedback-id-b"})

Check = Callable[[Any, str, list[str]], None]


def _compile(shape: Any) -> Check:
    """Return a function that appends what is wrong with a value of this shape to a list."""
    if shape.type_name == "structure":
        return _structure(shape)
    if shape.type_name == "list":
        return _list(shape)
    return _string(shape)


def _structure(shape: Any) -> Check:
    members = {name: (_compile(member), name[0].lower() + name[1:]) for name, member in shape.members.items()}
    required = [(name, name[0].lower() + name[1:]) for name in shape.required_members]

    def check(value: Any, path: str, faults: list[str]) -> None:
        if not isinstance(value, dict):
            raise _wrong_type(path)
        for name, lower in required:
            if value.get(name) is None:
                faults.append(_fault(f"{path}.{lower}", "not be null"))
        for name, inner in value.items():
            # AWS ignores members it does not know, and reads null as absent.
            if inner is not None and name in members:
                member, lower = members[name]
                member(inner, f"{path}.{lower}", faults)

    return check


def _list(shape: Any) -> Check:
    member = _compile(shape.member)
    maximum = shape.metadata.get("max")

    def check(value: Any, path: str, faults: list[str]) -> None:
        if not isinstance(value, list):
            raise _wrong_type(path)
        if maximum is not None and len(value) > maximum:
            faults.append(_fault(path, f"have length less than or equal to {maximum}"))
        for number, inner in enumerate(value, start=1):
            member(inner, f"{path}.{number}.member", faults)

    return check


def _string(shape: Any) -> Check:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    pattern = re.compile(shape.metadata["pattern"]) if "pattern" in shape.metadata else None
    choices = getattr(shape, "enum", None)

    def check(value: Any, path: str, faults: list[str]) -> None:
        if not isinstance(value, str):
            raise _wrong_type(path)
        if len(value) < least:
            faults.append(_fault(path, f"have length greater than or equal to {least}"))
        if most is not None and len(value) > most:
            faults.append(_fault(path, f"have length less than or equal to {most}"))
        if pattern is not None and not pattern.fullmatch(value):
            faults.append(_fault(path, f"satisfy regular expression pattern: {pattern.pattern}"))
        if choices and value not in choices:
            faults.append(_fault(path, f"satisfy enum value set: [{', '.join(choices)}]"))

    return check


def _fault(path: str, constraint: str) -> str:
    return f"Value at '{path.lstrip('.')}' failed to satisfy constraint: Member must {constraint}"


def _wrong_type(path: str) -> SesError:
    return SesError("SerializationException", f"Unexpected type of value at '{path.lstrip('.')}'")


_CHECKS: Final = {
    operation: _compile(SERVICE_MODEL.operation_model(operation).input_shape)
    for operation in ("SendEmail", "SendBulkEmail")
}


def check_request(operation: str, request: Any) -> None:
    """Refuse a request that the service model refuses.

    Args:
        operation: "SendEmail" or "SendBulkEmail".
        request: The parsed JSON body.

    Raises:
        SesError: SerializationException for a wrong type, BadRequestException with every other violation.
    """
    faults: list[str] = []
    _CHECKS[operation](request, "", faults)
    if faults:
        count = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
        raise bad_request(f"{count} detected: {'; '.join(faults)}")


def check_one_of(members: Mapping[str, Any], names: Iterable[str], what: str) -> str:
    """Return the only one of these members that is given; refuse none and several."""
    given = [name for name in names if members.get(name) is not None]
    if len(given) != 1:
        raise bad_request(f"{what} must have exactly one of {', '.join(names)}.")
    return given[0]


def check_recipients(addresses: list[str]) -> None:
    """Refuse a message to nobody, to more than fifty, or to something that is not an address."""
    if not addresses:
        raise bad_request("Destination must have at least one recipient.")
    if len(addresses) > MAX_RECIPIENTS:
        raise bad_request(f"Recipient count exceeds {MAX_RECIPIENTS}.")
    for address in addresses:
        check_address(address)


def check_address(address: str) -> None:
    """Refuse what is not `local@domain`, with SES's own sentence."""
    if fault := address_fault(bare_address(address)):
        raise bad_request(fault)


def check_headers(headers: Iterable[Mapping[str, str]]) -> None:
    """Refuse a header whose name and value together are longer than SES writes on one line."""
    for header in headers:
        if len(header["Name"]) + len(header["Value"]) > MAX_HEADER_TOTAL:
            raise bad_request(
                f"Header name and value together must not exceed {MAX_HEADER_TOTAL} characters: {header['Name']}"
            )


def check_tags(tags: Iterable[Mapping[str, str]]) -> None:
    """Refuse tag names and values outside `[A-Za-z0-9_-]` or longer than 256 characters."""
    for tag in tags:
        if tag["Name"] not in _FEEDBACK_TAGS and not _TAG.fullmatch(tag["Name"]):
            raise bad_request(
                f"Invalid tag name <{tag['Name']}>: only alphanumeric ASCII characters, '_',  and '-' are allowed, at most 256."
            )
        if not _TAG.fullmatch(tag["Value"]):
            raise bad_request(
                f"Invalid tag value <{tag['Value']}>: only alphanumeric ASCII characters, '_',  and '-' are allowed, at most 256."
            )


def check_size(size: int, *, inline_template: bool) -> None:
    """Refuse a message over 40 MB, or an inline template request over 1 MB.

    Args:
        size: Bytes of the message, or of the whole request body when the template is inline.
        inline_template: Whether the request carries its own template.
    """
    if size > MAX_MESSAGE_BYTES:
        raise bad_request(f"Message length is more than {MAX_MESSAGE_BYTES} bytes long.")
    if inline_template and size > MAX_INLINE_TEMPLATE_BYTES:
        raise bad_request(f"Inline template request is more than {MAX_INLINE_TEMPLATE_BYTES} bytes long.")
