"""Operators: who a person at the web pages is, and how their browser proves it to us again and again.

The pages pause and cancel what thousands of people are being sent. One password opens them; each operator says a name,
which stands in the audit beside what they did. Nothing of a visit is stored: its token says who and until when, and a
process that starts anew, or another one, reads it as well.

Terms:
    visit: from signing in to signing out, or for as long as its token says.
    form token: proof that a form was drawn by us for this visit, so that no other site can post in its place.
    key: what both are signed with; made of a secret of ours and the password, so that a new password ends every visit.

Invariants:
    `read(sign(visit))` is the visit until it is over, under the same key; any other bit is refused.
    A form token is good for one visit only, and tells nothing of the visit's own token.
    A name and a reason hold no e-mail address: both are shown and kept.

Standards:
    RFC 2104 (HMAC). RFC 4648 (base64url), without padding. RFC 6265 (cookies): a token is made of `cookie-octet`s.
"""

import hmac
import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from core.errors import InputError


VISIT: Final = timedelta(hours=8)
LONGEST_NAME: Final = 40
LONGEST_REASON: Final = 300

_TOKEN = re.compile(r"v1\.(\d{1,12})\.([\w-]{1,250})\.([\w-]{22})\.([\w-]{43})", re.ASCII)
_NAME = re.compile(r"\w(?:[\w .'’-]*[\w.])?")
_ADDRESS = re.compile(r"\S@\S")


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is signed in, until when, and what tells this visit from another of the same person."""

    name: str
    until: datetime
    number: str  # 16 random bytes, base64url

    @property
    def actor(self) -> str:
        """Return how the audit names the person."""
        return f"web:{self.name}"


def key_of(secret: bytes, password: str) -> bytes:
    """Return the key of visits under a password."""
    return hmac.digest(secret, b"operator visits v1\0" + password.encode(), "sha256")


def is_password(given: str, password: str) -> bool:
    """Whether the password is the right one, in a time that tells nothing of where they differ, or of its length."""
    return hmac.compare_digest(sha256(given.encode()).digest(), sha256(password.encode()).digest())


def begin(name: str, *, now: datetime, noise: bytes) -> Visit:
    """Return a visit that begins now.

    Args:
        name: A name that `checked_name` returned.
        now: The time.
        noise: 16 random bytes.
    """
    until = (now + VISIT).astimezone(UTC).replace(microsecond=0)
    return Visit(name=name, until=until, number=_encode(noise))


def sign(visit: Visit, key: bytes) -> str:
    """Return the token of a visit: `v1.<until>.<name>.<number>.<tag>`."""
    said = f"v1.{int(visit.until.timestamp())}.{_encode(visit.name.encode())}.{visit.number}"
    return f"{said}.{_tag(key, said)}"


def read(token: str, *, key: bytes, now: datetime) -> Visit | None:
    """Return the visit of a token that was signed with this key and is not over; None otherwise."""
    parts = _TOKEN.fullmatch(token)
    if not parts:
        return None
    said, _, tag = token.rpartition(".")
    if not hmac.compare_digest(_tag(key, said), tag):
        return None
    until = datetime.fromtimestamp(int(parts[1]), UTC)
    return Visit(_decode(parts[2]).decode(), until, parts[3]) if now < until else None


def form_token(visit: Visit, key: bytes) -> str:
    """Return what each form of a visit carries."""
    return _tag(key, f"form {sign(visit, key)}")


def is_form_token(given: str, visit: Visit, key: bytes) -> bool:
    """Whether a form was drawn for this visit."""
    return hmac.compare_digest(given.encode(), form_token(visit, key).encode())


def checked_name(text: str) -> str:
    """Return a name as it will stand in the audit.

    Raises:
        InputError: It is empty, too long, or holds what no name does, such as an address.
    """
    name = _in_one_line(text)
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise InputError(
            f"a name of 1 to {LONGEST_NAME} letters is needed",
            hint="Letters, digits, spaces, dots, hyphens and apostrophes; no e-mail address.",
        )
    return name


def checked_reason(text: str) -> str:
    """Return a reason as it will stand beside the campaign and in the audit.

    Raises:
        InputError: It is empty, too long, or names an address.
    """
    reason = _in_one_line(text)
    if not reason:
        raise InputError("a reason is needed", hint="One sentence that others will understand next year.")
    if len(reason) > LONGEST_REASON:
        raise InputError(
            f"the reason is longer than {LONGEST_REASON} characters", hint="One sentence will do."
        )
    if _ADDRESS.search(reason):
        raise InputError(
            "the reason names an e-mail address", hint="It is kept and shown: name nobody's address."
        )
    return reason


def _in_one_line(text: str) -> str:
    """Return the text composed (NFC), without control and format characters, with single spaces."""
    composed = unicodedata.normalize("NFC", text)
    shown = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"} else letter for letter in composed
    )
    return " ".join(shown.split())


def _tag(key: bytes, said: str) -> str:
    return _encode(hmac.digest(key, said.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
