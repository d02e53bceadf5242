r"""Headers: the few header fields that we write ourselves, and the check that none smuggles in another.

Terms:
    injection: a line break in a value, so that what follows reads as a header of its own (`Hi\r\nBcc: ...`).
    encoded word: `=?utf-8?q?...?=`, whose line break is hidden until a mail program decodes it.

Invariants:
    What passes `check_header_value` has no control character, neither openly nor in an encoded word (T06).
    List headers are ASCII, unfolded, and fit a line of 998 octets.

Standards:
    RFC 5322 (Internet message format), 2.1.1 line length. RFC 2047 (encoded words). RFC 2369 (List-Unsubscribe).
    RFC 8058 (one-click unsubscribe), 3.1.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.policy import SMTP
from urllib.parse import urlsplit

from core.errors import InputError


# RFC 5322, 2.1.1 allows 998 octets in a line; three are left for SES, which may rewrite a value it signs.
MAX_LIST_HEADER = 995
MAX_NAME = 200

# C0 and C1 controls, DEL, the two Unicode line ends, lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_URL = re.compile(r"[!-;=?-~]+")  # printable ASCII without `<`, `>` and the space


def check_header_value(name: str, value: str) -> None:
    """Refuse a value that is, or decodes to, more than one line of text.

    Raises:
        InputError: It does; `code` is "header_invalid". The value itself is not repeated.
    """
    if _UNSAFE.search(value) or ("=?" in value and _UNSAFE.search(_decoded(name, value))):
        raise _invalid(name, "has a control character or a line break")


def list_headers(unsubscribe_url: str, *, mailto: str | None = None) -> dict[str, str]:
    """Return the two headers that give a mail program its unsubscribe button.

    Args:
        unsubscribe_url: HTTPS; for 127.0.0.1 and localhost HTTP is allowed, so that a demo works.
        mailto: A `mailto:` URI for programs that unsubscribe by mail (`core.unsubscribe_mail`).

    Raises:
        InputError: The URL is not one; `code` is "header_invalid".
    """
    if not (_URL.fullmatch(unsubscribe_url) and _is_secure(unsubscribe_url)):
        raise _invalid("List-Unsubscribe", "needs one https URL in printable ASCII")
    value = f"<{unsubscribe_url}>"
    if mailto:
        if not (_URL.fullmatch(mailto) and mailto.startswith("mailto:")) or "," in mailto:
            raise _invalid("List-Unsubscribe", "needs one plain mailto: address")
        value += f", <{mailto}>"
    if len(value) > MAX_LIST_HEADER:
        raise _invalid("List-Unsubscribe", f"is longer than {MAX_LIST_HEADER} characters")
    return {"List-Unsubscribe": value, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def from_header(display_name: str, address: str) -> str:
    """Return `"Name" <address>` in ASCII: quoted where needed, in encoded words where the name is not ASCII.

    Raises:
        InputError: The name or the address cannot stand in a header; `code` is "header_invalid".
    """
    check_header_value("From", display_name)
    check_header_value("From", address)
    if len(display_name) > MAX_NAME:
        raise _invalid("From", f"has a name of more than {MAX_NAME} characters")
    try:
        mailbox = Address(display_name=display_name, addr_spec=address)
    except (ValueError, HeaderParseError, IndexError) as error:
        raise _invalid("From", "needs one address, local@domain") from error
    if mailbox.addr_spec != address:
        raise _invalid("From", "needs one address without comments")
    if not address.isascii():
        raise _invalid("From", "needs an address in ASCII; write the domain as its A-label")
    # Without a line length the encoded words, which may not be longer than 75, still come on lines of their own.
    folded: str = SMTP.header_factory("From", mailbox).fold(policy=SMTP)
    return " ".join(folded.removeprefix("From:").split("\r\n")).strip().replace("  ", " ")


def _is_secure(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"})
    )


def _decoded(name: str, value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError) as error:
        raise _invalid(name, "has an encoded word that cannot be decoded") from error


def _invalid(name: str, problem: str) -> InputError:
    return InputError(f"{name} {problem}", hint="correct the template or the data", code="header_invalid")
