"""Hourly: take what SES reports, fold it into deliveries and suppressions, settle what is in doubt, say what is missing."""

import time
from collections import Counter
from typing import Final

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from flows import artifacts
from flows.steps import RETRIED
from tasks import campaigns, events, evidence, forecasts, reconciliation, rollups, tenants
from tasks.events import DrainReport
from tasks.log import run_logger
from tasks.reconciliation import Report, Wish
from tasks.resources import resources


MOST_REPORTS: Final = 25  # an hour; a late open of an old campaign can wait, its sums are right


@flow(name="reconcile-events", flow_run_name="reconcile events", persist_result=False)
def reconcile_events() -> State[None]:
    """Drain the queues, then end leases and doubt that are over, then look for what should have come and did not."""
    total = DrainReport()
    while (report := drain_chunk()).received:
        total += report
    total += report
    settled, unconfirmed = settle()
    count()
    missing = reconcile(Wish(unconfirmed=unconfirmed, waited=total.waited))
    return Completed(message=f"{_in_words(total)}; {_settled_in_words(settled)}; {missing}")


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
def settle() -> tuple[dict[str, int], dict[str, int]]:
    """End what dead workers left behind, for every tenant; return the totals, and who has been called unconfirmed."""
    total = Counter({"freed": 0, "in_doubt": 0, "again": 0, "unconfirmed": 0, "done": 0})
    unconfirmed = {}
    clear = evidence.queues_are_clear(resources())
    for tenant_id, slug in tenants.everyone(resources()):
        settled = campaigns.settle(resources(), tenant_id=tenant_id, queues_are_clear=clear)
        total.update(settled)
        unconfirmed[slug] = settled["unconfirmed"]
    run_logger().info("Settled: %s", _settled_in_words(total))
    run_logger().info("Forecasts: %s", forecasts.record(resources()).words)
    return dict(total), unconfirmed


@task(name="Count what is reported", **RETRIED)
def count() -> None:
    """Bring the sums of all tenants up to date, and the reports of the campaigns of which something new is known."""
    facts, changed = 0, list[int]()
    for tenant_id, _ in tenants.everyone(resources()):
        counted = rollups.refresh(resources(), tenant_id=tenant_id)
        facts += counted.facts
        changed += sorted(counted.campaigns, reverse=True)
    run_logger().info("Counted: %s new facts of %s campaigns", f"{facts:,}", f"{len(changed):,}")
    for campaign_id in changed[:MOST_REPORTS]:
        artifacts.publish_results(rollups.results(resources(), campaign_id))


@task(name="Look for what is missing", **RETRIED)
def reconcile(wish: Wish) -> str:
    """Hold what was reported against what was accepted; leave the report, and an event of Prefect's for each gap."""
    report = reconciliation.run(resources(), wish)
    create_markdown_artifact(report.as_markdown(), key="reconciliation", description=report.words)
    _alert(report)
    return report.words


def _alert(report: Report) -> None:
    """Tell Prefect's server of each gap, so that an automation may call somebody; docs/runbooks/missing-events.md has one."""
    for gap in report.findings:
        emit_event(
            event=f"posthouse.reconciliation.{gap.severity.word}",
            resource={
                "prefect.resource.id": f"posthouse.gap.{gap.gap}.{gap.tenant or 'all'}",
                "prefect.resource.name": gap.message,
            },
            payload=gap.as_json(),
        )


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
