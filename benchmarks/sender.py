"""The whole way of a message, against the simulator of SES in a process of its own: CPU by beat, and memory.

Calls are made by threads, so what they spend is this process's CPU time less that of the sender's own thread.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.measuring import Goal, Result, rss_mb
from benchmarks.timed import TimedSender, send_all
from benchmarks.world import World, a_world
from core.rendering import TemplateSources
from gateways import templates
from gateways.settings import PROJECT
from tasks import campaigns


SIZE = 10_000
LEDGER = ("claim", "intent", "record")
RSS_AT = (10_000, 50_000, 100_000, 200_000)
SHIPPED = ("announcement", "newsletter")
CPU_MS = 2.0  # 500 messages a second of one core
SEND_RATE = 5_000  # messages a second, more than this machine can make


def measure(size: int = SIZE) -> Result:
    """Send `size` messages of two templates that ship, a campaign each."""
    with a_simulator(), a_world() as world:
        audience_id = world.contacts(size)
        figures = {
            name: send(world, audience_id, size, templates.load(PROJECT / "templates", name))
            for name in SHIPPED
        }
    goals = [
        Goal(
            what=f"send path, {name}",
            value=figures[name]["cpu_ms"],
            bound="at most",
            limit=CPU_MS,
            unit="ms a message",
        )
        for name in SHIPPED
    ]
    return Result(goals=goals, figures={"messages": size, **figures})


def send(world: World, audience_id: int, size: int, sources: TemplateSources) -> dict[str, Any]:
    """Send one campaign to an audience of `size` people; return what a message cost, in ms of CPU."""
    world.account(max_send_rate=SEND_RATE)
    campaign_id = world.campaign(audience_id, sources)
    campaigns.plan(world.resources, campaign_id)
    world.settle()
    memory = Memory(size)
    before, thread = world.meter.read(), time.thread_time()
    sender, tally = send_all(world.resources, campaign_id, on_messages=memory)
    cost, thread = world.meter.read() - before, time.thread_time() - thread
    assert tally.accepted == size == campaigns.status_of(world.resources, campaign_id).sent, tally
    per_message = 1000 / size
    return {
        "render_ms": round(sender.spent["render"] * per_message, 3),
        "call_ms": round((cost.client - thread) * per_message, 3),
        "ledger_client_ms": round(sender.spent_on(LEDGER) * per_message, 3),
        "ledger_server_ms": round((cost.backends + cost.background) * per_message, 3),
        "client_ms": round(cost.client * per_message, 3),
        "cpu_ms": round(cost.cpu * per_message, 3),
        "messages_per_second": round(size / cost.wall),
        "rss_mb": memory.marks,
    }


class Memory:
    """Notes what memory the process has, after a number of messages."""

    def __init__(self, size: int) -> None:
        self._at = [mark for mark in RSS_AT if mark < size] + [size]
        self.marks: list[tuple[int, float]] = []

    def __call__(self, sender: TimedSender) -> None:
        """Look whether the next mark is passed."""
        while self._at and sender.messages >= self._at[0]:
            self.marks.append((self._at.pop(0), rss_mb()))


@contextmanager
def a_simulator(*arguments: str) -> Iterator[str]:
    """Start `python -m simulator` with these arguments, lead boto3 to it, and stop it at the end."""
    limits = ["--max-send-rate", str(SEND_RATE), "--max-24-hour-send", "-1"]
    command = [sys.executable, "-m", "simulator", "--port", "0", *limits, *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            os.environ["AWS_ENDPOINT_URL_SESV2"] = url
            yield url
        finally:
            process.terminate()
