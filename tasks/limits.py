"""Limits and weights: what an operator says of a tenant's part in the account's rate, effective from the next window on."""

import math
from typing import Any

from core import limits as rule
from core import providers
from core.allowances import ALL
from core.errors import InputError, NotFoundError
from models import Tenant
from store import limits, tenants
from store.session import Session
from tasks.resources import Resources


LIGHTEST, HEAVIEST = 0.01, 100.0


def put(
    resources: Resources, slug: str, *, rate: float, provider: str = ALL, reason: str, actor: str
) -> list[dict[str, Any]]:
    """Let a tenant send no faster than this, messages a second, altogether or to one mailbox provider; return all its limits.

    Raises:
        NotFoundError: There is no such tenant.
        InputError: The rate is too slow or no finite number, nobody knows the provider, or there is no reason.
    """
    if not rule.SLOWEST <= rate < math.inf:
        raise InputError(
            f"a limit is {rule.SLOWEST:g} messages a second or more, not {rate:g}",
            hint="One message in five seconds is the slowest. To send nothing, pause: posthouse tenant pause.",
        )
    if provider not in {ALL, *providers.known()}:
        raise InputError(
            f"{provider!r} is no mailbox provider", hint=f"One of {', '.join(providers.known())}, or {ALL}."
        )
    _check(reason)
    with resources.database.begin() as session:
        tenant_id = _tenant(session, slug)
        limits.put(
            session, tenant_id=tenant_id, provider=provider, per_second=rate, actor=actor, reason=reason
        )
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="tenant.limited",
            subject=f"mail to {provider}",
            reason=reason,
            detail={"provider": provider, "per_second": rate},
        )
        return _standing(session, tenant_id)


def clear(
    resources: Resources, slug: str, *, provider: str = ALL, reason: str, actor: str
) -> list[dict[str, Any]]:
    """End a limit; return those that are left.

    Raises:
        NotFoundError: There is no such tenant, or no such limit.
        InputError: There is no reason.
    """
    _check(reason)
    with resources.database.begin() as session:
        tenant_id = _tenant(session, slug)
        if not limits.clear(session, tenant_id=tenant_id, provider=provider):
            raise NotFoundError(f"{slug} has no limit for {provider}", hint=f"posthouse limit list {slug}")
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="tenant.unlimited",
            subject=f"mail to {provider}",
            reason=reason,
        )
        return _standing(session, tenant_id)


def standing(resources: Resources, slug: str) -> list[dict[str, Any]]:
    """Return a tenant's limits: provider, per_second, set_by, reason, set_at.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        return _standing(session, _tenant(session, slug))


def set_weight(resources: Resources, slug: str, *, weight: float, actor: str) -> Tenant:
    """Set a tenant's part of the rate, in proportion to those of the others who send at the same time.

    Raises:
        NotFoundError: There is no such tenant.
        InputError: The weight is no number from 0.01 to 100.
    """
    if not LIGHTEST <= weight <= HEAVIEST:
        raise InputError(
            f"a weight is a number from {LIGHTEST:g} to {HEAVIEST:g}, not {weight:g}",
            hint="2 is twice as much as a tenant of weight 1 gets.",
        )
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        detail = {"weight": weight, "was": tenant.weight}
        tenant.weight = weight
        tenants.audit(
            session, tenant_id=tenant.id, actor=actor, action="tenant.weight", subject=slug, detail=detail
        )
    return tenant


def _check(reason: str) -> None:
    if not reason.strip():
        raise InputError("say why", hint="--reason is kept for whoever looks at a slow campaign.")


def _tenant(session: Session, slug: str) -> int:
    tenant_id = tenants.by_slug(session, slug).id
    assert tenant_id is not None
    return tenant_id


def _standing(session: Session, tenant_id: int) -> list[dict[str, Any]]:
    return [dict(row) for row in limits.standing(session, tenant_id=tenant_id)]
