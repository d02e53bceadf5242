"""A million messages of one campaign by one process: whether the last ten thousand cost what the first did, and the memory.

The sender, its ledger, the render process and the bulk API are the real ones; SES is a sink that keeps nothing. Every ten
thousand messages a line on stderr says how far it is. Ctrl-C or SIGTERM ends it after the window that is being called, and
what was measured until then is told.

The CPU time of the same work moves by a third with what else runs on the machine, so both ratios are told: as measured,
which is the goal, and in yardsticks, each laid on between two stretches.
"""

import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import psutil

from benchmarks.ledger import yardstick
from benchmarks.measuring import Cost, Goal, Meter, Result, peak_rss_mb, rss_mb
from benchmarks.sink import a_sink
from benchmarks.timed import TimedSender
from benchmarks.world import World, a_world
from gateways import templates
from gateways.settings import PROJECT
from store.session import run
from tasks import campaigns


SIZE = 1_000_000
STRETCH = 10_000
TEMPLATE = "newsletter"
SEND_RATE = 1e6
LAST_TO_FIRST = 1.15
MB = 200.0
_YARDSTICKS = 40
_DAY = 86_400.0


def measure(size: int = SIZE) -> Result:
    """Send `size` messages, or as many as there was time for."""
    with a_sink(), a_world() as world:
        campaign_id = _a_campaign(world, size)
        odometer = Odometer(world, size)
        with ThreadPoolExecutor(world.resources.settings.calls_in_flight) as pool:
            timed = TimedSender(world.resources, campaign_id, pool, odometer)
            with _stopped_by_signals(timed):
                tally = timed.send(seconds=_DAY)
        odometer.finish(timed)
        stopped = timed.messages < size
        assert stopped or tally.accepted == size, tally
        figures = odometer.as_json() | {"messages": timed.messages, "stopped_early": stopped}
    return Result(goals=_goals(odometer, timed.messages), figures=figures)


def _goals(odometer: "Odometer", messages: int) -> list[Goal]:
    first, last = odometer.stretches[0], odometer.stretches[-1]
    told = f"after {messages:,} messages"
    return [
        Goal(
            what=f"the last {last.messages:,} of {messages:,} messages to the first {first.messages:,}",
            value=round(last.cpu_ms / first.cpu_ms, 3),
            bound="at most",
            limit=LAST_TO_FIRST,
            unit="x",
        ),
        Goal(what=f"sender's memory {told}", value=peak_rss_mb(), bound="at most", limit=MB, unit="MB"),
        Goal(
            what=f"render process's memory {told}",
            value=max(stretch.child_mb for stretch in odometer.stretches),
            bound="at most",
            limit=MB,
            unit="MB",
        ),
    ]


def _a_campaign(world: World, size: int) -> int:
    world.account(max_send_rate=SEND_RATE)
    with world.resources.database.begin() as session:
        run(session, "UPDATE tenant SET delivery_api = 'bulk'")
    campaign_id = world.campaign(world.contacts(size), templates.load(PROJECT / "templates", TEMPLATE))
    campaigns.plan(world.resources, campaign_id)
    world.settle()
    return campaign_id


@contextmanager
def _stopped_by_signals(timed: TimedSender) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        timed.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far the sender was, and what everybody had spent until then."""

    messages: int
    cost: Cost
    child: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some ten thousand messages: ms of CPU a message, MB at its end, and what a yardstick cost beside it, in ms."""

    messages: int
    until: int
    client: float
    child: float
    backends: float
    background: float
    wall: float
    ours_mb: float
    child_mb: float
    yardstick: float

    @property
    def cpu_ms(self) -> float:
        """Return the CPU time of a message: ours, the render process's and that of the backends, in ms.

        Vacuum and checkpoints are told apart: they come every few minutes, to one stretch and not to another.
        """
        return self.client + self.child + self.backends


class Odometer:
    """Cuts a run into stretches; the first window, which opens connections, is in none."""

    def __init__(self, world: World, size: int) -> None:
        self._meter: Meter = world.meter
        self._renderer = world.resources.renderer
        self._size, self._every = size, min(STRETCH, max(size // 2 - 1_000, size // 4, 1))
        self._last: Mark | None = None
        self.stretches: list[Stretch] = []

    def __call__(self, sender: TimedSender) -> None:
        """Look whether a stretch is over; the last one ends with the last window that fills one."""
        if self._last is None:
            self._last = self._mark(sender.messages)
        elif sender.messages - self._last.messages >= self._every:
            self._end(sender.messages, self._last)

    def finish(self, sender: TimedSender) -> None:
        """Let what a run that was stopped soon has sent be a stretch."""
        if not self.stretches and self._last and sender.messages > self._last.messages:
            self._end(sender.messages, self._last)
        assert self.stretches, "stopped before two windows were sent: there is nothing to tell"

    def _mark(self, messages: int) -> Mark:
        times = psutil.Process(self._renderer.pid).cpu_times()
        return Mark(messages=messages, cost=self._meter.read(), child=times.user + times.system)

    def _end(self, messages: int, before: Mark) -> None:
        mark = self._mark(messages)
        spent, per_message = mark.cost - before.cost, 1000 / (messages - before.messages)
        self.stretches.append(
            Stretch(
                messages=messages - before.messages,
                until=messages,
                client=spent.client * per_message,
                child=(mark.child - before.child) * per_message,
                backends=spent.backends * per_message,
                background=spent.background * per_message,
                wall=spent.wall * per_message,
                ours_mb=rss_mb(),
                child_mb=round(psutil.Process(self._renderer.pid).memory_info().rss / 2**20, 1),
                yardstick=sum(yardstick() for _ in range(_YARDSTICKS)) / _YARDSTICKS * 1000,
            )
        )
        self._tell(self.stretches[-1])
        self._last = self._mark(messages)

    def _tell(self, stretch: Stretch) -> None:
        if self._every == STRETCH:
            print(
                f"{time.strftime('%H:%M:%S')} {stretch.until:,} of {self._size:,} messages: {stretch.cpu_ms:.3f} ms of CPU and "
                f"{stretch.wall:.2f} ms a message, {stretch.ours_mb:g} MB and {stretch.child_mb:g} MB",
                file=sys.stderr,
                flush=True,
            )

    def as_json(self) -> dict[str, Any]:
        """Return the first stretch, the last and the course between them."""
        first, last = self.stretches[0], self.stretches[-1]
        return {
            "first": _told(first),
            "last": _told(last),
            "last_to_first": round(last.cpu_ms / first.cpu_ms, 3),
            "last_to_first_in_yardsticks": round(
                last.cpu_ms / last.yardstick / (first.cpu_ms / first.yardstick), 3
            ),
            "cpu_ms": [round(stretch.cpu_ms, 3) for stretch in self.stretches],
            "background_ms": [round(stretch.background, 3) for stretch in self.stretches],
            "ours_mb": [stretch.ours_mb for stretch in self.stretches],
            "child_mb": [stretch.child_mb for stretch in self.stretches],
        }


def _told(stretch: Stretch) -> dict[str, float]:
    return {
        "messages": stretch.messages,
        "cpu_ms": round(stretch.cpu_ms, 4),
        "client_ms": round(stretch.client, 4),
        "child_ms": round(stretch.child, 4),
        "backends_ms": round(stretch.backends, 4),
        "background_ms": round(stretch.background, 4),
        "yardstick_ms": round(stretch.yardstick, 4),
        "messages_per_second": round(1000 / stretch.wall),
    }
