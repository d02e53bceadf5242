"""Two ways of doing the same, in turns: what else runs on the machine then costs both of them equally much.

Each has a world of its own, and so a database server of its own, whose CPU time is therefore nobody else's.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One turn: how many messages, the CPU seconds of our process, and the seconds that passed."""

    messages: int
    client: float
    wall: float


@dataclass(slots=True, kw_only=True)
class Lane:
    """One of the ways.

    Args:
        world: Its own; the server's CPU time is counted from the end of the first turn, which opens connections.
        step: Sends some messages and returns how many; it is called once for each turn.
        clock: The CPU seconds of our process that belong to this way until now.
    """

    world: World
    step: Callable[[], int]
    clock: Callable[[], float] = time.process_time
    laps: list[Lap] = field(default_factory=list)
    backends: float = 0.0
    background: float = 0.0

    def turn(self) -> None:
        """Take a turn."""
        client, wall = self.clock(), time.monotonic()
        messages = self.step()
        self.laps.append(Lap(messages=messages, client=self.clock() - client, wall=time.monotonic() - wall))

    @property
    def messages(self) -> int:
        """Return how many messages were measured."""
        return sum(lap.messages for lap in self.laps)

    @property
    def cpu_ms(self) -> float:
        """Return the CPU time of a message, both sides'."""
        client = sum(lap.client for lap in self.laps)
        return (client + self.backends + self.background) / self.messages * 1000

    @property
    def seconds(self) -> float:
        """Return the time that passed during a message; the middle of all turns, so that a stalled one says nothing."""
        return statistics.median(lap.wall / lap.messages for lap in self.laps)

    def as_json(self) -> dict[str, Any]:
        """Return the parts, in ms of CPU a message."""
        per_message = 1000 / self.messages
        return {
            "messages": self.messages,
            "cpu_ms": round(self.cpu_ms, 4),
            "client_ms": round(sum(lap.client for lap in self.laps) * per_message, 4),
            "backends_ms": round(self.backends * per_message, 4),
            "background_ms": round(self.background * per_message, 4),
            "messages_per_second": round(1 / self.seconds),
        }


def take_turns(lanes: Sequence[Lane], turns: int) -> None:
    """Let each lane take so many turns, the first of which is not counted; who begins changes from round to round."""
    for lane in lanes:
        lane.step()
    before = [lane.world.meter.read() for lane in lanes]
    for number in range(turns - 1):
        for lane in lanes if number % 2 else reversed(lanes):
            lane.turn()
    for lane, start in zip(lanes, before, strict=True):
        spent = lane.world.meter.read() - start
        lane.backends, lane.background = spent.backends, spent.background
