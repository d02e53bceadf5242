"""Campaigns as their users start them: over Prefect's API, on a real server and worker, judged by the simulator."""

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil
import pytest

from cli.stack import Stack
from core.tenants import TenantState
from store import tenants
from tasks import campaigns
from tasks import tenants as tenant_steps
from tests.e2e.conftest import Cast, Casting
from tests.e2e.prefect_api import PrefectApi, wait_for


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

Run = tuple[Cast, str]


@pytest.fixture(scope="module")
def runs(prefect: PrefectApi, cast: Casting) -> dict[str, Run]:
    """Runs that need nothing of each other, so that they start together: most of a run's time is its start."""
    sent, warming, rehearsed = cast(people=100), cast(people=300, warm=False), cast(people=100)
    yes, no = cast(people=20), cast(people=20)
    halted = cast(people=20)
    tenant_steps.set_state(
        halted.resources, halted.slug, state=TenantState.PAUSED, reason="12 % bounces", actor="ann"
    )
    return {
        "halted": (
            halted,
            prefect.start("send-campaign", tenant=halted.slug, campaign_id=halted.campaign_id),
        ),
        "sent": (sent, prefect.start("send-campaign", tenant=sent.slug, campaign_id=sent.campaign_id)),
        "warming": (
            warming,
            prefect.start("send-campaign", tenant=warming.slug, campaign_id=warming.campaign_id),
        ),
        "rehearsed": (
            rehearsed,
            prefect.start(
                "send-campaign", tenant=rehearsed.slug, campaign_id=rehearsed.campaign_id, mode="dry-run"
            ),
        ),
        "stranger": (
            rehearsed,
            prefect.start("send-campaign", tenant=rehearsed.slug, campaign_id=sent.campaign_id),
        ),
        "put off": (
            rehearsed,
            prefect.start(
                "send-campaign",
                tenant=rehearsed.slug,
                template="announcement",
                audience="readers",
                name="Summer sale",
                start="2035-06-01T09:00:00+02:00",
            ),
        ),
        "yes": (yes, ask(prefect, yes)),
        "no": (no, ask(prefect, no)),
    }


@pytest.fixture(scope="module")
def sent(prefect: PrefectApi, runs: dict[str, Run]) -> Run:
    """A campaign that one run has sent, and the run."""
    prefect.completed(runs["sent"][1])
    return runs["sent"]


def test_everybody_gets_exactly_one_message_and_no_suppressed_person_any(sent: Run) -> None:
    spring, _ = sent
    assert spring.everybody_once
    assert len(spring.selected) == spring.status.sent == 90
    assert spring.status.skipped_by_reason == {"suppressed": 10}
    assert spring.status.adds_up


def test_a_finished_run_tells_its_story_in_counts(prefect: PrefectApi, sent: Run) -> None:
    spring, run_id = sent
    run = prefect.flow_run(run_id)
    assert run["name"] == f"{spring.slug} · Spring sale · 90 of 90"
    assert run["state"]["message"] == "done: 90 sent, 10 skipped, 0 failed"
    number = spring.campaign_id
    last = f"Campaign {number}: done: 90 sent, 10 skipped, 0 failed"
    wait_for(lambda: last in prefect.logs(run_id))  # logs travel in batches
    told = prefect.logs(run_id)
    assert f"Campaign {number} may start: 90 of 100 people will get it" in told
    assert f"Campaign {number}: 90 deliveries planned; 90 of 100 people wait; skipped: 10 suppressed" in told


def test_a_finished_run_leaves_progress_report_and_reasons(prefect: PrefectApi, sent: Run) -> None:
    spring, run_id = sent
    left = prefect.artifacts(run_id)
    number = spring.campaign_id
    assert left[f"campaign-{number}-progress"] == 100.0
    assert "**Done: 90 sent, 10 skipped, 0 failed.**" in left[f"campaign-{number}-report"]
    assert json.loads(left[f"campaign-{number}-skipped"]) == [{"reason": "suppressed", "people": 10}]


def test_a_campaign_is_sent_by_few_task_runs_and_not_one_for_each_person(
    prefect: PrefectApi, sent: Run
) -> None:
    asked = {"flow_runs": {"id": {"any_": [sent[1]]}}}
    wait_for(lambda: prefect.post("task_runs/count", asked).json() >= 5)  # they are recorded in batches
    assert prefect.post("task_runs/count", asked).json() <= 12


def test_a_warming_domain_ends_its_day_in_words(prefect: PrefectApi, runs: dict[str, Run]) -> None:
    spring, run_id = runs["warming"]
    told = prefect.completed(run_id)
    day = r"\d{4}-\d\d-\d\d"
    assert re.fullmatch(rf"out of today's allowance: 200 sent, 70 wait until {day}, done about {day}", told)
    assert sum(spring.accepted.values()) == 200
    assert spring.verdict.ok
    assert spring.status.state == "sending"


