"""Hourly: take what SES reports from the queues, fold it into deliveries and suppressions, settle what is in doubt."""

import time

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps import RETRIED
from tasks import campaigns, events, evidence, forecasts, tenants
from tasks.events import DrainReport
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="reconcile-events", flow_run_name="reconcile events", persist_result=False)
def reconcile_events() -> State[None]:
    """Drain the queues, then end leases and doubt that are over."""
    total = DrainReport()
    while (report := drain_chunk()).received:
        total += report
    total += report
    settled = settle()
    return Completed(message=f"{_in_words(total)}; {_settled_in_words(settled)}")


@task(name="Drain the queues", **RETRIED)
def drain_chunk() -> DrainReport:
    """Take and apply events for as long as one task run should last; a message is deleted only after its commit."""
    total, ends = DrainReport(), time.monotonic() + resources().settings.chunk_seconds
    while True:
        report = events.drain(resources(), until_empty=False)
        total += report
        if not report.received or time.monotonic() > ends:
            break
    run_logger().info("Events: %s", _in_words(total))
    return total


@task(name="Settle leases and doubt", **RETRIED)
def settle() -> dict[str, int]:
    """End what dead workers left behind, for every tenant."""
    total = {"freed": 0, "in_doubt": 0, "again": 0, "unconfirmed": 0, "done": 0}
    clear = evidence.queues_are_clear(resources())
    for tenant_id, _ in tenants.everyone(resources()):
        settled = campaigns.settle(resources(), tenant_id=tenant_id, queues_are_clear=clear)
        total = {name: total[name] + settled[name] for name in total}
    run_logger().info("Settled: %s", _settled_in_words(total))
    run_logger().info("Forecasts: %s", forecasts.record(resources()).words)
    return total


def _in_words(report: DrainReport) -> str:
    parts = (
        (report.applied, "applied"),
        (report.duplicates, "seen before"),
        (report.quarantined, "quarantined"),
        (report.malformed, "malformed"),
    )
    told = [f"{number:,} {what}" for number, what in parts if number]
    return ", ".join([f"{report.received:,} received", *told])


def _settled_in_words(settled: dict[str, int]) -> str:
    return (
        f"{settled['freed']:,} leases ended, {settled['in_doubt']:,} put in doubt, {settled['again']:,} called again, "
        f"{settled['unconfirmed']:,} unconfirmed, {settled['done']} campaigns done"
    )
