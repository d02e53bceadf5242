"""Whether a small campaign behind a running large one of another tenant is done soon, with real processes.

Four processes send the large one, one the small one, all at an account's rate of 100 a second; SES accepts at once. Without
turns the small one would get a fifth of the rate at best, and wait for the whole of the large one if it were served in order.

`python -m benchmarks.fairness CAMPAIGN_ID` is a worker: it says that it is ready, waits for a line, and sends until it is ended.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

from benchmarks.ledger import AcceptingSes
from benchmarks.measuring import Goal, Result
from benchmarks.world import World, a_world
from core import warmup_schedule
from core.pacing import CEILING_SHARE, GRANTS_PER_SECOND
from gateways.settings import PROJECT, Settings
from models import Tenant
from store.session import one
from tasks import campaigns
from tasks import tenants as tenant_steps
from tasks.resources import Resources
from tasks.sending import sender


SIZE = 1_000  # messages of the small campaign
TIMES_LARGER = 40
PROCESSES = 4  # of the large one
MAX_SEND_RATE = 100
SECONDS = 60  # for a thousand messages
_LONGEST = 300.0
_TICK = 0.05


def measure(size: int = SIZE) -> Result:
    """Let `size` messages follow a campaign that is forty times as large and runs already."""
    with a_world() as world:
        world.account(max_send_rate=MAX_SEND_RATE)
        small = _second_tenant(world)
        large_id, small_id = _campaign(world, TIMES_LARGER * size), _campaign(small, size)
        with _workers(world, [large_id] * PROCESSES + [small_id]) as workers:
            began = _now(world)
            for worker in workers[:PROCESSES]:
                _start(worker)
            _wait(world, large_id, size // 10)
            before, started = _sent(world, large_id), time.monotonic()
            _start(workers[PROCESSES])
            _wait(world, small_id, size)
            seconds, meanwhile = time.monotonic() - started, _sent(world, large_id) - before
        calls = _calls(world)
        seconds_in_all = (_now(world) - began).total_seconds()
    rate = CEILING_SHARE * MAX_SEND_RATE
    beyond = max(round(calls - rate * seconds_in_all - rate / GRANTS_PER_SECOND), 0)
    return Result(
        goals=[
            Goal(
                what=f"{size:,} messages behind {TIMES_LARGER * size:,} at {MAX_SEND_RATE} a second",
                value=round(seconds, 1),
                bound="at most",
                limit=SECONDS * size / 1_000,
                unit="s",
            ),
            Goal(
                what="calls of five processes beyond the account's rate",
                value=beyond,
                bound="at most",
                limit=0,
                unit="calls",
            ),
        ],
        figures={
            "messages": size,
            "of_the_large_one_meanwhile": meanwhile,
            "calls": calls,
            "calls_beyond_the_rate": beyond,
        },
    )


def _second_tenant(world: World) -> World:
    tenant = Tenant(
        slug="small",
        name="Plover Books",
        from_name="Plover Books",
        from_address="letter@plover.example",
        reply_to="hello@plover.example",
        postal_address="Plover Books Ltd, 2 Quay Street, Bristol BS1 4DJ, United Kingdom",
        website="https://plover.example/",
        configuration_set="small",
        ses_tenant_name="small",
    )
    added = tenant_steps.add(world.resources, tenant, schedule=warmup_schedule.WARM)
    return replace(world, tenant_id=added)


def _campaign(world: World, size: int) -> int:
    campaign_id = world.campaign(world.contacts(size))
    campaigns.plan(world.resources, campaign_id)
    return campaign_id


@contextmanager
def _workers(world: World, campaign_ids: Sequence[int]) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start a process for each, ready to send; end them all."""
    environment = {
        **os.environ,
        "POSTHOUSE_DATABASE_URL": world.resources.database.url,
        "POSTHOUSE_STATE_DIR": str(world.folder),
        "POSTHOUSE_VANGUARD_FROM": "0",
    }
    with ExitStack() as stack:
        workers = []
        for campaign_id in campaign_ids:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.fairness", str(campaign_id)],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            workers.append(stack.enter_context(process))
            stack.callback(process.kill)
        for worker in workers:
            assert worker.stdout is not None
            assert json.loads(worker.stdout.readline()) == {"ready": True}
        yield workers


def _start(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


def _wait(world: World, campaign_id: int, messages: int) -> None:
    """Wait until so many of a campaign's messages have been sent."""
    ends = time.monotonic() + _LONGEST
    while _sent(world, campaign_id) < messages:
        assert time.monotonic() < ends, f"{_sent(world, campaign_id)} of {messages} were sent"
        time.sleep(_TICK)


def _sent(world: World, campaign_id: int) -> int:
    return campaigns.status_of(world.resources, campaign_id).sent


def _calls(world: World) -> int:
    with world.resources.database.begin() as session:
        row = one(session, "SELECT count(*) AS calls FROM delivery_attempt")
    assert row is not None
    return int(row["calls"])


def _now(world: World) -> datetime:
    """Return the database's clock, by which the rate is kept."""
    with world.resources.database.begin() as session:
        row = one(session, "SELECT clock_timestamp() AS now")
    assert row is not None
    now: datetime = row["now"]
    return now


def main() -> None:
    """Work: send until the process is ended."""
    resources = Resources(Settings())
    # What a `cached_property` has made stands in the instance's own dictionary; this makes it beforehand.
    vars(resources).update(ses=AcceptingSes())
    with sender(resources, int(sys.argv[1])) as sending:
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.readline()
        sending.send(seconds=2 * _LONGEST)


if __name__ == "__main__":
    main()
