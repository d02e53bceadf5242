"""Link names: under which name a clicked link is counted, so that one link of a mail is one and nobody can be told from it.

A link of a mail often carries the reader: a token in its path, an address or an id in its query. Counted as they are, each
reader's would be a link of its own, and a report would hold people.

Invariants:
    No query, no fragment, no user part and no segment that looks like a token is in a name.
    A name's name is itself, so that it may be taken twice.

Standards:
    RFC 3986 (URI generic syntax), 3.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit


LONGEST: Final = 200
HIDDEN: Final = "…"
NO_LINK: Final = "(no web address)"
_LONGEST_WORD: Final = 64

_HEX: Final = re.compile(r"[0-9a-fA-F-]{16,}")
_MIXED: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9]).{12,}")
_DIGITS: Final = re.compile(r"[0-9]{6,}")


def link_name(link: str) -> str:
    """Return the name of a link: scheme, host and path, with an ellipsis for what may name a reader."""
    parts = _split(link.strip())
    if parts is None:
        return NO_LINK
    path = "/".join(_segment(segment) for segment in parts.path.split("/"))
    return f"{parts.scheme.lower()}://{_host(parts)}{path}"[:LONGEST]


def _split(link: str) -> SplitResult | None:
    try:
        parts = urlsplit(link)
        return parts if parts.scheme.lower() in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2].lower()


def _segment(segment: str) -> str:
    """Return a segment of a path, or an ellipsis for a token, an address or a long number."""
    looks_like_one = (
        len(segment) > _LONGEST_WORD
        or "@" in segment
        or "%40" in segment
        or any(pattern.fullmatch(segment) for pattern in (_HEX, _MIXED, _DIGITS))
    )
    return HIDDEN if looks_like_one else segment
