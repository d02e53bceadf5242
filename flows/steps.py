"""The steps of the flows as Prefect tasks: names, retries and what they say, and nothing else.

Prefect retries a step only when running it again cannot send anything: reading the quota, planning, folding events.
Sending is not retried here: the ledger knows what to do next, and the next run does it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run

from core.campaigns import Status
from core.errors import NotSentError, PosthouseError, PreflightError, TemplateError
from core.forecast import Forecast
from core.preflight import Finding
from core.runs import Tally
from flows.artifacts import publish_preview
from gateways.ses import Quota
from tasks import accounts, campaigns, masked_previews, preflight, sending, stretch
from tasks.log import run_logger
from tasks.messages import load_job
from tasks.preflight import Preflight
from tasks.resources import resources


def _may_help(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again makes sense: what Posthouse refuses by its rules it would refuse again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, NotSentError) or not isinstance(error, PosthouseError)


# A result would put tenants' names and counts into Prefect's storage for nothing: every step can be run again.
ONCE: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
RETRIED: dict[str, Any] = {
    **ONCE,
    "retries": 3,
    "retry_delay_seconds": [2, 10, 30],
    "retry_condition_fn": _may_help,
}


@task(name="Read the SES quota", **RETRIED)
def read_quota() -> Quota:
    """Ask SES what it allows, so that all workers share one ceiling."""
    quota = accounts.refresh(resources())
    per_day = "no limit" if quota.max_24_hour_send < 0 else f"{quota.max_24_hour_send:,.0f}"
    run_logger().info(
        "SES allows %.0f messages a second and %s in 24 hours, of which %s are used",
        quota.max_send_rate,
        per_day,
        f"{quota.sent_last_24_hours:,.0f}",
    )
    return quota


@task(name="Check the campaign", **ONCE)
def check(campaign_id: int) -> Preflight:
    """Say what would be sent, to how many, and until when; change nothing."""
    result = preflight.check_campaign(resources(), campaign_id)
    run_logger().info(
        "Campaign %d: %s selected, %s would be sent%s",
        campaign_id,
        f"{result.selected:,}",
        f"{result.will_be_sent:,}",
        _by_reason(result.skipped),
    )
    for finding in result.findings:
        run_logger().warning("%s, %s: %s", finding.severity, finding.id, finding.message)
    return result


@task(name="Show some messages", **ONCE)
def show(campaign_id: int, findings: Sequence[Finding]) -> None:
    """Leave a preview of what some contacts would get; without one that can be rendered there is nothing to show."""
    try:
        job = load_job(resources(), campaign_id)
    except TemplateError as error:
        run_logger().warning("Campaign %d: nothing to show: %s", campaign_id, error.message)
        return
    publish_preview(job, masked_previews.of_campaign(resources(), job), findings)


@task(name="Override findings", **ONCE)
def override(campaign_id: int, rules: list[str], reason: str, operator: str) -> Preflight:
    """Let the campaign start in spite of some findings; the audit keeps who said so, and why."""
    result = preflight.override(resources(), campaign_id, rules=rules, reason=reason, actor=operator)
    run_logger().warning("Campaign %d: %s overrides %s: %s", campaign_id, operator, ", ".join(rules), reason)
    return result


@task(name="Start the campaign", **ONCE)
def start(campaign_id: int) -> tuple[Preflight, str]:
    """Check the campaign and let it be sent; return what was found, and why it may not start, "" when it may."""
    try:
        result = campaigns.start(resources(), campaign_id)
    except PreflightError as refusal:
        for told in refusal.findings:
            run_logger().error("%s: %s. %s", told["id"], told["message"], told["remedy"])
        return preflight.check_campaign(resources(), campaign_id), refusal.message
    for finding in result.findings:
        run_logger().warning("%s, %s: %s", finding.severity, finding.id, finding.message)
    run_logger().info(
        "Campaign %d may start: %s of %s people will get it",
        campaign_id,
        f"{result.will_be_sent:,}",
        f"{result.selected:,}",
    )
    return result, ""


@task(name="Plan the deliveries", **RETRIED)
def plan(campaign_id: int) -> Status:
    """Give everybody of the audience a delivery, or a reason why there is none."""
    planned = campaigns.plan(resources(), campaign_id)
    status = campaigns.status_of(resources(), campaign_id)
    run_logger().info(
        "Campaign %d: %s; %s of %s people wait%s",
        campaign_id,
        f"{planned:,} deliveries planned" if planned else "goes on",
        f"{status.pending:,}",
        f"{status.audience:,}",
        _by_reason(status.skipped_by_reason),
    )
    return status


@task(name="Send a chunk", **ONCE | {"task_run_name": "Send chunk {number}"})
def send_chunk(campaign_id: int, number: int) -> Tally:
    """Send for as long as one task run should last, or until the campaign cannot go on now."""
    with sending.sender(resources(), campaign_id, run=flow_run.id or "") as sender:
        tally = stretch.send(sender, seconds=resources().settings.chunk_seconds)
    run_logger().info("Campaign %d, chunk %d: %s", campaign_id, number, tally.in_words())
    return tally


@task(name="Conclude the run", **RETRIED)
def conclude(campaign_id: int, tally: Tally) -> tuple[Status, Forecast | None]:
    """Finish the campaign if nobody waits, else note when it goes on."""
    return campaigns.conclude(resources(), campaign_id, tally)


def _by_reason(skipped: Mapping[str, int]) -> str:
    """Return who is skipped as the end of a log line."""
    told = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in skipped.items())
    return f"; skipped: {told}" if told else ""
