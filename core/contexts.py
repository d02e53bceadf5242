"""Contexts: the data of one message, as a template sees it.

Invariants:
    A context holds JSON and nothing else: no object of ours can be reached from a template.

Standards:
    RFC 8259 (JSON).
"""

import re
from collections.abc import Mapping
from typing import Any

from core.dialect import path_of
from core.errors import TemplateError, TemplateLimitError


MAX_CONTEXT = 256_000
MAX_CONTEXT_DEPTH = 8

_TEXT_ONLY, _PLAIN = frozenset({str}), frozenset({int, float, bool, type(None)})
# XML 1.0 and every HTML parser stumble over these; lone surrogates are no characters at all.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def context_for(
    *,
    contact: Mapping[str, Any],
    tenant: Mapping[str, Any],
    campaign: Mapping[str, Any],
    unsubscribe_url: str,
    preferences_url: str,
) -> dict[str, Any]:
    """Return the context of one message.

    Args:
        contact: The contact's attributes and `email`.
        tenant: `name`, `postal_address`, `from_address`, `reply_to`, `website`, `locale`.
        campaign: `name`, and `subject` if it has one of its own.
        unsubscribe_url: The contact's own link, opaque.
        preferences_url: The link to what the contact may choose, opaque too.
    """
    return {
        "contact": dict(contact),
        "tenant": dict(tenant),
        "campaign": dict(campaign),
        "unsubscribe_url": unsubscribe_url,
        "preferences_url": preferences_url,
    }


def check_context(context: Mapping[str, object]) -> None:
    """Refuse data that is not plain JSON, or too much of it.

    Raises:
        TemplateError: A value of another type, or a text with control characters.
        TemplateLimitError: More than 256,000 characters, or nested more than eight deep.
    """
    size, level = 0, list[Any](context.values())
    for _ in range(MAX_CONTEXT_DEPTH):
        if not level or size > MAX_CONTEXT:
            break
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str:
                size += len(value)
                if not value.isprintable() and _UNPRINTABLE.search(value):
                    raise _complaint(value, context, "has control characters", "data_control")
                continue
            size += 8
            if kind is dict:
                if not _TEXT_ONLY.issuperset(map(type, value)):
                    raise _complaint(value, context, "has a key that is no text", "data_type")
                below += value.values()
            elif kind is list:
                below += value
            elif kind not in _PLAIN:
                raise _complaint(value, context, f"is a {kind.__name__}", "data_type")
        level = below
    if level or size > MAX_CONTEXT:
        raise TemplateLimitError("the data of one message is too large", hint="keep lists per contact short")


def _complaint(value: object, context: Mapping[str, object], complaint: str, code: str) -> TemplateError:
    """Return the error that names a value; only now is it worth to ask where it stands."""
    return TemplateError(
        f"{path_of(value, context)} {complaint}",
        hint="give plain JSON, without control characters",
        code=code,
    )
