"""Flow runs from the command line: start one by deployment name and wait for its end."""

import time
from collections.abc import Collection
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Crashed

from cli.output import stderr
from core.errors import PosthouseError


POLL_SECONDS = 1.0
HELD_BY_A_PROCESS = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
HASTE = 2  # tries of somebody who is asked to end


def run_to_its_end(deployment: str, parameters: dict[str, Any]) -> str:
    """Run a deployment on a worker; return the message of the state it ended in.

    Raises:
        PosthouseError: The run failed, crashed or was cancelled; the code is `flow_run`.
    """
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        run = client.create_flow_run_from_deployment(found.id, parameters=parameters)
        stderr.print(f"flow run {run.id} of {deployment}", highlight=False)
        while True:
            run = client.read_flow_run(run.id)
            if run.state is not None and (run.state.is_final() or run.state.is_paused()):
                break
            time.sleep(POLL_SECONDS)
    message = run.state.message or str(run.state.type.value).lower()
    stderr.print(message, highlight=False)
    if not run.state.is_completed():
        raise PosthouseError(
            f"the flow run ended as {run.state.name}: {message}",
            code="flow_run",
            hint="Its log in the Prefect UI tells more; the ledger tells what was sent.",
        )
    return message


def call_crashed(run_ids: Collection[str], *, reason: str) -> list[str]:
    """Have Prefect call those runs Crashed that have not ended for it, though their processes have; return them.

    Without an answer of the server the runs stay as they are. Prefect's own automation, which misses their heartbeat,
    calls them Crashed when the server is back.
    """
    crashed = []
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: HASTE}), get_client(sync_client=True) as client:
        try:
            for run_id in run_ids:
                state = client.read_flow_run(UUID(run_id)).state
                if state is not None and state.type in HELD_BY_A_PROCESS:
                    # Whoever pressed Cancel has it; dispatch then pauses the campaign.
                    ended = Cancelled if state.is_cancelling() else Crashed
                    client.set_flow_run_state(UUID(run_id), ended(message=reason), force=True)
                    crashed.append(run_id)
        except httpx.HTTPError as error:
            stderr.print(
                f"Prefect's server does not answer ({type(error).__name__}); not told of its runs' end."
            )
    return crashed
