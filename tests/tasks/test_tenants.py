"""Tenants: a new one with its sending domain, paused and resumed with a reason."""

from pathlib import Path

import pytest

from core.errors import ConflictError, InputError, InvalidAddressError, NotFoundError
from core.tenants import TenantState
from models import Tenant
from store import sending_domains
from store import tenants as stored
from store.session import Database
from tasks import tenants
from tasks.resources import Resources
from tests.fakes import some_resources


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


def a_new_tenant(**changes: str) -> Tenant:
    values = {
        "slug": "acme",
        "name": "Acme Travel",
        "from_name": "Acme",
        "from_address": " News@Acme.EXAMPLE ",
        "reply_to": "hi@bücher.example",
        "postal_address": "1 Main St",
    }
    return Tenant(**values | changes)


def test_a_new_tenant_has_normal_addresses_a_sending_domain_and_an_audit_entry(resources: Resources) -> None:
    tenant_id = tenants.add(resources, a_new_tenant())
    with resources.database.begin() as session:
        tenant = stored.by_slug(session, "acme")
        (domain,) = sending_domains.of_tenant(session, tenant_id=tenant_id)
        (entry,) = stored.audit_trail(session, tenant_id=tenant_id)
    assert (tenant.from_address, tenant.reply_to) == ("News@acme.example", "hi@xn--bcher-kva.example")
    assert (domain["domain"], domain["schedule"], domain["rung"]) == ("acme.example", "adaptive", None)
    assert domain["warmup_started_on"] is not None
    assert (entry["action"], entry["subject"]) == ("tenant.added", "acme")


@pytest.mark.parametrize(
    ("given", "rung"),
    [
        pytest.param({"schedule": "ladder"}, 0, id="a new domain starts at the bottom"),
        pytest.param(
            {"schedule": "ladder", "daily_volume": 40_000}, 6, id="a known one at a quarter of its volume"
        ),
        pytest.param({"schedule": "sparkpost", "daily_volume": 40_000}, 5, id="a published table, too"),
        pytest.param({"schedule": "warm"}, None, id="a warm one without a ladder"),
    ],
)
def test_the_warm_up_starts_where_receivers_know_the_domain(
    resources: Resources, given: dict[str, object], rung: int | None
) -> None:
    tenant_id = tenants.add(resources, a_new_tenant(), **given)
    with resources.database.begin() as session:
        (domain,) = sending_domains.of_tenant(session, tenant_id=tenant_id)
    assert domain["rung"] == rung
    assert (domain["warmup_started_on"] is None) == (rung is None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"from_address": "news@acme"}, InvalidAddressError, id="a From that is no address"),
        pytest.param({"reply_to": "nobody"}, InvalidAddressError, id="a Reply-To that is no address"),
        pytest.param(
            {"from_name": "Acme\r\nBcc: x@example.net"}, InputError, id="a name with a header in it"
        ),
        pytest.param({"postal_address": "  "}, InputError, id="no postal address"),
        pytest.param({"slug": "Acme Travel"}, InputError, id="a slug that SES cannot take"),
    ],
)
def test_what_cannot_be_a_tenant_is_refused_and_leaves_nothing(
    resources: Resources, changes: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        tenants.add(resources, a_new_tenant(**changes))
    assert tenants.everyone(resources) == []


def test_a_slug_is_taken_once(resources: Resources) -> None:
    tenants.add(resources, a_new_tenant())
    with pytest.raises(ConflictError):
        tenants.add(resources, a_new_tenant())
    assert [slug for _, slug in tenants.everyone(resources)] == ["acme"]


def test_a_tenant_is_paused_and_resumed_with_a_reason(resources: Resources) -> None:
    tenant_id = tenants.add(resources, a_new_tenant())
    paused = tenants.set_state(
        resources, "acme", state=TenantState.PAUSED, reason="12 % bounces", actor="ann"
    )
    assert (paused.state, paused.state_reason) == ("paused", "12 % bounces")
    resumed = tenants.set_state(resources, "acme", state=TenantState.ACTIVE, reason="cleaned", actor="bob")
    assert resumed.state == "active"
    with resources.database.begin() as session:
        trail = stored.audit_trail(session, tenant_id=tenant_id)
    assert [(entry["actor"], entry["action"]) for entry in trail] == [
        ("bob", "tenant.active"),
        ("ann", "tenant.paused"),
        ("operator", "tenant.added"),
    ]


def test_a_pause_without_a_reason_is_refused(resources: Resources) -> None:
    tenants.add(resources, a_new_tenant())
    with pytest.raises(InputError, match="say why"):
        tenants.set_state(resources, "acme", state=TenantState.PAUSED, reason=" ", actor="ann")


def test_an_unknown_tenant_is_not_found(resources: Resources) -> None:
    with pytest.raises(NotFoundError):
        tenants.id_of(resources, "nobody")
    tenant_id = tenants.add(resources, a_new_tenant())
    assert tenants.id_of(resources, "acme") == tenant_id


def test_a_schedule_that_is_none_is_refused(resources: Resources) -> None:
    with pytest.raises(InputError, match="there is no schedule 'sparkpots'") as refused:
        tenants.add(resources, a_new_tenant(), schedule="sparkpots")
    assert "adaptive, ladder" in refused.value.hint
