"""Every few minutes, and whenever a sending run crashes: start what is due, carry on what nobody works on.

The ledger says who waits and who holds a lease. Prefect is asked two things only: which of the runs that hold leases
are dead, so that these end now and not by the clock, and which runs a person has stopped, so that their campaigns stay
stopped. Without an answer to the first, leases end by themselves.
"""

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from core.errors import ConfigurationError, SendingError
from flows import runs
from flows.steps import ONCE, RETRIED
from tasks import dispatching
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="dispatch-campaigns", flow_run_name="dispatch", persist_result=False)
def dispatch_campaigns() -> State[None]:
    """Start or carry on every campaign that is ready."""
    heed_people()
    relieve_the_dead()
    take_evidence()
    read_account()
    ready = find_ready()
    for tenant, campaign_id in ready:
        runs.start(tenant, campaign_id)
        run_logger().info("Tenant %s: campaign %d goes on", tenant, campaign_id)
    return Completed(message=_in_words([campaign_id for _, campaign_id in ready]))


@task(name="Heed who stopped a run", **RETRIED)
def heed_people() -> None:
    """Pause the campaigns whose runs a person has stopped: whoever presses Cancel wants the sending to stop."""
    for stopped in runs.stopped_by_people():
        if dispatching.heed(
            resources(), stopped.campaign_id, flow_run=stopped.flow_run, reason=stopped.reason
        ):
            run_logger().warning("Campaign %d is paused: %s", stopped.campaign_id, stopped.reason)


@task(name="Relieve dead runs", **RETRIED)
def relieve_the_dead() -> None:
    """End the leases of runs that Prefect calls ended."""
    dead = runs.ended(dispatching.runs_at_work(resources()))
    if dead:
        freed = dispatching.relieve(resources(), dead)
        run_logger().warning("%d leases of %d dead runs ended", freed, len(dead))


@task(name="Take the events of what is being sent", **RETRIED)
def take_evidence() -> None:
    """Take what SES tells of calls that died with their sender, and of bounces and complaints, now and not next hour."""
    try:
        report = dispatching.take_evidence(resources())
    except ConfigurationError as error:
        # Without the queue the doubt waits, and breakers are blind. What is ready goes on all the same.
        run_logger().warning("calls stay in doubt, and breakers know nothing new: %s", error.message)
        return
    if report:
        run_logger().info("%d events applied", report.applied)


@task(name="Read the SES quota again", **ONCE)
def read_account() -> None:
    """Keep what Amazon allows up to date while campaigns are being sent; without an answer, what it said last holds."""
    try:
        dispatching.read_account(resources())
    except SendingError as error:
        run_logger().warning("the SES quota was not read again: %s", error)


@task(name="Find the campaigns that are ready", **RETRIED)
def find_ready() -> list[tuple[str, int]]:
    """Settle what dead workers left behind, then return the slug and id of each campaign that should go on."""
    ready = dispatching.ready(resources())
    run_logger().info("%d campaigns are ready", len(ready))
    return ready


def _in_words(campaign_ids: list[int]) -> str:
    if not campaign_ids:
        return "no campaign is ready"
    listed = ", ".join(map(str, campaign_ids))
    return f"campaign {listed} goes on" if len(campaign_ids) == 1 else f"campaigns {listed} go on"
