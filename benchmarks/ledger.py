"""What the ledger costs a message: claim, intent with attempt, record, by the real sender without a network.

The sender is the real one, and so are its transactions. Only SES is replaced, by one that accepts at once; what
rendering and calling cost our side is told apart and left out, of the server everything is counted.

The CPU time of the same work moves by a third with what else runs on the machine, so after each window a yardstick is
laid on: always the same little work. Whether the ledger's cost is level is judged in yardsticks, and both are told.
"""

import itertools
import json
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import Cost, Goal, Meter, Result
from benchmarks.timed import TimedSender, send_all
from benchmarks.world import REGION, World, a_world
from core.message import Message
from tasks import campaigns
from tasks.resources import Resources


SIZE = 200_000
WINDOWS = (100, 12, 50)  # the first is the default; the others send a tenth of the messages each
STRETCHES = 20
LEDGER = ("claim", "intent", "record")
MS_PER_MESSAGE = 0.10
LAST_TO_FIRST = 1.15


class AcceptingSes:
    """Accepts everything at once."""

    region = REGION

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def send(self, _message: Message, *, deadline: float) -> str:
        """Accept a message and return its `ses_message_id`."""
        # As long as an id of SES's own.
        return f"0100019af3c4d2e1-{int(deadline):08}-{next(self._numbers):012}-1234-5678-000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What a number of messages cost, in ms of CPU for each, and what the yardstick cost meanwhile, in ms."""

    messages: int
    client: float
    server: float
    yardstick: float

    @property
    def total(self) -> float:
        """Return both sides."""
        return self.client + self.server


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a sender was, and what it, the server and the yardsticks had spent until then."""

    messages: int
    client: float
    cost: Cost
    yardsticks: int
    yardstick: float


class Odometer:
    """Cuts a run into stretches of about equally many messages; the first window, which opens connections, is in none."""

    def __init__(self, meter: Meter, every: int) -> None:
        self._meter, self._every = meter, every
        self._yardsticks, self._yardstick = 0, 0.0
        self._last: Mark | None = None
        self.stretches: list[Stretch] = []

    def __call__(self, sender: TimedSender) -> None:
        """Lay on the yardstick and note how far the sender is; a window that crosses a mark ends a stretch."""
        self._yardsticks += 1
        self._yardstick += yardstick()
        if self._last and sender.messages - self._last.messages < self._every:
            return
        mark = Mark(
            messages=sender.messages,
            client=sender.spent_on(LEDGER),
            cost=self._meter.read(),
            yardsticks=self._yardsticks,
            yardstick=self._yardstick,
        )
        if self._last:
            self.stretches.append(self._between(self._last, mark))
        self._last = mark

    @staticmethod
    def _between(earlier: Mark, later: Mark) -> Stretch:
        messages, server = later.messages - earlier.messages, later.cost - earlier.cost
        return Stretch(
            messages=messages,
            client=(later.client - earlier.client) / messages * 1000,
            server=(server.backends + server.background) / messages * 1000,
            yardstick=(later.yardstick - earlier.yardstick) / (later.yardsticks - earlier.yardsticks) * 1000,
        )


_DOCUMENT = {f"name-{number}": [number, f"value-{number}", None, True] for number in range(20)}


def yardstick() -> float:
    """Return the CPU seconds that a little work took, about half a millisecond, which is the same every time."""
    started = time.thread_time()
    for _ in range(20):
        json.loads(json.dumps(_DOCUMENT))
    return time.thread_time() - started


def measure(size: int = SIZE) -> Result:
    """Send `size` messages with the default window, and a tenth as many with a smaller and a larger one."""
    figures: dict[str, Any] = {"messages": size}
    with a_world() as world:
        world.account(max_send_rate=1e9)
        usual = _drive(world, WINDOWS[0], size)
        figures["stretches_ms"] = [round(stretch.total, 4) for stretch in usual]
        figures["yardsticks_ms"] = [round(stretch.yardstick, 3) for stretch in usual]
        figures[f"window_{WINDOWS[0]}"] = _summary(usual)
        for window in WINDOWS[1:]:
            # At least so many that a second window is measured: the first is left out.
            figures[f"window_{window}"] = _summary(_drive(world, window, max(size // 10, 4 * window)))
    first, last = usual[0], usual[-1]
    figures["last_to_first_ms"] = round(last.total / first.total, 3)
    growth = (last.total / last.yardstick) / (first.total / first.yardstick)
    mean = figures[f"window_{WINDOWS[0]}"]["ms_per_message"]
    return Result(
        goals=[
            _goal(f"ledger, windows of {WINDOWS[0]}", mean, MS_PER_MESSAGE, "ms a message"),
            _goal(
                f"ledger, the last twentieth of {size:,} to the first, in yardsticks",
                growth,
                LAST_TO_FIRST,
                "x",
            ),
        ],
        figures=figures,
    )


def _drive(world: World, window: int, size: int) -> list[Stretch]:
    resources = Resources(world.resources.settings.model_copy(update={"window_size": window}))
    # What a `cached_property` has made stands in the instance's own dictionary; this makes it beforehand.
    vars(resources).update(ses=AcceptingSes(), database=world.resources.database)
    campaign_id = world.campaign(world.contacts(size, name=f"audience-{window}"))
    campaigns.plan(resources, campaign_id)
    world.settle()
    odometer = Odometer(world.meter, max(size // STRETCHES, 1))
    send_all(resources, campaign_id, on_messages=odometer)
    _check(resources, campaign_id, size)
    return odometer.stretches


def _check(resources: Resources, campaign_id: int, size: int) -> None:
    assert campaigns.status_of(resources, campaign_id).sent == size


def _summary(stretches: list[Stretch]) -> dict[str, float]:
    messages = sum(stretch.messages for stretch in stretches)
    client = sum(stretch.client * stretch.messages for stretch in stretches) / messages
    server = sum(stretch.server * stretch.messages for stretch in stretches) / messages
    return {
        "ms_per_message": round(client + server, 4),
        "client_ms": round(client, 4),
        "server_ms": round(server, 4),
    }


def _goal(what: str, value: float, limit: float, unit: str) -> Goal:
    return Goal(what=what, value=round(value, 3), bound="at most", limit=limit, unit=unit)
