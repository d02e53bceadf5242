"""Hourly: take what SES reports from the queues, fold it into deliveries and suppressions, settle what is in doubt."""

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps import RETRIED
from tasks import campaigns, events, tenants
from tasks.events import DrainReport
from tasks.resources import resources


@flow(name="reconcile-events", flow_run_name="reconcile events", persist_result=False)
def reconcile_events() -> State[None]:
    """Drain the queues, then end leases and doubt that are over."""
    report = drain()
    settled = settle()
    return Completed(
        message=f"{report.received:,} received, {report.applied:,} applied, {report.duplicates:,} seen before, "
        f"{report.quarantined:,} quarantined; {settled['unconfirmed']:,} unconfirmed, {settled['done']} campaigns done"
    )


@task(name="Drain the queues", **RETRIED)
def drain() -> DrainReport:
    """Take and apply all that is on the queues; a message is deleted only after its commit."""
    report = events.drain(resources())
    get_run_logger().info("Events: %s", report.as_json())
    return report


@task(name="Settle leases and doubt", **RETRIED)
def settle() -> dict[str, int]:
    """End what dead workers left behind, for every tenant."""
    total = {"freed": 0, "in_doubt": 0, "unconfirmed": 0, "done": 0}
    for tenant_id, _ in tenants.everyone(resources()):
        settled = campaigns.settle(resources(), tenant_id=tenant_id)
        total = {name: total[name] + settled[name] for name in total}
    get_run_logger().info("Settled: %s", total)
    return total
