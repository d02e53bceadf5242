"""Tenants, and the audit of who changed them."""

import pytest
from sqlmodel import Session

from core.errors import ConflictError, InputError, NotFoundError
from core.tenants import TenantState
from models import Tenant
from store import tenants
from store.session import Database
from tests.builders import a_tenant


def a_new_tenant(slug: str) -> Tenant:
    return Tenant(
        slug=slug,
        name="Acme",
        from_name="Acme",
        from_address="news@acme.example",
        reply_to="hi@acme.example",
        postal_address="1 Main St",
    )


def test_a_new_tenant_is_active_and_found_by_slug_and_id(session: Session) -> None:
    tenant_id = tenants.add(session, a_new_tenant("new-one"))
    assert tenants.by_slug(session, "new-one").id == tenant_id
    tenant = tenants.by_id(session, tenant_id=tenant_id)
    assert (tenant.state, tenant.time_zone, tenant.policies) == ("active", "UTC", {})


def test_a_slug_is_taken_once(database: Database) -> None:
    with database.begin() as session:
        tenants.add(session, a_new_tenant("acme"))
    with pytest.raises(ConflictError, match="there is a tenant 'acme' already"), database.begin() as session:
        tenants.add(session, a_new_tenant("acme"))


def test_a_slug_that_ses_cannot_take_is_refused(session: Session) -> None:
    with pytest.raises(InputError, match="cannot name a tenant"):
        tenants.add(session, a_new_tenant("Acme Travel"))


def test_an_unknown_tenant_is_not_found(session: Session) -> None:
    with pytest.raises(NotFoundError, match="there is no tenant 'nobody'"):
        tenants.by_slug(session, "nobody")
    with pytest.raises(NotFoundError):
        tenants.by_id(session, tenant_id=999_999)


def test_tenants_are_listed_by_slug(session: Session) -> None:
    for slug in ("zebra", "ant"):
        a_tenant(session, slug=slug)
    listed = [tenant.slug for tenant in tenants.everyone(session)]
    assert listed == sorted(listed)
    assert {"ant", "zebra"} <= set(listed)


def test_a_pause_is_audited_with_its_reason(session: Session) -> None:
    tenant_id = a_tenant(session).id
    assert tenant_id is not None
    tenants.set_state(
        session, tenant_id=tenant_id, state=TenantState.PAUSED, reason="12 % bounces", actor="breaker"
    )
    session.expire_all()
    tenant = tenants.by_id(session, tenant_id=tenant_id)
    assert (tenant.state, tenant.state_reason) == ("paused", "12 % bounces")
    (entry,) = tenants.audit_trail(session, tenant_id=tenant_id)
    assert (entry["actor"], entry["action"], entry["subject"], entry["reason"]) == (
        "breaker",
        "tenant.paused",
        f"tenant {tenant_id}",
        "12 % bounces",
    )


def test_the_audit_shows_the_newest_entries_of_one_tenant_first(session: Session) -> None:
    tenant_id, other = a_tenant(session).id, a_tenant(session).id
    assert tenant_id is not None
    assert other is not None
    for number in range(4):
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor="operator",
            action="test",
            subject=str(number),
            detail={"state": TenantState.ACTIVE, "number": number},
        )
    tenants.audit(session, tenant_id=other, actor="operator", action="test", subject="theirs")
    trail = tenants.audit_trail(session, tenant_id=tenant_id, limit=2)
    assert [(entry["subject"], entry["detail"]) for entry in trail] == [
        ("3", {"state": "active", "number": 3}),
        ("2", {"state": "active", "number": 2}),
    ]
