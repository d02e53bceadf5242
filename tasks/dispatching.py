"""Dispatching: which campaigns should go on, and whose runs are dead or were stopped by a person."""

import time
from collections.abc import Collection
from typing import Final

from core.campaigns import Action
from store import campaigns, control, doubt, leases, tenants
from store.session import Session
from tasks import accounts, anomalies, breakers, events, quarantine
from tasks.campaigns import settle
from tasks.events import DrainReport
from tasks.resources import Resources


EVIDENCE_SECONDS: Final = 30.0


def runs_at_work(resources: Resources) -> set[str]:
    """Return the flow runs that hold a live lease on somebody's deliveries."""
    with resources.database.begin() as session:
        everyone = [tenant.id for tenant in tenants.everyone(session) if tenant.id is not None]
        return {run for tenant_id in everyone for run in leases.runs_at_work(session, tenant_id=tenant_id)}


def relieve(resources: Resources, dead_runs: Collection[str]) -> int:
    """End the leases of runs that are known to be dead; return how many. `settle` then frees what they held."""
    with resources.database.begin() as session:
        everyone = [tenant.id for tenant in tenants.everyone(session) if tenant.id is not None]
        return sum(leases.end(session, tenant_id=tenant_id, dead_runs=dead_runs) for tenant_id in everyone)


def heed(resources: Resources, campaign_id: int, *, flow_run: str, reason: str) -> bool:
    """Pause a campaign whose run a person has stopped in Prefect; once for each run, so that a resume holds.

    Returns:
        Whether it was paused now: one that is not being sent, and a run that was heeded before, change nothing.
    """
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        state = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id).state
        if state not in Action.PAUSE.starts_from or control.was_heeded(
            session, tenant_id=tenant_id, flow_run=flow_run
        ):
            return False
        control.act(
            session,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            action=Action.PAUSE,
            reason=reason,
            actor="prefect",
            detail={"flow_run": flow_run},
        )
    return True


def take_evidence(resources: Resources, *, seconds: float = EVIDENCE_SECONDS) -> DrainReport | None:
    """Take what SES tells while campaigns are being sent or calls are in doubt, for about this long; None when neither is so.

    It cannot wait for the hourly reconciling of events. A campaign whose sender was killed is not done before its last
    calls are settled, most of them by events that are on the queue already; and breakers know what events tell, no more.
    """
    with resources.database.begin() as session:
        everyone = [tenant.id for tenant in tenants.everyone(session) if tenant.id is not None]
        if not any(_wants_events(session, tenant_id) for tenant_id in everyone):
            return None
    total, ends = DrainReport(), time.monotonic() + seconds
    while True:
        report = events.drain(resources, until_empty=False)
        total += report
        if not report.received or time.monotonic() > ends:
            return total


def _wants_events(session: Session, tenant_id: int) -> bool:
    return bool(campaigns.open_ones(session, tenant_id=tenant_id)) or doubt.waits(
        session, tenant_id=tenant_id
    )


def read_account(resources: Resources) -> bool:
    """Ask GetAccount again while campaigns are being sent, and say whether it was asked.

    A run asks once, when it begins, and may then send for days: what Amazon lowers meanwhile, and what other applications
    send, holds from here on.

    Raises:
        SendingError: SES did not answer; what it said last stays.
    """
    with resources.database.begin() as session:
        everyone = [tenant.id for tenant in tenants.everyone(session) if tenant.id is not None]
        if not any(campaigns.open_ones(session, tenant_id=tenant_id) for tenant_id in everyone):
            return False
    accounts.read(resources)
    return True


def ready(resources: Resources) -> list[tuple[str, int]]:
    """Settle what dead workers left behind; return the tenant's slug and id of each campaign that should go on.

    Raises:
        LedgerBehindError: The ledger may lack calls that were made, so that none should.
    """
    with resources.database.begin() as session:
        everyone = [(tenant.id, tenant.slug) for tenant in tenants.everyone(session) if tenant.id is not None]
    anomalies.review(resources)
    found = []
    for tenant_id, slug in everyone:
        settle(resources, tenant_id=tenant_id)
        with resources.database.begin() as session:
            breakers.ask_again(session, tenant_id)
            found += [(slug, row["id"]) for row in campaigns.ready(session, tenant_id=tenant_id)]
    with resources.database.begin() as session:
        breakers.judge_account(session, resources.ses.region)
    quarantine.watch(resources)
    return found
