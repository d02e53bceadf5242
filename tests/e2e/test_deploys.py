"""F25: a new version of the worker or of Prefect's server, in the middle of a campaign, loses nobody and doubles nobody.

The schedules are off here: what carries a campaign on was started by Prefect's own automation, or by the test.
"""

import signal

import pytest

from cli import processes
from cli.processes import Child
from cli.stack import WORKER, Stack
from tests.e2e.conftest import Cast, Casting
from tests.e2e.prefect_api import PrefectApi, wait_for
from tests.e2e.test_campaigns_through_prefect import slowed_down
from tests.e2e.test_self_healing import BUSY, at_work


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

SERVER = "prefect server"


def part(stack: Stack, name: str) -> Child:
    return next(child for child in stack.children if child.name == name)


def take_away(stack: Stack, name: str, number: signal.Signals) -> int:
    """Stop a part with a signal to its first process alone, as systemd and Docker do; its return code."""
    child = part(stack, name)
    below = processes.family(child.process.pid)
    child.process.send_signal(number)
    code = child.process.wait(60)
    if number == signal.SIGKILL:
        for process in below:
            processes.send(process, signal.SIGKILL)
    stack.children.remove(child)
    return code


def bring_back_the_server(stack: Stack) -> None:
    server = stack._start_prefect_server()
    processes.wait_for_url(stack.urls["prefect"] + "/api/ready", server, seconds=BUSY)


def nobody_is_held(cast: Cast) -> bool:
    status = cast.status
    return (status.claimed, status.submitting, status.in_doubt) == (0, 0, 0)


def test_f25_a_worker_that_is_stopped_gives_everything_back_and_the_next_one_finishes(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=300)
    with slowed_down(stack, spring.slug):
        run_id = at_work(stack, prefect, spring)
        assert take_away(stack, WORKER, signal.SIGTERM) == 0
    run = prefect.flow_run(run_id)
    assert (run["state_type"], spring.status.state) == ("CRASHED", "sending")
    assert nobody_is_held(spring)
    assert spring.status.sent == sum(spring.accepted.values()) < 270

    stack._start_worker()
    wait_for(lambda: spring.status.state == "done", seconds=BUSY)
    assert spring.everybody_once


def test_f25_a_server_that_is_restarted_does_not_hold_the_sending_up(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=300)
    with slowed_down(stack, spring.slug):
        run_id = at_work(stack, prefect, spring)
        take_away(stack, SERVER, signal.SIGTERM)
        so_far = sum(spring.accepted.values())
        wait_for(lambda: sum(spring.accepted.values()) > so_far + 50)
    bring_back_the_server(stack)
    wait_for(lambda: spring.status.state == "done", seconds=BUSY)
    assert prefect.completed(run_id) == "done: 270 sent, 30 skipped, 0 failed"
    assert spring.everybody_once


def test_f25_a_campaign_that_ends_while_the_server_is_away_is_done_and_nobody_sends_it_again(
    stack: Stack, prefect: PrefectApi, cast: Casting
) -> None:
    spring = cast(people=100)
    with slowed_down(stack, spring.slug):
        run_id = at_work(stack, prefect, spring)
        take_away(stack, SERVER, signal.SIGKILL)
        wait_for(lambda: spring.status.state == "done")
    assert spring.everybody_once

    bring_back_the_server(stack)
    assert prefect.flow_run(run_id)["state_type"] in {"RUNNING", "COMPLETED"}
    assert prefect.complete("dispatch-campaigns") == "no campaign is ready"
    assert spring.everybody_once
