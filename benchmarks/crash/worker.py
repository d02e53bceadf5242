"""A worker: sends stretch after stretch of one campaign, until somebody kills it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import parent_process

from benchmarks.crash.failpoints import CrashResources, Failpoint, FailpointSender
from benchmarks.crash.plan import Plan
from store.session import TRANSIENT


STRETCH_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


def work(plan: Plan, failpoint: Failpoint) -> None:
    """Send for ever, as a process worker does whose flow is started again and again."""
    resources = CrashResources(plan.settings, failpoint)
    while is_wanted():
        with lost_database():
            with ThreadPoolExecutor(plan.settings.calls_in_flight) as pool:
                sender = FailpointSender(resources, plan.campaign_id, pool)
                tally = sender.send(seconds=STRETCH_SECONDS)
            time.sleep(min(max(tally.wait.total_seconds(), _PAUSE_SECONDS), 1.0))


def is_wanted() -> bool:
    """Whether the driver still lives; its orphans would go on for ever."""
    driver = parent_process()
    return driver is not None and driver.is_alive()


@contextmanager
def lost_database() -> Iterator[None]:
    """End what the block does, and nothing else, when the database goes away."""
    try:
        yield
    except TRANSIENT:
        time.sleep(_PAUSE_SECONDS)
