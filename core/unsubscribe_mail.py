"""Unsubscribe by mail: the address that a message offers for it, and the token in a mail that was sent there.

Some mail programs unsubscribe their user by sending a mail in place of a POST; Apple's marks it as an automatic reply. So nothing
is asked of such a mail but a genuine token: no sender, no authentication, no words, and no header that calls it automatic. Nobody is
ever answered, so that there is no loop to be in.

Terms:
    head: the header fields of a mail as bytes, up to the first empty line.
    plus address: `leave+<token>@example.com`, which servers deliver to `leave@example.com` (RFC 5233, 4 calls it a detail).

Invariants:
    The token stands in the local part and in the subject: some servers write local parts in lower case, some programs leave
        the subject out, and each is enough.
    Any bytes are a head; of none that is not ours more is learnt than that.

Standards:
    RFC 6068 (mailto), 2 and 5. RFC 2369 (List-Unsubscribe), 3.2. RFC 5321 (SMTP), 4.5.3.1.1 local part.
    RFC 3834 (automatic responses), 5, which is not heeded here on purpose. RFC 2047 (encoded words).
"""

import hashlib
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final
from urllib.parse import quote

from core import addresses
from core.errors import InputError


HEAD_BYTES: Final = 65_536
_LONGEST_LOCAL_PART: Final = 64

_TOKEN: Final = re.compile(r"(?<![\w.-])v1\.[a-z0-9]{1,16}\.[\w-]{18}\.[\w-]{22}(?![\w-])", re.ASCII)
# To whom it was sent, by the sender's word or by a server's; `Received` may say "for <address>".
_FIELD: Final = re.compile(
    r"^(to|cc|delivered-to|x-original-to|envelope-to|x-envelope-to|x-forwarded-to|resent-to|received|subject)[ \t]*:(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_MOST_TOKENS: Final = 10


def checked_address(text: str) -> str:
    """Return the address that a tenant offers for unsubscribes, as mail can be sent to it.

    Raises:
        InputError: It is none, or has a plus address's detail already.
    """
    address = addresses.parse(text).deliverable
    local, _, _ = address.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,32}", local, re.ASCII):
        raise InputError(
            "the part before the @ has to be short and plain",
            hint="Such as leave@mail.example.com; the token is put behind a plus: leave+…@mail.example.com.",
        )
    return address


def mailto(address: str, token: str) -> str:
    """Return the URI that a message offers to programs that unsubscribe by mail."""
    local, _, domain = address.rpartition("@")
    plus = f"{local}+{token}"
    to = f"{plus}@{domain}" if len(plus) <= _LONGEST_LOCAL_PART else address
    return f"mailto:{to}?subject={quote(f'unsubscribe {token}')}"


def tokens(head: bytes) -> list[str]:
    """Return what looks like a token in a mail's head, each once, addresses before the subject."""
    text = _FOLD.sub(" ", head[:HEAD_BYTES].decode("utf-8", "replace"))
    fields = [(found[1].lower(), found[2]) for found in _FIELD.finditer(text)]
    fields.sort(key=lambda field: field[0] == "subject")
    return list(dict.fromkeys(_found(fields)))[:_MOST_TOKENS]


def _found(fields: list[tuple[str, str]]) -> Iterator[str]:
    for _, value in fields:
        yield from _TOKEN.findall(value)
        if "=?" in value:
            yield from _TOKEN.findall(_decoded(value))


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value.strip())))
    except (HeaderParseError, LookupError, ValueError):
        return ""


def digest(head: bytes) -> str:
    """Return what tells one mail from another: the same head read again is the same mail."""
    return hashlib.sha256(head).hexdigest()
