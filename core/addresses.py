"""Addresses: what a person typed becomes the one form that is mailed and the one form that is compared.

The two forms differ because only the receiving host may say whether `Anna@` and `anna@` are one mailbox (RFC 5321,
section 2.4). Mail goes to the spelling that was given; duplicates and suppressions are found without regard to case,
because no host in use keeps two people apart by it. Gmail's dots and `+tag` are left alone for the same reason.

Terms:
    deliverable: local part as given, domain as A-labels in lower case. What SES is given.
    comparable: the deliverable address in lower case. What two rows are compared by.
    recipient key: keyed hash of the comparable address. It names a person where no address may stand, in suppressions
        and in the ledger, and outlives the contact. Keyed, because addresses can be guessed and a plain hash be tried.
    A-label: the ASCII form of a label of an internationalised domain, such as `xn--bcher-kva`.

Invariants:
    One address in, one address out: no display name, comment, group, source route or quoted local part. What header
    parsers disagree on (CVE-2023-27043 and its family) is refused, not interpreted.
    `parse(parse(x).deliverable)` is `parse(x)`.

Standards:
    RFC 5321 (SMTP): section 4.1.2 grammar, 4.5.3.1 limits. RFC 5322 (message format): `atext`. RFC 5890 to 5892
    (IDNA 2008) with the mapping of Unicode Technical Standard 46. RFC 6531 (SMTPUTF8) is refused: SES has no support
    for it. RFC 2104 (HMAC).
"""

import hmac
import re
from functools import lru_cache
from typing import Final, NamedTuple

import idna

from core.errors import InvalidAddressError


# RFC 5321, section 4.5.3.1: 64 octets of local part. A path of 256 octets, less its angle brackets, is 254.
_MAX_LOCAL: Final = 64
_MAX_ADDRESS: Final = 254

# RFC 5322 `dot-atom`; a domain of at least two letter-digit-hyphen labels, the last with a letter in it, so that no
# IPv4 address passes.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL: Final = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?=[0-9-]*[A-Za-z])(?:{_LABEL})")

# Nearly every address: one match instead of all the questions below.
_PLAIN: Final = re.compile(rf"({_LOCAL.pattern})@({_DOMAIN.pattern})")

# What spreadsheets and web pages leave around a cell, beyond what `str.strip` takes: zero-width space, non-joiner,
# joiner, word joiner, byte order mark.
_AROUND: Final = " \t\r\n\f\v\u00a0\u200b\u200c\u200d\u2060\ufeff"

_RECIPIENT_KEY_BYTES: Final = 16


class Address(NamedTuple):
    """One address in both of its forms; `domain` is in A-labels and lower case."""

    deliverable: str
    comparable: str
    domain: str


def parse(text: str) -> Address:
    """Return the address that a person typed, or that stood in a cell.

    White space around it is dropped, and so is one dot at its end: `example.com.` is the same domain written absolutely
    (RFC 1034, section 3.1), and usually the end of somebody's sentence.

    Raises:
        InvalidAddressError: With the code `invalid_address`, `address_too_long`, or `unsupported_address` for a local
            part that is not ASCII, which SES cannot deliver to. The message says what is wrong without the address.
    """
    text = text.strip(_AROUND).removesuffix(".")
    plain = _PLAIN.fullmatch(text) if len(text) <= _MAX_ADDRESS else None
    # "--" may begin an A-label, which has to be looked into.
    local, domain = _parts(text) if plain is None or "--" in text else plain.groups()
    if len(local) > _MAX_LOCAL:
        raise InvalidAddressError(
            f"the part before the @ is longer than {_MAX_LOCAL} characters", code="address_too_long"
        )
    domain = domain.lower()
    deliverable = f"{local}@{domain}"
    return Address(deliverable, deliverable.lower(), domain)


def _parts(text: str) -> tuple[str, str]:
    """Return local part and domain, or say which rule they break."""
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise InvalidAddressError("it is not of the form name@domain")
    if not local.isascii():
        raise InvalidAddressError(
            "the part before the @ is not ASCII, which Amazon SES cannot deliver to",
            code="unsupported_address",
        )
    if not _LOCAL.fullmatch(local):
        raise InvalidAddressError(
            "the part before the @ holds a character, or a dot, that may not stand there"
        )
    domain = _ascii_domain(domain)
    if len(local) + 1 + len(domain) > _MAX_ADDRESS:
        raise InvalidAddressError("it is longer than 254 characters", code="address_too_long")
    return local, domain


def _ascii_domain(domain: str) -> str:
    # The limit comes first: the mapping of UTS 46 is not linear in hostile input.
    if len(domain) > _MAX_ADDRESS:
        raise InvalidAddressError("it is longer than 254 characters", code="address_too_long")
    if not domain.isascii() or "xn--" in domain.lower():
        try:
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise InvalidAddressError("the domain is not a valid internationalised name") from error
    if not _DOMAIN.fullmatch(domain):
        raise InvalidAddressError("the part after the @ is not a domain name of at least two labels")
    return domain


def recipient_key(comparable: str, pepper: bytes) -> str:
    """Return the first 128 bits of HMAC-SHA256 in hex: 32 characters, the same for every spelling of one address.

    Args:
        comparable: `Address.comparable`; any other form would name somebody else.
        pepper: The installation's secret. It cannot be changed later without the addresses.
    """
    keyed = _keyed(pepper).copy()
    keyed.update(comparable.encode())
    return keyed.digest()[:_RECIPIENT_KEY_BYTES].hex()


@lru_cache(maxsize=8)
def _keyed(pepper: bytes) -> hmac.HMAC:
    """Return an HMAC that has taken in its key: an import makes millions with one pepper, in half the time."""
    return hmac.new(pepper, digestmod="sha256")


def masked(address: str) -> str:
    """Return an address for pages that only have to remind: `anna@example.com` becomes `a***@e***.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain[:1]}***.{domain.rpartition('.')[2]}"
