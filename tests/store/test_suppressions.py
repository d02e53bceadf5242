"""Suppressions are added once and never taken away."""

from sqlmodel import Session

from core.suppression import Reason, Scope
from store import audiences, suppressions
from store.suppressions import NewSuppression
from tests.builders import a_tenant


def a_tenant_id(session: Session) -> int:
    tenant_id = a_tenant(session).id
    assert tenant_id is not None
    return tenant_id


def suppression(key: str = "k", reason: Reason = Reason.UNSUBSCRIBE, **columns: object) -> NewSuppression:
    return NewSuppression(recipient_key=key, address=f"{key}@x.com", reason=reason, **columns)


def test_many_suppressions_are_added_at_once_and_counted_once(session: Session) -> None:
    tenant_id = a_tenant_id(session)
    given = [suppression("a"), suppression("b"), suppression("a"), suppression("a", Reason.COMPLAINT)]
    assert suppressions.add(session, tenant_id=tenant_id, suppressions=given) == 3
    assert suppressions.add(session, tenant_id=tenant_id, suppressions=given) == 0


def test_no_suppressions_are_no_statement(session: Session) -> None:
    assert suppressions.add(session, tenant_id=a_tenant_id(session), suppressions=[]) == 0


def test_a_persons_suppressions_say_where_they_hold(session: Session) -> None:
    tenant_id = a_tenant_id(session)
    audience_id = audiences.get_or_create(session, tenant_id=tenant_id, name="news")
    suppressions.add(
        session,
        tenant_id=tenant_id,
        suppressions=[
            suppression(reason=Reason.HARD_BOUNCE, source="ses", detail="5.1.1"),
            suppression(scope=Scope.AUDIENCE, audience_id=audience_id),
        ],
    )
    found = suppressions.of(session, tenant_id=tenant_id, recipient_key="k")
    assert {(each["scope"], each["audience"], each["reason"], each["detail"]) for each in found} == {
        ("tenant", None, "hard_bounce", "5.1.1"),
        ("audience", "news", "unsubscribe", ""),
    }


def test_another_tenants_suppressions_are_not_seen(session: Session) -> None:
    suppressions.add(session, tenant_id=a_tenant_id(session), suppressions=[suppression()])
    assert suppressions.of(session, tenant_id=a_tenant_id(session), recipient_key="k") == []


def test_the_export_reads_page_by_page(session: Session) -> None:
    tenant_id = a_tenant_id(session)
    suppressions.add(
        session, tenant_id=tenant_id, suppressions=[suppression(f"k{number}") for number in range(5)]
    )
    found = suppressions.export(session, tenant_id=tenant_id, page=2)
    assert [each["recipient_key"] for each in found] == ["k0", "k1", "k2", "k3", "k4"]


def test_a_forgotten_address_leaves_the_suppression(session: Session) -> None:
    """P06."""
    tenant_id = a_tenant_id(session)
    suppressions.add(session, tenant_id=tenant_id, suppressions=[suppression()])
    assert suppressions.forget_address(session, tenant_id=tenant_id, recipient_key="k") == 1
    assert len(suppressions.of(session, tenant_id=tenant_id, recipient_key="k")) == 1
    assert [each["address"] for each in suppressions.export(session, tenant_id=tenant_id)] == [None]
