"""Daily: judge each sending domain's last day, and give today its allowance."""

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps import RETRIED
from tasks import tenants, warmup
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="advance-warmup", flow_run_name="advance warm-up", persist_result=False)
def advance_warmup() -> State[None]:
    """Decide today's caps of every domain that is warming up."""
    decided = [decision for tenant_id, _ in tenants.everyone(resources()) for decision in advance(tenant_id)]
    if decided:
        create_table_artifact(
            decided, key="warm-up", description="Today's allowances, and the rule behind each"
        )
    return Completed(message=f"{len(decided)} sending domains decided")


@task(name="Advance a tenant's warm-up", **RETRIED)
def advance(tenant_id: int) -> list[dict[str, object]]:
    """Decide the tenant's domains; a day is decided once, so running it again changes nothing."""
    decided = warmup.advance(resources(), tenant_id=tenant_id)
    for decision in decided:
        run_logger().info(
            "Tenant %s, %s, %s: %s", decision.tenant, decision.domain, decision.provider, decision.why
        )
    return [decision.as_json() for decision in decided]
