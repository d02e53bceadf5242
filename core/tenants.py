"""Tenants: their states, how their mail is handed over, and what a tenant's own identity must look like."""

import re
from enum import StrEnum

from core.errors import InputError


class TenantState(StrEnum):
    """Whether a tenant may send at all; checked in every intent."""

    ACTIVE = "active"
    PAUSED = "paused"


class DeliveryApi(StrEnum):
    """Which of SES's two calls takes a tenant's messages. Both send the same mail under the same ledger."""

    SINGLE = "single"  # SendEmail, one message: a lost answer leaves one in doubt
    BULK = "bulk"  # SendBulkEmail, up to fifty: less than half the CPU, and a lost answer leaves all in doubt


_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def checked_slug(slug: str) -> str:
    """Return the slug, which is also the SES tenant's name (`[A-Za-z0-9_-]`, at most 64).

    Raises:
        InputError: It holds something else than lower-case letters, digits and inner hyphens.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(
            f"{slug!r} cannot name a tenant",
            hint="Use 1 to 63 lower-case letters, digits and hyphens, such as acme or acme-travel.",
        )
    return slug
