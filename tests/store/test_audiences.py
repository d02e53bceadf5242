"""Audiences are made once and found by name."""

import pytest
from sqlmodel import Session

from core.errors import NotFoundError
from store import audiences
from tests.builders import a_scene, a_tenant


def a_tenant_id(session: Session) -> int:
    tenant_id = a_tenant(session).id
    assert tenant_id is not None
    return tenant_id


def test_an_audience_is_made_once(session: Session) -> None:
    tenant_id = a_tenant_id(session)
    made = audiences.get_or_create(session, tenant_id=tenant_id, name="news")
    assert audiences.get_or_create(session, tenant_id=tenant_id, name="news") == made
    assert audiences.find(session, tenant_id=tenant_id, name="news") == made


def test_another_tenants_audience_is_not_found(session: Session) -> None:
    audiences.get_or_create(session, tenant_id=a_tenant_id(session), name="news")
    with pytest.raises(NotFoundError, match="'news'"):
        audiences.find(session, tenant_id=a_tenant_id(session), name="news")


def test_audiences_are_listed_with_their_members(session: Session) -> None:
    scene = a_scene(session, contacts=3)
    audiences.get_or_create(session, tenant_id=scene.tenant_id, name="~ empty")
    listed = audiences.everyone(session, tenant_id=scene.tenant_id)
    assert [each["members"] for each in listed] == [3, 0]
