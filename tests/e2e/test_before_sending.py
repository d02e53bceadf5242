"""What people do before a campaign goes out, from Prefect: look, override, and send a test to their own."""

import json

import pytest

from cli.stack import Stack
from store import preflight, tenants
from tasks import seeds
from tests.e2e.conftest import Cast, Casting
from tests.e2e.prefect_api import PrefectApi, wait_for


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

OVERRIDE = {"override": ["FMT-HDR-05-EMOJI"], "reason": "the client insists", "operator": "Ann"}


def with_a_check_mark(spring: Cast) -> Cast:
    """A cast whose sender's name blocks the start, and may be overridden."""
    with spring.resources.database.begin() as session:
        tenants.by_id(session, tenant_id=spring.tenant_id).from_name = "Acme ✓"
    return spring


def accepted_tests(stack: Stack, slug: str) -> list[str]:
    entries = map(json.loads, stack.accept_log.read_text().splitlines())
    return sorted(one["to"][0] for one in entries if one["tags"]["tenant"] == slug and "test" in one["tags"])


def test_a_finding_is_overridden_in_the_form_and_the_campaign_is_sent(
    prefect: PrefectApi, cast: Casting
) -> None:
    spring = with_a_check_mark(cast(people=20))
    key = {"tenant": spring.slug, "campaign_id": spring.campaign_id}
    refused, nameless = (
        prefect.start("send-campaign", **key),
        prefect.start("send-campaign", **key, **OVERRIDE | {"operator": " "}),
    )
    told = prefect.wait(refused)["state"]["message"]
    assert told.startswith(f"campaign {spring.campaign_id} may not start: the sender's name holds an emoji")
    told = prefect.wait(nameless)["state"]["message"]
    assert told == "an override needs a reason and a name. Both are kept in the audit."
    assert not spring.accepted

    run_id = prefect.start("send-campaign", **key, **OVERRIDE)
    assert prefect.completed(run_id) == "done: 18 sent, 2 skipped, 0 failed"
    assert spring.everybody_once
    with spring.resources.database.begin() as session:
        found = preflight.overrides(session, tenant_id=spring.tenant_id, campaign_id=spring.campaign_id)
        audited = tenants.audit_trail(session, tenant_id=spring.tenant_id)
    assert [(row["rule"], row["reason"], row["actor"]) for row in found] == [
        ("FMT-HDR-05-EMOJI", "the client insists", "Ann")
    ]
    assert [
        (row["actor"], row["reason"]) for row in audited if row["action"] == "campaign.preflight_overridden"
    ] == [("Ann", "the client insists")]
    assert (
        "| block, overridden | `FMT-HDR-05-EMOJI` |"
        in prefect.artifacts(run_id)[f"campaign-{spring.campaign_id}-report"]
    )


def test_a_rule_that_nobody_may_override_is_not_offered(prefect: PrefectApi, cast: Casting) -> None:
    spring = cast(people=10)
    answer = prefect.ask("send-campaign", {"tenant": spring.slug, "override": ["FMT-HDR-02-DOMAIN"]})
    assert answer.status_code == 409
    assert "FMT-HDR-02-DOMAIN" in answer.text


def test_a_test_goes_to_the_seeds_and_to_nobody_else(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=10)
    seeds.add(
        spring.resources, tenant_slug=spring.slug, name="team", given=["ann@team.example", "bob@team.example"]
    )
    runs = [
        prefect.start("test-send", tenant=spring.slug, seed_list="team", campaign_id=spring.campaign_id),
        prefect.start("test-send", tenant=spring.slug, seed_list="team", template="announcement"),
        prefect.start("test-send", tenant=spring.slug, seed_list="team"),
    ]
    for run_id in runs[:2]:
        assert prefect.completed(run_id) == f"test prefect:{run_id}: 2 sent"
        assert json.loads(prefect.artifacts(run_id)["test-send"]) == [{"outcome": "sent", "seeds": 2}]
        wait_for(lambda run_id=run_id: any("2 sent" in line for line in prefect.logs(run_id)))
        assert not [line for line in prefect.logs(run_id) if "@team.example" in line]
    assert prefect.wait(runs[2])["state"]["message"].startswith("there is nothing to test")
    assert accepted_tests(stack, spring.slug) == ["ann@team.example"] * 2 + ["bob@team.example"] * 2
    assert not spring.accepted
    assert spring.status.state == "draft"


def test_a_dry_run_shows_what_some_contacts_would_get_and_nobodys_address(
    prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=10)
    run_id = prefect.start(
        "send-campaign", tenant=spring.slug, campaign_id=spring.campaign_id, mode="dry-run"
    )
    prefect.completed(run_id)
    shown = prefect.artifacts(run_id)[f"campaign-{spring.campaign_id}-preview"]
    assert shown.startswith(f"# {spring.slug} · Spring sale · preview")
    assert shown.count("## contact ") == 3
    assert "| Subject |" in shown
    assert "List\\-Unsubscribe" in shown or "| List-Unsubscribe |" in shown
    assert "readers.example" not in shown
    assert not [reader for reader in spring.selected if reader.partition("@")[0] in shown]
