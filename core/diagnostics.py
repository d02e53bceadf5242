"""Diagnostics: what a receiver said, as it may be kept and shown, and when two receivers have said the same.

A receiver's answer is the best explanation of a bounce that there is, and it usually quotes the address: in full, as a local
part alone, or inside of a link. What we keep of it names nobody. To ask whether two bounces are one and the same answer, what
differs from message to message is left out besides: queue ids, addresses of hosts, times.

Terms:
    masked: without whatever names the recipient or anybody else.
    text: the masked answer without what differs from message to message.
    fingerprint: a short name of a text.

Invariants:
    Nothing that is masked holds an @ with something that could be a domain behind it, nor the recipient's local part.
    Both take time that is linear in the answer, of which they read `LONGEST` characters.

Standards:
    RFC 3464 (delivery status notifications), 2.3.6 Diagnostic-Code; RFC 5321 (SMTP), 4.2 replies; RFC 3463 (status codes).
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final


LONGEST: Final = 300
SOMEBODY: Final = "‹address›"

_AROUND_AT: Final = re.compile(r"[^\s<>()\[\]\"',;:]{0,120}@[^\s<>()\[\]\"',;:]{1,255}")
_STEADY: Final = re.compile(r"\d{3}(-?#?\d\.\d{1,3}\.\d{1,3})?|#?\d\.\d{1,3}\.\d{1,3}")
# A local part that is also a common word of such answers would leave holes in all of them, and tells nothing.
_SHORTEST_NAME: Final = 4
_WORDS: Final = frozenset(
    {"user", "mailbox", "address", "account", "recipient", "email", "mail", "smtp", "unknown"}
)


def masked(diagnostic: str, recipients: Iterable[str] = ()) -> str:
    """Return what a receiver said without addresses, on one line.

    Args:
        diagnostic: The receiver's answer.
        recipients: Whom the message was for: answers name them by their local part alone, too.
    """
    text = " ".join(diagnostic[: 4 * LONGEST].replace("%40", "@").split())
    text = _AROUND_AT.sub(SOMEBODY, text)
    for address in recipients:
        local = address.partition("@")[0]
        for name in {local, local.partition("+")[0]}:
            if len(name) >= _SHORTEST_NAME and name.lower() not in _WORDS:
                text = re.sub(re.escape(name), SOMEBODY, text, flags=re.IGNORECASE)
    return text[:LONGEST]


def text_of(masked_diagnostic: str) -> str:
    """Return what two answers of one kind have in common: words with a digit in them are numbers of something."""
    words = masked_diagnostic.lower().split()
    return " ".join(
        "#" if any(sign.isdigit() for sign in word) and not _STEADY.fullmatch(word) else word
        for word in words
    )


def fingerprint(text: str) -> str:
    """Return sixteen hex digits that name a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
