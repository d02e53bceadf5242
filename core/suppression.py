"""Suppression: who must not be mailed, where, until when, and which rule says so.

A suppression names a person by recipient key, so that it outlives the contact, its erasure and its re-import. It holds
for one list (one-click unsubscribe leaves the list that the message came from, UNS-10), for a tenant, or for all tenants. It is
asked twice: when a campaign is planned, and again in the transaction of each intent.

Terms:
    recipient key: keyed hash of the comparable address; see `core.addresses`.
    scope: `audience` stops the mail of one list, `tenant` all mail of the tenant, `global` that of all tenants.
    ended: its `expires_at` has passed. A suppression is never deleted, so that its history can be told.
    wish: a complaint or an unsubscribe. Only the person's own later consent ends it.

Invariants:
    No import of contacts ends, weakens or shortens a suppression, under whatever spelling of the address.
    The strongest reason that holds is the one that is told.

Standards:
    RFC 8058 (one-click unsubscribe), CAN-SPAM 15 U.S.C. 7704(a)(4), GDPR Art. 21(3).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from core.deliveries import SkipReason
from core.errors import ConflictError, InputError


class Scope(StrEnum):
    """What a suppression stops."""

    GLOBAL = "global"
    TENANT = "tenant"
    AUDIENCE = "audience"


class Reason(StrEnum):
    """Why a person must not be mailed, strongest first."""

    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    MANUAL = "manual"
    IMPORT = "import"


SKIP_REASONS: dict[Reason, SkipReason] = {
    Reason.COMPLAINT: SkipReason.COMPLAINED,
    Reason.UNSUBSCRIBE: SkipReason.UNSUBSCRIBED,
    Reason.HARD_BOUNCE: SkipReason.HARD_BOUNCED,
    Reason.SOFT_BOUNCE: SkipReason.SOFT_BOUNCED,
    Reason.MANUAL: SkipReason.SUPPRESSED,
    Reason.IMPORT: SkipReason.SUPPRESSED,
}


def strongest(reasons: Iterable[Reason]) -> Reason | None:
    """Return the reason that a person is told, or None when nothing forbids the mail."""
    order = list(Reason)
    return min(reasons, key=order.index, default=None)


# What SES's own list of the tenant is told as a backstop, in the two words that it has. What ends by itself, or is no person's and
# no receiver's word, is not told; neither is what holds for one list only.
TOLD_TO_SES: Final[dict[Reason, str]] = {
    Reason.COMPLAINT: "COMPLAINT",
    Reason.UNSUBSCRIBE: "COMPLAINT",
    Reason.HARD_BOUNCE: "BOUNCE",
}

WISHES: Final = frozenset({Reason.COMPLAINT, Reason.UNSUBSCRIBE})


def check_end(reasons: Iterable[Reason], *, why: str, consented: bool) -> None:
    """Refuse to end suppressions without a reason, or the person's own wish without the person's consent.

    Args:
        reasons: Of the suppressions that would end.
        why: What the operator says.
        consented: Whether the operator says that the person has asked for our mail since.

    Raises:
        InputError: There is no reason.
        ConflictError: One of them is the person's own wish (`consent_needed`).
    """
    if not why.strip():
        raise InputError("ending a suppression needs a reason", hint="--why, for whoever asks later.")
    wishes = sorted(WISHES.intersection(reasons))
    if wishes and not consented:
        raise ConflictError(
            f"the person's own wish holds ({', '.join(wishes)})",
            hint="Only who has asked for the mail since may be mailed again: --consented, and say in --why how and when.",
            code="consent_needed",
        )
