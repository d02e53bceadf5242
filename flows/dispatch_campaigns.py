"""Every few minutes: start the campaigns that are due, and carry on those whose run has ended or died.

It needs no event and trusts no state of Prefect: it asks the ledger who waits and who holds a live lease. A killed
process, a lost run and a worker that was redeployed all look the same to it, and are all carried on.
"""

from datetime import UTC, datetime

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.states import Completed

from flows.steps import RETRIED
from tasks import campaigns
from tasks.log import run_logger
from tasks.resources import resources


SLOT_SECONDS = 60  # two dispatchers within one slot start one run


@flow(name="dispatch-campaigns", flow_run_name="dispatch", persist_result=False)
def dispatch_campaigns() -> State[None]:
    """Start or carry on every campaign that is ready."""
    ready = find_ready()
    for tenant, campaign_id in ready:
        _dispatch(tenant, campaign_id)
    return Completed(message=_in_words([campaign_id for _, campaign_id in ready]))


@task(name="Find the campaigns that are ready", **RETRIED)
def find_ready() -> list[tuple[str, int]]:
    """Settle what dead workers left behind, then return the slug and id of each campaign that should go on."""
    ready = campaigns.ready(resources())
    run_logger().info("%d campaigns are ready", len(ready))
    return ready


def _dispatch(tenant: str, campaign_id: int) -> None:
    """Start a run of its own; this flow does not wait for it."""
    slot = int(datetime.now(UTC).timestamp()) // SLOT_SECONDS
    run_deployment(
        "send-campaign/send-campaign",
        parameters={"tenant": tenant, "campaign_id": campaign_id},
        flow_run_name=f"{tenant} · campaign {campaign_id}",
        timeout=0,
        as_subflow=False,
        idempotency_key=f"campaign-{campaign_id}-{slot}",
    )
    run_logger().info("Tenant %s: campaign %d goes on", tenant, campaign_id)


def _in_words(campaign_ids: list[int]) -> str:
    if not campaign_ids:
        return "no campaign is ready"
    listed = ", ".join(map(str, campaign_ids))
    return f"campaign {listed} goes on" if len(campaign_ids) == 1 else f"campaigns {listed} go on"
