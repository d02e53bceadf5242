"""Suppressions: add, end and look up people who must not be mailed; `tasks.suppression_files` has files of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from core import addresses
from core.diagnostics import masked
from core.errors import InputError, NotFoundError
from core.suppression import Reason, Scope, check_end, strongest
from store import audiences, suppressions, tenants
from store.session import Row, Session
from store.suppressions import NewSuppression
from tasks.resources import Resources


def add_suppression(
    resources: Resources,
    *,
    tenant_id: int,
    address: str,
    reason: Reason,
    audience: str | None = None,
    everywhere: bool = False,
    expires_at: datetime | None = None,
    actor: str = "cli",
    why: str = "",
) -> dict[str, Any]:
    """Suppress one person, and return how the person stands now.

    Args:
        resources: Of this process.
        tenant_id: Whose person; who asks, when it shall hold for all tenants.
        address: Whom.
        reason: For what.
        audience: Only this list.
        everywhere: All tenants.
        expires_at: Until when; for ever without it.
        actor: Who.
        why: For the history and the audit, which outlive the person's data: an address in it is masked.

    Raises:
        InvalidAddressError: It is not an address.
        InputError: A list is named, and all tenants; or the end is in the past.
        NotFoundError: There is no such audience.
    """
    scope = _scope(audience, everywhere=everywhere)
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InputError("a suppression that has ended stops nothing", hint="--until is a time to come.")
    parsed = addresses.parse(address)
    why = masked(why, [address])
    key = addresses.recipient_key(parsed.comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        suppressions.acting(session, actor=actor, why=why)
        new = NewSuppression(
            recipient_key=key,
            address=parsed.deliverable,
            reason=reason,
            scope=scope,
            audience_id=audiences.find(session, tenant_id=tenant_id, name=audience) if audience else None,
            source=actor,
            detail=why,
            expires_at=expires_at,
        )
        if everywhere:
            added = suppressions.add_global(session, new)
        else:
            added = suppressions.add(session, tenant_id=tenant_id, suppressions=[new])
        if added:
            _audit(session, tenant_id, key, "added", actor, f"{reason} ({scope}) {why}".strip())
        return {"added": added, **_standing(suppressions.of(session, tenant_id=tenant_id, recipient_key=key))}


def end_suppression(
    resources: Resources,
    *,
    tenant_id: int,
    address: str,
    why: str,
    reason: Reason | None = None,
    audience: str | None = None,
    everywhere: bool = False,
    actor: str = "cli",
    consented: bool = False,
) -> dict[str, Any]:
    """End the suppressions of one person that a choice fits, and return how the person stands now. None is deleted.

    Args:
        resources: Of this process.
        tenant_id: Whose person.
        address: Whose.
        why: Kept in the history and the audit.
        reason: Only what holds for this one.
        audience: Only what holds for this list, in place of the whole tenant.
        everywhere: Only what holds for all tenants.
        actor: Who.
        consented: Whether the person has asked for the mail since, without which no complaint and no unsubscribe ends.

    Raises:
        InvalidAddressError: It is not an address.
        InputError: No reason is given; a list is named, and all tenants.
        NotFoundError: Nothing of that kind holds.
        ConflictError: It is the person's own wish, and there is no consent (`consent_needed`).
    """
    scope = _scope(audience, everywhere=everywhere)
    why = masked(why, [address])
    key = addresses.recipient_key(addresses.parse(address).comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        found = suppressions.of(session, tenant_id=tenant_id, recipient_key=key)
        fitting = [
            row for row in found if row["holds"] and (row["scope"], row["audience"]) == (scope, audience)
        ]
        fitting = [row for row in fitting if reason in {None, row["reason"]}]
        if not fitting:
            raise NotFoundError(
                "no such suppression holds", hint="posthouse suppressions check TENANT ADDRESS"
            )
        check_end((Reason(row["reason"]) for row in fitting), why=why, consented=consented)
        suppressions.acting(session, actor=actor, why=why)
        own = [row["id"] for row in fitting if row["id"] is not None]
        ended = suppressions.end(session, tenant_id=tenant_id, recipient_key=key, ids=own)
        in_all = [Reason(row["reason"]) for row in fitting if row["id"] is None]
        ended += suppressions.end_global(session, recipient_key=key, reasons=in_all)
        named = ", ".join(sorted({row["reason"] for row in fitting}))
        consent = " (consented)" if consented else ""
        _audit(session, tenant_id, key, "ended", actor, f"{named}{consent}: {why}")
        return {"ended": ended, **_standing(suppressions.of(session, tenant_id=tenant_id, recipient_key=key))}


def _scope(audience: str | None, *, everywhere: bool) -> Scope:
    if everywhere and audience:
        raise InputError("a list is of one tenant", hint="--audience or --everywhere, not both.")
    if everywhere:
        return Scope.GLOBAL
    return Scope.AUDIENCE if audience else Scope.TENANT


def _audit(session: Session, tenant_id: int, key: str, what: str, actor: str, reason: str) -> None:
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor=actor,
        action=f"suppression.{what}",
        subject=f"recipient {key}",
        reason=reason,
    )


def check_suppression(resources: Resources, *, tenant_id: int, address: str) -> dict[str, Any]:
    """Return whether a person is suppressed, by which reason first, and every suppression.

    Raises:
        InvalidAddressError: It is not an address.
    """
    comparable = addresses.parse(address).comparable
    key = addresses.recipient_key(comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        return _standing(suppressions.of(session, tenant_id=tenant_id, recipient_key=key))


def suppression_history(resources: Resources, *, tenant_id: int, address: str) -> list[dict[str, Any]]:
    """Return every change of a person's suppressions, oldest first: who, what, when, why.

    Raises:
        InvalidAddressError: It is not an address.
    """
    comparable = addresses.parse(address).comparable
    key = addresses.recipient_key(comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        found = suppressions.history(session, tenant_id=tenant_id, recipient_key=key)
        return [dict(row) for row in found]


def list_suppressions(
    resources: Resources, *, tenant_id: int, reason: Reason | None = None, limit: int = 20
) -> dict[str, Any]:
    """Count a tenant's suppressions, and show the newest that hold with masked addresses; the export has them in full.

    Args:
        resources: Of this process.
        tenant_id: Whose.
        reason: Only of this one.
        limit: How many are shown.
    """
    with resources.database.begin() as session:
        counted = [dict(row) for row in suppressions.counts(session, tenant_id=tenant_id)]
        found = suppressions.newest(session, tenant_id=tenant_id, reason=reason, limit=limit)
    shown = [
        dict(row) | {"address": addresses.masked(row["address"]) if row["address"] else None} for row in found
    ]
    return {"counts": counted, "newest": shown}


def _standing(found: Sequence[Row]) -> dict[str, Any]:
    reason = strongest(Reason(row["reason"]) for row in found if row["holds"])
    return {
        "suppressed": reason is not None,
        "reason": None if reason is None else str(reason),
        "suppressions": [dict(row) for row in found],
    }
