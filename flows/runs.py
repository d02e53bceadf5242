"""Runs: what Prefect says of the flow runs that send, and how another one is started.

Prefect's word is taken only where being wrong does no harm. A run that it calls dead and that is alive loses its turn,
not a message: its claims are fenced. A run that it calls alive and that is dead keeps its leases until they are over.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment


SEND: Final = "send-campaign"
APPROVE_HYGIENE: Final = "approve-hygiene"
WAITING: Final = (StateType.SCHEDULED, StateType.PENDING)
STOPPED: Final = (StateType.CANCELLED, StateType.CANCELLING, StateType.PAUSED)
NEWEST: Final = (
    200  # of the runs that people stopped; older ones were looked at by hundreds of dispatchers before
)

# A run that a dispatcher started and that waits for a worker is not started again within the hour. Should Prefect have
# lost it, the next hour's key is another.
SLOT_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run that a person cancelled or paused in Prefect, and the campaign that it was asked to send."""

    flow_run: str
    campaign_id: int
    reason: str


def ended(run_ids: Collection[str]) -> set[str]:
    """Return those of these runs that Prefect calls ended, or does not know any more."""
    if not run_ids:
        return set()
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run_id) for run_id in run_ids]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=wanted)
    alive = {str(run.id) for run in found if run.state is not None and not run.state.is_final()}
    return set(run_ids) - alive


def stopped_by_people() -> Iterator[Stopped]:
    """Yield the sending runs that people cancelled, paused or suspended, newest first."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*STOPPED]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[SEND])),
            flow_run_filter=FlowRunFilter(state=states),
            sort=FlowRunSort.START_TIME_DESC,
            limit=NEWEST,
        )
    for run in found:
        if (stopped := _as_stopped(run)) is not None:
            yield stopped


def _as_stopped(run: FlowRun) -> Stopped | None:
    """Return what a person did to a run; None when it was not a person, or nothing that concerns a campaign."""
    campaign_id = (run.parameters or {}).get("campaign_id")
    if run.state is None or not isinstance(campaign_id, int):
        return None
    asks = run.state.is_paused() and (run.parameters or {}).get("approval") == "ask"
    if asks or "shutting down" in (run.state.message or ""):
        return None
    what = "paused" if run.state.is_paused() else "cancelled"
    return Stopped(str(run.id), campaign_id, f"the flow run was {what} in Prefect")


def start(tenant: str, campaign_id: int) -> None:
    """Start a run that sends a campaign, and do not wait for it; two dispatchers at once start one."""
    tag = f"campaign-{campaign_id}"
    slot = int(datetime.now(UTC).timestamp()) // SLOT_SECONDS
    run_deployment(
        f"{SEND}/{SEND}",
        parameters={"tenant": tenant, "campaign_id": campaign_id},
        flow_run_name=f"{tenant} · campaign {campaign_id}",
        tags=[tag],
        timeout=0,
        as_subflow=False,
        idempotency_key=f"{tag}-{slot}-after-{_last_begun(tag)}",
    )


def ask_for_approval(tenant: str, run_id: int) -> None:
    """Start the run that asks a person about a night of hygiene, and do not wait for it.

    While it waits no second one is started. If it has ended and the night still waits, because somebody cancelled the run and
    decided nothing, the next call asks again.
    """
    tag = f"hygiene-{tenant}-{run_id}"
    run_deployment(
        f"{APPROVE_HYGIENE}/{APPROVE_HYGIENE}",
        parameters={"tenant": tenant, "run_id": run_id},
        flow_run_name=f"{tenant} · hygiene run {run_id}",
        tags=[tag],
        timeout=0,
        as_subflow=False,
        idempotency_key=f"{tag}-after-{_last_ended(tag)}",
    )


def _last_ended(tag: str) -> str:
    """Return the newest run with this tag that has ended."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*TERMINAL_STATES]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag]), state=states),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
    return str(found[0].id) if found else "none"


def _last_begun(tag: str) -> str:
    """Return the newest run with this tag that does not wait to begin: after its end another may be started."""
    begun = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[tag]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[*WAITING])),
    )
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=begun, sort=FlowRunSort.START_TIME_DESC, limit=1)
    return str(found[0].id) if found else "none"
