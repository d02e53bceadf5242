"""Tenants: create, find, list, pause and resume; and the audit of who did it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from core.audit_chain import without_addresses
from core.errors import ConflictError, NotFoundError
from core.tenants import TenantState, checked_slug
from models import AuditEntry, Tenant
from store.session import Row, rows, run


def add(session: Session, tenant: Tenant) -> int:
    """Store a new tenant and return its id.

    Raises:
        ConflictError: The slug is taken.
        InputError: The slug cannot name a tenant.
    """
    checked_slug(tenant.slug)
    session.add(tenant)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(
            f"there is a tenant {tenant.slug!r} already", hint=f"posthouse tenant show {tenant.slug}"
        ) from error
    assert tenant.id is not None
    return tenant.id


def by_slug(session: Session, slug: str) -> Tenant:
    """Return a tenant.

    Raises:
        NotFoundError: There is none; the hint says how to list them.
    """
    tenant = session.exec(select(Tenant).where(Tenant.slug == slug)).first()
    if tenant is None:
        raise NotFoundError(f"there is no tenant {slug!r}", hint="posthouse tenant list")
    return tenant


def by_id(session: Session, *, tenant_id: int) -> Tenant:
    """Return a tenant.

    Raises:
        NotFoundError: There is none.
    """
    tenant = session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFoundError("there is no such tenant", hint="posthouse tenant list")
    return tenant


def everyone(session: Session) -> Sequence[Tenant]:
    """Return all tenants by slug."""
    return session.exec(select(Tenant).order_by(col(Tenant.slug))).all()


def set_state(session: Session, *, tenant_id: int, state: TenantState, reason: str, actor: str) -> None:
    """Pause or resume a tenant. Every intent reads the state in its own transaction, so it is effective at once."""
    run(
        session,
        "UPDATE tenant SET state = :state, state_reason = :reason WHERE id = :tenant_id",
        tenant_id=tenant_id,
        state=state,
        reason=reason,
    )
    audit(
        session,
        tenant_id=tenant_id,
        actor=actor,
        action=f"tenant.{state}",
        subject=f"tenant {tenant_id}",
        reason=reason,
    )


def set_policies(session: Session, *, tenant_id: int, policies: Mapping[str, Any]) -> None:
    """Keep what a tenant wants of all of its campaigns."""
    run(
        session,
        "UPDATE tenant SET policies = CAST(:policies AS jsonb) WHERE id = :tenant_id",
        tenant_id=tenant_id,
        policies=json.dumps(dict(policies)),
    )


def audit(
    session: Session,
    *,
    tenant_id: int,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write down who changed what, and why; the commit links the entry to those before it. Addresses are left out."""
    session.add(
        AuditEntry(
            tenant_id=tenant_id,
            actor=actor,
            action=action,
            subject=subject,
            reason=without_addresses(reason),
            detail=without_addresses(json.loads(json.dumps(detail or {}, default=str))),
        )
    )
    session.flush()


def audit_trail(session: Session, *, tenant_id: int, limit: int = 100) -> Sequence[Row]:
    """Return the newest audit entries first."""
    return rows(
        session,
        """SELECT created_at, actor, action, subject, reason, detail FROM audit_entry
           WHERE tenant_id = :tenant_id ORDER BY id DESC LIMIT :limit""",
        tenant_id=tenant_id,
        limit=limit,
    )
