"""Unsubscribe: the opaque token in a mail's links, which says who it was sent to without naming anybody.

Mail is forwarded, archived and scanned, and lives for years. So a link carries a number that means nothing outside
our database and a tag that only we can make; no address, and no hash of one.

Terms:
    claim: what a token says: this tenant, this delivery, for this purpose.
    kid: the name of the key that signed; new keys sign, old ones verify for as long as their mail may live.
    tag: HMAC-SHA256 over kid and payload, cut to 128 bits.

Invariants:
    `read(sign(claim))` is the claim, for the same purpose and key; any other bit is refused.
    Every refusal is the same error after the same work: a forger learns nothing, not even whether a key exists.
    A token is 45 characters and its kid.

Standards:
    RFC 2104 (HMAC), 5 on truncation. RFC 4648 (base64url), without padding. RFC 8058 (one-click), 6 on opaque URIs.
"""

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from core.errors import ConfigurationError, InputError


# The delivery of a preview or a test, which no delivery has: a link of it is genuine, and stops nothing.
NOBODY: Final = 0


class Purpose(IntEnum):
    """What a token may be used for. The number is part of every mail that was ever sent: never change one."""

    UNSUBSCRIBE = 1
    PREFERENCES = 2


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A signing key. `kid` is at most sixteen lower-case letters and digits, `secret` at least 16 bytes."""

    kid: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z0-9]{1,16}", self.kid) or len(self.secret) < 16:
            raise ConfigurationError("a token key needs a short plain name and a secret of at least 16 bytes")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says."""

    tenant_id: int
    delivery_id: int
    purpose: Purpose


_PAYLOAD = struct.Struct(">BIQ")  # purpose, tenant, delivery
_TAG_BYTES = 16
_TOKEN = re.compile(r"v1\.([a-z0-9]{1,16})\.([\w-]{18})\.([\w-]{22})", re.ASCII)
_NOBODY = TokenKey("0", bytes(32))  # signs in place of a key that does not exist, so that both take as long


def sign(claim: Claim, key: TokenKey) -> str:
    """Return the token of a claim: `v1.<kid>.<payload>.<tag>`."""
    payload = _encode(_PAYLOAD.pack(claim.purpose, claim.tenant_id, claim.delivery_id))
    return f"v1.{key.kid}.{payload}.{_encode(_tag(key, payload))}"


def read(token: str, keys: Sequence[TokenKey], *, purpose: Purpose) -> Claim:
    """Return what a token says, if one of our keys signed it for this purpose.

    Raises:
        InputError: Anything else; `code` is "token_invalid", whatever the reason.
    """
    parts = _TOKEN.fullmatch(token) or re.fullmatch("()()()", "")
    kid, payload, tag = parts.groups() if parts else ("", "", "")
    key = next((key for key in keys if key.kid == kid), _NOBODY)
    # Encoding our tag, rather than decoding theirs, leaves no second spelling of the same bits.
    genuine = hmac.compare_digest(_encode(_tag(key, payload)), tag) and key is not _NOBODY
    number, tenant_id, delivery_id = _PAYLOAD.unpack(_decode(payload) if genuine else bytes(_PAYLOAD.size))
    if not genuine or number != purpose:
        raise InputError(
            "this link is not valid", hint="use the link of the newest mail", code="token_invalid"
        )
    return Claim(tenant_id, delivery_id, purpose)


def _tag(key: TokenKey, payload: str) -> bytes:
    return hmac.digest(key.secret, f"posthouse v1 {key.kid} {payload}".encode(), "sha256")[:_TAG_BYTES]


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
