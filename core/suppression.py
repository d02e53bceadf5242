"""Suppression: who must not be mailed, and which rule says so.

A suppression names a person by recipient key, so that it outlives the contact, its erasure and its re-import. It holds
for a tenant, or for one of its audiences (one-click unsubscribe leaves the list that the message came from, UNS-10).

Terms:
    recipient key: keyed hash of the comparable address; see `core.addresses`.
    scope: `tenant` stops all mail of the tenant, `audience` that of one list.

Standards:
    RFC 8058 (one-click unsubscribe), CAN-SPAM 15 U.S.C. 7704(a)(4), GDPR Art. 21(3).
"""

from collections.abc import Iterable
from enum import StrEnum

from core.deliveries import SkipReason


class Scope(StrEnum):
    """What a suppression stops."""

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
