"""What happens when something dies or a person presses a button: without anybody, and without waiting for the clock.

The schedules are off here, so that whatever carries a campaign on was started by Prefect's own automation.
"""

import re

import pytest

from cli.stack import Stack
from store import tenants
from tests.e2e.conftest import Cast, Casting
from tests.e2e.prefect_api import PrefectApi, wait_for
from tests.e2e.test_campaigns_through_prefect import process_of, slowed_down


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

BUSY = 180  # a run starts in 6 s on a quiet machine of two cores, and was seen to take 30 on a busy one


def at_work(stack: Stack, prefect: PrefectApi, cast: Cast) -> str:
    """Start a campaign of which some are accepted and many wait; the id of its run."""
    run_id = prefect.start("send-campaign", tenant=cast.slug, campaign_id=cast.campaign_id)
    wait_for(lambda: sum(cast.accepted.values()) >= 10, seconds=BUSY)
    return run_id


def control(prefect: PrefectApi, cast: Cast, action: str) -> str:
    """Do something with a campaign by the form; what the run says."""
    return prefect.complete(
        "control-campaign",
        tenant=cast.slug,
        campaign_id=cast.campaign_id,
        action=action,
        reason=f"to {action} it",
        operator="Ada",
    )


def reasons(cast: Cast) -> list[tuple[str, str, str]]:
    """Who did what at a tenant, and why; oldest first."""
    with cast.resources.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=cast.tenant_id)
    return [(entry["actor"], entry["action"], entry["reason"]) for entry in reversed(trail)]


def test_a_killed_run_is_carried_on_without_a_person_or_the_clock(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    """F14: everybody whose call was not in flight is sent to, and nobody twice."""
    spring = cast(people=100)
    with slowed_down(stack, spring.slug):
        run_id = at_work(stack, prefect, spring)
        process_of(stack, run_id).kill()
        assert prefect.wait(run_id)["state_type"] == "CRASHED"
    assert sum(spring.accepted.values()) < 90
    wait_for(
        lambda: spring.status.pending + spring.status.claimed + spring.status.submitting == 0, seconds=BUSY
    )
    assert re.match(r"[\d,]+ received, [\d,]+ applied", prefect.complete("reconcile-events"))
    # Of the calls that were in flight, those that SES never got leave no event: they stay in doubt and are not repeated.
    assert spring.verdict.ok
    assert set(spring.accepted.values()) == {1}
    assert spring.status.sent == sum(spring.accepted.values())
    assert spring.status.sent + spring.status.in_doubt == 90
    assert spring.status.in_doubt <= 12


def test_who_cancels_a_run_in_prefect_stops_the_campaign_until_it_is_resumed(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=150)
    with slowed_down(stack, spring.slug):
        run_id = at_work(stack, prefect, spring)
        asked = {"state": {"type": "CANCELLING"}}
        prefect.post(f"flow_runs/{run_id}/set_state", asked).raise_for_status()
        assert prefect.wait(run_id)["state_type"] == "CANCELLED"
        wait_for(lambda: spring.status.state == "paused", seconds=BUSY)
    status = spring.status
    assert status.state_reason == "the flow run was cancelled in Prefect"
    # The window that was being called is recorded: nobody is in doubt, nobody is held.
    assert (status.submitting, status.in_doubt, status.claimed) == (0, 0, 0)
    assert status.sent == sum(spring.accepted.values()) < 135

    assert control(prefect, spring, "resume").startswith(f"campaign {spring.campaign_id} is sending")
    wait_for(lambda: spring.status.state == "done", seconds=BUSY)
    assert spring.everybody_once
    assert reasons(spring)[-2:] == [
        ("prefect", "campaign.paused", "the flow run was cancelled in Prefect"),
        ("Ada", "campaign.sending", "to resume it"),
    ]


def test_a_campaign_is_paused_and_cancelled_by_a_form(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=1500)
    with slowed_down(stack, spring.slug):
        run_id = at_work(stack, prefect, spring)
        assert re.fullmatch(
            rf"campaign {spring.campaign_id} is paused: \d+ sent, [\d,]+ wait",
            control(prefect, spring, "pause"),
        )
        assert "paused" in prefect.completed(run_id)
    held = sum(spring.accepted.values())
    assert spring.status.sent == held < 1350
    assert control(prefect, spring, "cancel").startswith(f"campaign {spring.campaign_id} is cancelled")
    assert spring.status.skipped_by_reason["cancelled"] == 1350 - held
    refused = prefect.wait(
        prefect.start(
            "control-campaign",
            tenant=spring.slug,
            campaign_id=spring.campaign_id,
            action="resume",
            reason="once more",
            operator="Ada",
        )
    )
    assert refused["state_type"] == "FAILED"
    assert "is cancelled and cannot become sending" in refused["state"]["message"]
    assert sum(spring.accepted.values()) == held


def test_what_the_server_does_by_itself_is_there_once_however_often_it_is_registered(
    stack: Stack, prefect: PrefectApi
) -> None:
    for _ in range(2):
        stack._deploy()
    found = prefect.post("automations/filter").json()
    assert sorted(automation["name"] for automation in found) == ["carry-on-campaigns", "crash-zombie-runs"]
