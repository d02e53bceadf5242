"""Queries: each names its tenant, and none commits."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


PROJECT = Path(__file__).resolve().parents[2]

# Who does not name a tenant, and why that is right.
EXCEPTIONS = {
    "accounts.before_asking": "an SES account belongs to all tenants",
    "accounts.block": "an SES account belongs to all tenants",
    "accounts.canary_at": "an SES account belongs to all tenants",
    "accounts.find": "an SES account belongs to all tenants",
    "accounts.grant": "the account that is locked names who asks",
    "accounts.leave": "the account that is locked names who asks",
    "accounts.lock": "the asker names its tenant",
    "accounts.note_canary": "an SES account belongs to all tenants",
    "accounts.refresh": "an SES account belongs to all tenants",
    "accounts.reserve": "the asker names its tenant",
    "accounts.set_limit": "an SES account belongs to all tenants",
    "accounts.slow_down": "an SES account belongs to all tenants",
    "accounts.unblock": "an SES account belongs to all tenants",
    "bounces.said": "the table of bounces is taught by the answers to all tenants",
    "campaigns.add": "the campaign that is stored names its tenant itself",
    "campaigns.tenant_of": "the way in for those who know only a campaign's id",
    "correlation.of_ses_messages": "finds the tenant of an event",
    "correlation.owners_of_attempts": "finds the tenant of an event",
    "correlation.tenants": "finds the tenants that tags name",
    "hygiene_runs.waiting": "the doctor looks at all tenants",
    "mailbox_domains.choose": "a mail domain is the world's, and no tenant's",
    "mailbox_domains.find": "a mail domain is the world's, and no tenant's",
    "mailbox_domains.reachable": "a mail domain is the world's, and no tenant's",
    "mailbox_domains.save": "a mail domain is the world's, and no tenant's",
    "mailbox_domains.unchoose": "a mail domain is the world's, and no tenant's",
    "overview.campaigns_by_tenant": "the operator's page shows all tenants",
    "overview.newest_campaigns": "the operator's page shows all tenants, unless one is chosen",
    "reconciliation.inbox": "an event belongs to no tenant until it is understood",
    "reconciliation.keep": "one reconciliation looks at all tenants",
    "reconciliation.newest": "one reconciliation looks at all tenants",
    "reconciliation.our_count": "an SES account belongs to all tenants",
    "suppressions.acting": "what a transaction says of itself",
    "suppressions.add_global": "holds for all tenants",
    "suppressions.end_global": "held for all tenants",
    "tenants.add": "makes the tenant",
    "tenants.by_slug": "finds the tenant",
    "tenants.everyone": "finds the tenants",
}

# What is no query: here sessions and connections are made.
NO_QUERIES = {"session", "migrations"}

# An event belongs to no tenant until it is understood; the ledger and whether it may be believed is all tenants'; and a
# provider's own trouble hits them all.
NO_TENANTS = {"account_breaker", "anomalies", "inbox", "quarantine"}

QUERIES = sorted(
    path for path in (PROJECT / "store").glob("*.py") if path.stem not in {"__init__", *NO_QUERIES}
)


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for path in QUERIES:
        module = importlib.import_module(f"store.{path.stem}")
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_":
                yield f"{path.stem}.{name}", function


FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_query_is_given_its_session(name: str) -> None:
    assert next(iter(inspect.signature(FUNCTIONS[name]).parameters)) == "session"


def names_no_tenant(name: str) -> bool:
    return name in EXCEPTIONS or name.split(".", maxsplit=1)[0] in NO_TENANTS


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not names_no_tenant(name)])
def test_every_query_names_its_tenant(name: str) -> None:
    parameter = inspect.signature(FUNCTIONS[name]).parameters.get("tenant_id")
    assert parameter is not None
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert parameter.default is inspect.Parameter.empty


def test_the_list_of_exceptions_has_none_too_many() -> None:
    """One that names its tenant by now, or is gone, has no place in it."""
    needless = {
        name
        for name in EXCEPTIONS
        if name not in FUNCTIONS or "tenant_id" in inspect.signature(FUNCTIONS[name]).parameters
    }
    assert needless == set()


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_no_query_commits_or_opens_a_session_of_its_own(path: Path) -> None:
    calls = [
        node.func
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    called = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    called |= {call.id for call in calls if isinstance(call, ast.Name)}
    assert not called & {"commit", "rollback", "close", "begin", "Session", "create_engine", "Database"}
