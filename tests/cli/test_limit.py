"""`posthouse limit` and a tenant's weight, as a script uses them."""

import json
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from cli import limit, tenant
from store import tenants
from store.session import Database
from tests.builders import a_tenant


@pytest.fixture(autouse=True)
def _environment(own_process: None, database: Database) -> None:
    with database.begin() as session:
        a_tenant(session, slug="acme")


def posthouse(app: Typer, *arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def rates(document: dict[str, Any]) -> dict[str, float]:
    return {line["provider"]: line["per_second"] for line in document["limits"]}


def trail(database: Database) -> list[str]:
    with database.begin() as session:
        tenant_id = tenants.by_slug(session, "acme").id
        assert tenant_id is not None
        return [row["action"] for row in tenants.audit_trail(session, tenant_id=tenant_id)]


def test_limits_are_set_listed_changed_and_cleared_and_each_is_audited(database: Database) -> None:
    assert posthouse(limit.app, "list", "acme") == {"tenant": "acme", "limits": []}
    posthouse(limit.app, "set", "acme", "--rate", "20", "--reason", "slow pages")
    found = posthouse(limit.app, "set", "acme", "--rate", "2", "--provider", "gmail", "--reason", "4xx")
    assert rates(found) == {"all": 20.0, "gmail": 2.0}
    assert found["limits"][1].keys() == {"provider", "per_second", "set_by", "reason", "set_at"}
    posthouse(limit.app, "set", "acme", "--rate", "30", "--reason", "faster pages")
    left = posthouse(limit.app, "clear", "acme", "--provider", "gmail", "--reason", "mended")
    assert rates(left) == rates(posthouse(limit.app, "list", "acme")) == {"all": 30.0}
    assert trail(database) == ["tenant.unlimited", "tenant.limited", "tenant.limited", "tenant.limited"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["set", "acme", "--rate", "0.1", "--reason", "r"], id="too slow"),
        pytest.param(["set", "acme", "--rate", "nan", "--reason", "r"], id="no number"),
        pytest.param(["set", "acme", "--rate", "5", "--provider", "gmial", "--reason", "r"], id="a slip"),
        pytest.param(["set", "acme", "--rate", "5", "--reason", " "], id="no reason"),
        pytest.param(["set", "nobody", "--rate", "5", "--reason", "r"], id="no such tenant"),
        pytest.param(["clear", "acme", "--reason", "r"], id="no such limit"),
    ],
)
def test_what_is_no_limit_is_refused(database: Database, arguments: list[str]) -> None:
    refused = posthouse(limit.app, *arguments, exit_code=1)
    assert refused["error"]["hint"]
    assert trail(database) == []


def test_a_weight_is_set_shown_and_audited(database: Database) -> None:
    assert posthouse(tenant.app, "show", "acme")["weight"] == 1
    assert posthouse(tenant.app, "set", "acme", "--weight", "2.5")["weight"] == 2.5
    posthouse(tenant.app, "set", "acme", "--weight", "0", exit_code=1)
    assert trail(database) == ["tenant.weight"]
