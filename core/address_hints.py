"""Address hints: what the spelling of an address alone tells a person who keeps a list.

None of it is proof, so none of it changes anything by itself: a shared mailbox may be a good reader, two spellings may be two
people, and a domain that looks like a slip may be a company's own. A person looks, and decides.

Terms:
    role address: an address of a function and not of a person, such as `info@`. Who reads it changes, and nobody of them has
        consented for the others; many complaints and spam traps are behind such addresses.
    disposable: of a domain that hands out mailboxes for an hour; the list is data, and has a date.
    slip: a domain that is most likely a well-known one, mistyped. Slips are often registered as spam traps.
    likeness: what two addresses share that are probably one person's; never used to decide who is mailed.

Invariants:
    A domain that a mailbox provider is known by is never called a slip.
    Addresses that are alike by `core.addresses` (the comparable form) are alike here, too.

Standards:
    RFC 2142 (mailbox names for common services, roles and functions). RFC 5233 (subaddressing, `+`). Google, "Dots don't matter
    in Gmail addresses". Mailchimp, "Limits on role-based addresses", for the usual names beyond the RFC.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from core import providers


# RFC 2142, sections 3 to 6, with the list owner's address of section 6.
_RFC_2142: Final = (
    "info marketing sales support abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp"
)
_USUAL: Final = (
    "accounting accounts admin administrator all billing board careers compliance contact customerservice devnull dns enquiries "
    "everyone feedback finance hello help helpdesk hr inbox inquiries inoc invoice invoices ispfeedback ispsupport it jobs legal "
    "list mail mailer-daemon maildaemon media no-reply noreply donotreply do-not-reply null office orders phish phishing press "
    "privacy procurement purchasing reception registrar returns root service services shop spam staff subscribe sysadmin team tech "
    "undisclosed-recipients unsubscribe webmail "
    "buchhaltung bewerbung datenschutz kontakt rechnung rechnungen sekretariat verwaltung vertrieb zentrale "  # German
    "achats compta comptabilite contacto contatti direction facturation ventas ventes"  # French, Spanish, Italian
)
ROLES: Final = frozenset(f"{_RFC_2142} {_USUAL}".split())
ROLE_ENDINGS: Final = ("-request", "-owner", "-bounces")

# Consumers' domains that people type by hand; a slip of the finger from one of these is suggested.
_TYPED: Final = (
    "gmail.com", "googlemail.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de", "outlook.com", "outlook.de",
    "live.com", "msn.com", "yahoo.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "ymail.com", "rocketmail.com", "icloud.com",
    "protonmail.com", "proton.me", "gmx.de", "gmx.net", "gmx.at", "web.de", "t-online.de", "freenet.de", "orange.fr", "wanadoo.fr",
    "laposte.net", "libero.it", "comcast.net", "verizon.net", "sbcglobal.net", "bellsouth.net", "btinternet.com", "zoho.com",
    "fastmail.com", "mail.ru", "yandex.ru", "naver.com", "bigpond.com",
)  # fmt: skip

# Slips that are two keys away, or whose other readings are worse.
_SLIPS: Final = {
    "gmail.co": "gmail.com", "gmail.cm": "gmail.com", "gmail.om": "gmail.com", "gmail.con": "gmail.com", "gmail.comm": "gmail.com",
    "gmail.de": "gmail.com", "gmai.co": "gmail.com", "gmaill.co": "gmail.com", "gnail.com": "gmail.com", "gmeil.com": "gmail.com",
    "hotmail.co": "hotmail.com", "hotmail.con": "hotmail.com", "hotmai.co": "hotmail.com", "htomial.com": "hotmail.com",
    "yahoo.co": "yahoo.com", "yahoo.con": "yahoo.com", "yaho.co": "yahoo.com", "outlook.co": "outlook.com",
    "outlook.con": "outlook.com", "icloud.co": "icloud.com", "icloud.con": "icloud.com", "web.com.de": "web.de",
}  # fmt: skip

# Companies' own domains that are one key away from one of the above.
_REAL: Final = frozenset(
    {
        "email.com", "gmail.google.com", "gmx.li", "gmx.us", "hotmail.it", "iclouds.com", "mail.com", "mail.de", "naver.co",
        "webb.de", "live.co", "lives.com", "olive.com", "clive.com", "alive.com", "drive.com", "msn.net", "wen.de", "weg.de",
        "wez.de", "wep.de", "wer.de", "weber.de", "zoho.com", "tahoo.com", "mail.rs",
    }
)  # fmt: skip

# With a name shorter than this, everything is one key away from something.
_SHORTEST: Final = 5


def role_of(address: str) -> str | None:
    """Return the function that an address is of, such as `info`, or None."""
    local = address.rpartition("@")[0].lower().partition("+")[0]
    if local in ROLES:
        return local
    return next((ending.removeprefix("-") for ending in ROLE_ENDINGS if local.endswith(ending)), None)


def is_disposable(domain: str, listed: Collection[str]) -> bool:
    """Whether a domain, or one that it is under, is on a list of disposable ones; never a provider's own domain."""
    labels = domain.lower().split(".")
    names = (".".join(labels[first:]) for first in range(len(labels) - 1))
    return not providers.is_well_known(domain) and any(name in listed for name in names)


@lru_cache(maxsize=100_000)
def suggestion(domain: str) -> str | None:
    """Return the well-known domain that a domain is most likely meant to be, or None; never the domain itself."""
    domain = domain.lower()
    if providers.is_well_known(domain) or domain in _REAL or domain in _TYPED:
        return None
    if domain in _SLIPS:
        return _SLIPS[domain]
    return next((known for known in _TYPED if _is_one_slip(domain, known)), None)


def _is_one_slip(typed: str, known: str) -> bool:
    """Whether one key was forgotten, doubled, hit wrongly or swapped with its neighbour, in the name or in its ending."""
    if abs(len(typed) - len(known)) > 1:
        return False
    name, _, ending = typed.partition(".")
    known_name, _, known_ending = known.partition(".")
    if ending == known_ending:
        return len(known_name) >= _SHORTEST and _is_one_edit(name, known_name)
    return name == known_name and len(known_name) >= _SHORTEST and _is_one_edit(ending, known_ending)


def _is_one_edit(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours makes the one text the other."""
    if one == other:
        return False
    start = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    left, right = one[start:], other[start:]
    if len(left) == len(right):
        return left[1:] == right[1:] or (left[:2] == right[:2][::-1] and left[2:] == right[2:])
    return left[1:] == right or left == right[1:]


def likeness(address: str) -> str:
    """Return what probably the same person's addresses share: no case, no `+tag`, at Gmail no dots, one name for Gmail."""
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"
