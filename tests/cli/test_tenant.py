"""`posthouse tenant`, as a script uses it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import tenant
from store import accounts, tenants
from store.session import Database
from tests.builders import an_account


@pytest.fixture(autouse=True)
def _environment(own_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def posthouse_tenant(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(tenant.app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout) if exit_code < 2 else done.output


ACME = (
    "add",
    "acme",
    "--name",
    "Acme",
    "--from-address",
    "news@acme.example",
    "--postal-address",
    "1 Main St",
)


@pytest.mark.parametrize(
    ("options", "api"), [pytest.param((), "single", id="default"), (("--delivery-api", "bulk"), "bulk")]
)
def test_a_tenant_is_sent_for_one_by_one_unless_it_is_told_otherwise(
    options: tuple[str, ...], api: str
) -> None:
    assert posthouse_tenant(*ACME, *options)["delivery_api"] == api
    assert posthouse_tenant("show", "acme")["delivery_api"] == api


def test_a_call_that_ses_does_not_have_is_wrong_usage() -> None:
    assert "bulk" in posthouse_tenant(*ACME, "--delivery-api", "batch", exit_code=2)


def test_bulk_waits_for_a_canary_unless_somebody_insists() -> None:
    posthouse_tenant(*ACME)
    refused = posthouse_tenant("set", "acme", "--delivery-api", "bulk", exit_code=1)["error"]
    assert (refused["code"], refused["message"]) == (
        "canary_missing",
        "nobody has compared SES's two calls in us-east-1 yet",
    )
    assert "posthouse doctor --ses-canary ADDRESS --tenant acme" in refused["hint"]
    assert posthouse_tenant("set", "acme", "--delivery-api", "bulk", "--anyway")["delivery_api"] == "bulk"
    assert posthouse_tenant("set", "acme", "--delivery-api", "single")["delivery_api"] == "single"


def test_after_a_canary_bulk_is_a_free_choice_and_in_the_audit(database: Database) -> None:
    posthouse_tenant(*ACME)
    with database.begin() as session:
        an_account(session)
        accounts.note_canary(session, region="us-east-1")
    assert posthouse_tenant("set", "acme", "--delivery-api", "bulk")["delivery_api"] == "bulk"
    with database.begin() as session:
        tenant_id = tenants.by_slug(session, "acme").id
        newest = tenants.audit_trail(session, tenant_id=tenant_id)[0]
    assert (newest["action"], newest["detail"]["anyway"]) == ("tenant.delivery_api", False)
    assert newest["detail"]["canary_at"] is not None


@pytest.mark.parametrize(("options", "warns"), [((), False), (("--delivery-api", "bulk"), True)])
def test_who_makes_a_tenant_with_bulk_is_told_of_the_canary(options: tuple[str, ...], *, warns: bool) -> None:
    done = CliRunner().invoke(tenant.app, [*ACME, *options, "--json"])
    assert ("--ses-canary" in done.stderr) is warns
