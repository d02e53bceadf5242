"""`posthouse tenant`, as a script uses it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import tenant
from gateways.settings import settings
from tasks.resources import resources


@pytest.fixture(autouse=True)
def _environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("POSTHOUSE_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    resources.cache_clear()
    yield
    resources().database.dispose()
    settings.cache_clear()
    resources.cache_clear()


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