def test_a_run_that_may_not_start_leaves_what_was_found(prefect: PrefectApi, runs: dict[str, Run]) -> None:
    spring, run_id = runs["halted"]
    ended = prefect.wait(run_id)
    refusal = f"campaign {spring.campaign_id} may not start: the tenant is paused: 12 % bounces"
    assert (ended["state_type"], ended["state"]["message"]) == ("FAILED", refusal)
    left = prefect.artifacts(run_id)[f"campaign-{spring.campaign_id}-check"]
    assert f"**C{refusal[1:]}.**" in left
    assert "| block | `tenant_paused` | the tenant is paused: 12 % bounces | posthouse tenant resume" in left
    assert not spring.accepted
    assert spring.status.audience == 0, "nothing was planned"


def test_a_dry_run_reports_and_sends_nothing(prefect: PrefectApi, runs: dict[str, Run]) -> None:
    spring, run_id = runs["rehearsed"]
    number = spring.campaign_id
    told = f"dry run: campaign {number} may start, 90 would be sent, 10 skipped"
    assert prefect.completed(run_id) == told
    assert prefect.flow_run(run_id)["name"] == f"{spring.slug} · Spring sale · dry run"
    assert "## Findings" in prefect.artifacts(run_id)[f"campaign-{number}-check"]
    assert not spring.accepted
    assert spring.status.state == "draft"


def test_a_new_campaign_is_made_of_a_template_and_an_audience_and_put_off(
    prefect: PrefectApi, runs: dict[str, Run]
) -> None:
    spring, run_id = runs["put off"]
    told = re.fullmatch(r"campaign (\d+) starts at 2035-06-01 07:00 UTC", prefect.completed(run_id))
    assert told
    made = campaigns.find(spring.resources, tenant_slug=spring.slug, campaign_id=int(told[1]))
    assert (made.name, made.state) == ("Summer sale", "scheduled")
    assert made.start_at == datetime(2035, 6, 1, 7, tzinfo=UTC)
    assert made.origin == f"prefect:{run_id}"


def test_another_tenants_campaign_is_not_there(prefect: PrefectApi, runs: dict[str, Run]) -> None:
    """P04 for flows."""
    run = prefect.wait(runs["stranger"][1])
    assert run["state_type"] == "FAILED"
    number = runs["sent"][0].campaign_id
    assert run["state"]["message"] == f"there is no campaign {number}. Try: posthouse campaign list"


def test_running_a_finished_campaign_again_sends_nothing(prefect: PrefectApi, sent: Run) -> None:
    spring, _ = sent
    told = prefect.complete("send-campaign", tenant=spring.slug, campaign_id=spring.campaign_id)
    assert told == f"campaign {spring.campaign_id} is done: nothing was sent by this run"
    assert spring.everybody_once


def test_two_runs_of_one_campaign_at_once_are_harmless(prefect: PrefectApi, cast: Casting) -> None:
    """F26."""
    spring = cast(people=200)
    parameters = {"tenant": spring.slug, "campaign_id": spring.campaign_id}
    for run_id in [prefect.start("send-campaign", **parameters) for _ in range(2)]:
        prefect.completed(run_id)
    assert spring.everybody_once
    assert spring.status.sent == 180


def test_a_run_that_asks_does_what_the_person_says_and_the_audit_keeps_it(
    prefect: PrefectApi, runs: dict[str, Run]
) -> None:
    for said in ("yes", "no"):
        spring, run_id = runs[said]
        assert prefect.wait(run_id, {"PAUSED"})["state_name"] == "Suspended"
        assert not spring.accepted
        answer = {"approver": "Ada", "approved": said == "yes"}
        prefect.post(f"flow_runs/{run_id}/resume", {"run_input": answer}).raise_for_status()
    (approved, first), (refused, second) = runs["yes"], runs["no"]
    assert prefect.completed(first) == "done: 18 sent, 2 skipped, 0 failed"
    told = f"campaign {refused.campaign_id} was not approved: nothing was sent"
    assert prefect.completed(second) == told
    assert approved.everybody_once
    assert not refused.accepted
    assert ("Ada", "campaign.approved") in audit(approved)
    assert ("Ada", "campaign.not_approved") in audit(refused)


def ask(prefect: PrefectApi, cast: Cast) -> str:
    """Start a run that waits for a person."""
    return prefect.start("send-campaign", tenant=cast.slug, campaign_id=cast.campaign_id, approval="ask")


def audit(cast: Cast) -> set[tuple[str, str]]:
    """Who did what at a tenant."""
    with cast.resources.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=cast.tenant_id)
    return {(entry["actor"], entry["action"]) for entry in trail}


def process_of(stack: Stack, run_id: str) -> psutil.Process:
    """The process that executes a flow run."""
    worker = next(child for child in stack.children if child.name == "prefect worker")
    for process in psutil.Process(worker.process.pid).children(recursive=True):
        if process.environ().get("PREFECT__FLOW_RUN_ID", "").replace("-", "") == run_id.replace("-", ""):
            return process
    raise AssertionError("nobody executes it")


@contextmanager
def slowed_down(stack: Stack, slug: str) -> Iterator[None]:
    """Let SES answer this tenant a second late."""
    url = f"{stack.urls['simulator']}/_simulator/faults"
    rule = {"action": "slow", "seconds": 1, "match": {"from_domain": f"mail.{slug}.example"}}
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(rule).encode())).close()
    yield
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()
