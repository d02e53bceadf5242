"""E-mail addresses: taking one out of a header value, and saying what is wrong with it.

SES speaks no SMTPUTF8: the local part must be ASCII, and the domain ASCII too (in Punycode).

Standards: RFC 5321 (Simple Mail Transfer Protocol) 4.5.3.1 for lengths; RFC 5322 (Internet Message Format) 3.4 for the
header form.
"""

import re
from email.utils import parseaddr
from typing import Final


_LOCAL: Final = re.compile(r"""[^\s@<>(),;:\\"\[\]\x00-\x20\x7f]+|"[^"\\\r\n]+\"""")
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LONGEST_LOCAL: Final = 64
_LONGEST_DOMAIN: Final = 255


def bare_address(mailbox: str) -> str:
    """Return `zoe@example.org` for `Zoë <zoe@example.org>`, and an address without a name as it is."""
    if "<" not in mailbox:
        return mailbox.strip()
    return parseaddr(mailbox)[1]


def domain_of(address: str) -> str:
    """Return what stands behind the last @, in lower case."""
    return address.rpartition("@")[2].lower()


def address_fault(address: str) -> str:
    """Return what SES says against an address, or "" when it takes it."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "Missing final '@domain'"
    if not domain:
        return "Missing domain"
    if not local.isascii():
        return "Local address contains non-ASCII characters"
    if not _LOCAL.fullmatch(local) or len(local) > _LONGEST_LOCAL:
        return "Local address contains control or whitespace, or is too long"
    if len(domain) > _LONGEST_DOMAIN or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        return "Domain contains illegal character"
    return ""
