"""A night of hygiene that would take too many, as Prefect asks about it: the scheduled run ends, another waits for a person."""

from typing import Any

import pytest

from store import hygiene_runs, tenants
from store.session import run
from tests.e2e.conftest import Cast, Casting
from tests.e2e.prefect_api import PrefectApi


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]


def at_a_dead_domain(cast: Cast, domain: str) -> Cast:
    """Half of the tenant's people are at a domain that has been dead for a week."""
    with cast.resources.database.begin() as session:
        run(
            session,
            """UPDATE contact SET address = split_part(address, '@', 1) || '@' || :domain
               WHERE tenant_id = :tenant_id AND id % 2 = 0""",
            tenant_id=cast.tenant_id,
            domain=domain,
        )
        run(
            session,
            """INSERT INTO mailbox_domain (domain, provider, reach, dead_nights, dead_on, look_again_at)
               VALUES (:domain, 'other', 'nonexistent', 7, '2026-11-24', now() + interval '1 year')""",
            domain=domain,
        )
    return cast


def retired(cast: Cast) -> int:
    with cast.resources.database.begin() as session:
        return hygiene_runs.standing(session, tenant_id=cast.tenant_id)["retired"]


def asked_of(prefect: PrefectApi, slug: str) -> dict[str, Any]:
    """The run that asks about a tenant and was not cancelled."""
    found = prefect.post(
        "flow_runs/filter", {"deployments": {"name": {"any_": ["approve-hygiene"]}}, "limit": 200}
    ).json()
    (one,) = [
        run for run in found if run["parameters"]["tenant"] == slug and run["state_type"] != "CANCELLED"
    ]
    return one


def test_a_night_that_would_take_too_many_waits_for_a_person_and_holds_up_nobody(
    prefect: PrefectApi, cast: Casting
) -> None:
    approved, refused = (at_a_dead_domain(cast(people=40), f"gone{n}.test") for n in (1, 2))
    night = prefect.start("update-hygiene")
    told = prefect.completed(night)
    asked = {tenant.slug: asked_of(prefect, tenant.slug) for tenant in (approved, refused)}
    for slug, waits in asked.items():
        run_id = waits["parameters"]["run_id"]
        assert f"{slug} (run {run_id})" in told
        assert prefect.wait(waits["id"], {"PAUSED"})["state_name"] == "Suspended"
    assert (retired(approved), retired(refused)) == (0, 0)
    shown = prefect.artifacts(night)[f"hygiene-{approved.slug}"]
    assert "would leave" in shown
    assert "@" not in shown

    # Somebody cancels a run and decides nothing. The next night asks about it again, and about the other not a second time.
    prefect.post(
        f"flow_runs/{asked[refused.slug]['id']}/set_state", {"state": {"type": "CANCELLED"}}
    ).raise_for_status()
    prefect.complete("update-hygiene")
    before, asked = asked, {slug: asked_of(prefect, slug) for slug in asked}
    assert asked[approved.slug]["id"] == before[approved.slug]["id"]
    assert asked[refused.slug]["id"] != before[refused.slug]["id"]
    assert asked[refused.slug]["parameters"] == before[refused.slug]["parameters"]
    assert prefect.wait(asked[refused.slug]["id"], {"PAUSED"})["state_name"] == "Suspended"

    # A form without a reason is refused by the server, and the run still waits.
    answer = {"approver": "Ada", "reason": " ", "approved": True}
    said = prefect.post(f"flow_runs/{asked[approved.slug]['id']}/resume", {"run_input": answer}).json()
    assert said["status"] == "REJECT"

    for slug, waits in asked.items():
        answer = {"approver": "Ada", "reason": "they have closed", "approved": slug == approved.slug}
        prefect.post(f"flow_runs/{waits['id']}/resume", {"run_input": answer}).raise_for_status()
    run_id = asked[approved.slug]["parameters"]["run_id"]
    assert prefect.completed(asked[approved.slug]["id"]).startswith(
        f"hygiene run {run_id} of {approved.slug} was approved: "
    )
    assert prefect.completed(asked[refused.slug]["id"]).endswith("was refused: nobody leaves")
    assert retired(approved) > 10
    assert retired(refused) == 0
    with approved.resources.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=approved.tenant_id)
    assert ("Ada", "hygiene.approved", "they have closed") in {
        (entry["actor"], entry["action"], entry["reason"]) for entry in trail
    }
