"""Foreign JSON: read values that nobody promised, without believing their types.

Whatever Amazon, or somebody in its name, puts into a member: a text is a text that PostgreSQL can store, an object is
an object, and anything else reads as empty. Nothing here raises for a wrong type; only for what is no JSON at all.

Standards:
    RFC 8259 (JSON), 8.2 on lone surrogates.
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from core.errors import MalformedEventError


def parsed(text: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        MalformedEventError: It is no JSON, no object, or nested deeper than anybody nests.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = _patiently(text)
    if not isinstance(document, dict):
        raise MalformedEventError("an event that is not a JSON object")
    return document


def _patiently(text: str) -> object:
    """Read what orjson is too strict for, lone surrogates above all; it costs twice as much."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEventError("an event that is not JSON") from error


def text_of(value: object) -> str:
    """Return text without NUL and lone surrogates, which PostgreSQL refuses; "" for anything that is no text."""
    if not isinstance(value, str):
        return ""
    if value.isascii() and "\0" not in value:
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def object_of(value: object) -> Mapping[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []
