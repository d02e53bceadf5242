"""The flows around a campaign: onboarding, import, and those that run by the clock."""

import json
import re

import psycopg
import pytest

from cli.stack import Stack
from core.gaps import Gap
from store import sending_domains
from tasks import event_canaries, reconciliation, tenants, warmup
from tasks.reconciliation import Wish
from tasks.resources import Resources
from tests.e2e.conftest import Casting
from tests.e2e.prefect_api import PrefectApi


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

ONBOARDING = {
    "slug": "lindgren",
    "name": "Lindgren Books",
    "sending_domain": "mail.lindgren.example",
    "postal_address": "4 Mill Lane, Uppsala",
}


def test_a_tenant_is_onboarded_and_its_contacts_are_imported(
    prefect: PrefectApi, resources: Resources, cast: Casting
) -> None:
    told = prefect.complete("onboard-tenant", **ONBOARDING)
    assert told == "tenant lindgren was made, at the start of its warm-up"
    with resources.database.begin() as session:
        (domain,) = sending_domains.of_tenant(session, tenant_id=tenants.id_of(resources, "lindgren"))
    assert (domain["domain"], domain["schedule"]) == ("mail.lindgren.example", "adaptive")

    file = cast.folder / "lindgren.csv"
    file.write_text("email\nada@lindgren.readers.example\nnot an address\nbo@lindgren.readers.example\n")
    again, imported = (
        prefect.start("onboard-tenant", **ONBOARDING),
        prefect.start("import-contacts", tenant="lindgren", location=str(file), audience="readers"),
    )
    assert prefect.completed(imported) == "3 rows, 2 created, 1 rejected"
    (errors,) = (
        json.loads(data) for key, data in prefect.artifacts(imported).items() if key.endswith("-errors")
    )
    assert [error["line"] for error in errors] == [3]
    refused = prefect.wait(again)
    assert refused["state_type"] == "FAILED"
    assert "lindgren" in refused["state"]["message"]


def test_what_runs_by_the_clock_ends_in_words(prefect: PrefectApi, cast: Casting) -> None:
    tenant = cast(people=10, warm=False)
    # The first day of a ladder is decided in its night; an adaptive domain decides nothing before it has sent.
    warmup.set_schedule(
        cast.resources, tenant_id=tenant.tenant_id, schedule="ladder", reason="a test", actor="test"
    )
    runs = {name: prefect.start(name) for name in ("reconcile-events", "advance-warmup", "update-hygiene")}
    told = {name: prefect.completed(run_id) for name, run_id in runs.items()}
    assert re.match(r"[\d,]+ received", told["reconcile-events"])
    assert prefect.artifacts(runs["reconcile-events"])["reconciliation"].startswith("# Reconciliation of ")
    assert re.fullmatch(r"\d+ sending domains? decided", told["advance-warmup"])
    assert re.match(r"\d+ people suppressed or retired(; waiting for approval: .+)?$", told["update-hygiene"])
    assert "warm-up" in prefect.artifacts(runs["advance-warmup"])
    assert "hygiene" in prefect.artifacts(runs["update-hygiene"])


def test_an_event_canary_comes_back_by_both_streams(
    stack: Stack, cast: Casting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SES's simulator, SNS and SQS, as an operator asks them: `posthouse events reconcile --canary`."""
    for name, value in stack.variables().items():
        monkeypatch.setenv(name, value)
    tenant = cast(people=5)
    report = reconciliation.run(cast.resources, Wish(canaries=True))
    assert Gap.CANARY not in {finding.gap for finding in report.findings if finding.tenant == tenant.slug}
    newest = event_canaries.newest(cast.resources, tenant_id=tenant.tenant_id, slug=tenant.slug)
    assert newest is not None
    assert newest.missing == []


def test_no_address_and_no_secret_reaches_prefect(stack: Stack, prefect: PrefectApi, cast: Casting) -> None:
    """P05: everything that the stack has done before this test is searched, and a run of its own."""
    canary = cast(people=20)
    prefect.complete("send-campaign", tenant=canary.slug, campaign_id=canary.campaign_id)
    assert sum(canary.accepted.values()) == 18
    secrets = json.loads((stack.settings.state_dir / "secrets.json").read_text())
    # A report names large domains of readers, and never who reads there.
    wanted = ["@readers.example", "news@", "hello@", *_strings(secrets)]
    assert len(wanted) >= 5
    texts = _texts_of(stack.database_url)
    assert any(canary.slug in text for text in texts), "the right database is searched"
    found = {text for text in texts for word in wanted if word in text}
    assert found == set()
    logs = list((stack.settings.state_dir / "logs").glob("prefect*.log"))
    assert len(logs) >= 2
    for log in logs:
        assert not [word for word in wanted if word in log.read_text()]


def _strings(document: object) -> list[str]:
    """The values of the secrets' file that are long enough to be secret."""
    if isinstance(document, dict):
        return [text for value in document.values() for text in _strings(value)]
    if isinstance(document, list):
        return [text for value in document for text in _strings(value)]
    return [part for part in re.split(r"[:,]", str(document)) if len(part) >= 16]


def _texts_of(database_url: str) -> set[str]:
    """Every row of every table of Prefect's database, as text."""
    url = database_url.replace("+psycopg", "").replace("/posthouse?", "/prefect?")
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        names = {name for (name,) in tables}
        assert {"log", "artifact", "flow_run", "flow_run_state", "task_run", "events"} <= names
        texts: set[str] = set()
        for name in names:
            texts |= {text for (text,) in connection.execute(f'SELECT t::text FROM "{name}" t')}
        return texts
