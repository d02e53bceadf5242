"""Nightly: suppress who cannot be reached, retire who is silent."""

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps import RETRIED
from tasks import hygiene, tenants
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="update-hygiene", flow_run_name="hygiene", persist_result=False)
def update_hygiene() -> State[None]:
    """Apply every tenant's hygiene rules."""
    lines = [line for tenant_id, slug in tenants.everyone(resources()) for line in update(tenant_id, slug)]
    create_table_artifact(
        lines or [{"tenant": "–", "rule": "nobody", "people": 0}],
        key="hygiene",
        description="Who was suppressed or retired tonight, by rule",
    )
    return Completed(message=f"{sum(line['people'] for line in lines):,} people suppressed or retired")


@task(name="Apply a tenant's hygiene", **RETRIED)
def update(tenant_id: int, slug: str) -> list[dict[str, Any]]:
    """Return one line for each rule that found somebody."""
    result = hygiene.run(resources(), tenant_id=tenant_id)
    run_logger().info("Tenant %s: %s", slug, result.as_json())
    people = {**result.suppressed, "retired": result.retired}
    return [{"tenant": slug, "rule": rule, "people": count} for rule, count in people.items() if count]
