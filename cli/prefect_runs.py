"""Flow runs from the command line: start one by deployment name and wait for its end."""

import time
from typing import Any

from prefect.client.orchestration import get_client

from cli.output import stderr
from core.errors import PosthouseError


POLL_SECONDS = 1.0


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
