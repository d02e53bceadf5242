"""What is made of Prefect's word on a run, without a server."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Paused, Suspended

from flows import runs


RUN = UUID("0190c0de-0000-7000-8000-000000000007")


def a_run(state: State[Any], **parameters: object) -> FlowRun:
    return FlowRun(id=RUN, flow_id=RUN, state=state, parameters={"tenant": "acme"} | parameters)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param(
            a_run(Cancelled(), campaign_id=7), "the flow run was cancelled in Prefect", id="cancelled"
        ),
        pytest.param(a_run(Paused(), campaign_id=7), "the flow run was paused in Prefect", id="paused"),
        pytest.param(a_run(Suspended(), campaign_id=7), "the flow run was paused in Prefect", id="suspended"),
    ],
)
def test_a_person_who_stops_a_run_means_its_campaign(run: FlowRun, reason: str) -> None:
    assert runs._as_stopped(run) == runs.Stopped(str(RUN), 7, reason)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(a_run(Suspended(), campaign_id=7, approval="ask"), id="it waits for its approval"),
        pytest.param(a_run(Cancelled(), campaign_id=None), id="it had no campaign yet"),
        pytest.param(a_run(Cancelled(message="Runner is shutting down."), campaign_id=7), id="not a person"),
    ],
)
def test_a_run_that_ended_otherwise_stops_nothing(run: FlowRun) -> None:
    assert runs._as_stopped(run) is None


def test_nobody_at_work_needs_no_question() -> None:
    assert runs.ended(set()) == set()
