"""Whether two processes send one campaign nearly twice as fast as one, when a call takes its time.

The simulator waits 50 ms with every answer, as SES does or longer. Two workers are started and wait; one of them sends for
some seconds, then both do, and that again, all of it on one campaign. What they did is judged by the simulator's log, by
PostgreSQL's own count of deadlocks, and by the errors that it has written down.

`python -m benchmarks.two_processes CAMPAIGN_ID` is a worker: it reads seconds, sends for as long, and answers one line.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import Goal, Result
from benchmarks.sender import a_simulator
from benchmarks.world import World, a_world
from gateways.settings import PROJECT, Settings
from store.session import one
from tasks import campaigns
from tasks.resources import Resources
from tasks.sending import sender


SIZE = 20_000  # people
PEOPLE_PER_SECOND = 2_000  # of a stretch: two stretches of one process and two of both send at most 1,920
ROUNDS = 2
LATENCY_SECONDS = 0.05
CALLS_IN_FLIGHT = 16
SPEED_UP = 1.6

_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What one or more workers sent between the first one's start and the last one's end."""

    messages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that sends when it is told to."""

    process: "subprocess.Popen[str]"

    def start(self, seconds: float) -> None:
        """Let it send for so long."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "a worker has failed; its error stands above"
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure(size: int = SIZE) -> Result:
    """Send to some of `size` people, by one process and by two in turns."""
    seconds = size / PEOPLE_PER_SECOND
    with a_simulator() as url, a_world() as world:
        world.account(max_send_rate=5_000)
        campaign_id = world.campaign(world.contacts(size))
        campaigns.plan(world.resources, campaign_id)
        world.settle()
        _ask(url, "faults", {"action": "slow", "seconds": LATENCY_SECONDS})
        with _workers(world, campaign_id, 2) as both:
            stretches = [(_stretch(both[:1], seconds), _stretch(both, seconds)) for _ in range(ROUNDS)]
        found = _judge(world, campaign_id, url)
    alone, together = (_rate([pair[which] for pair in stretches]) for which in (0, 1))
    return Result(
        goals=[
            Goal(
                what="two processes to one",
                value=round(together / alone, 2),
                bound="at least",
                limit=SPEED_UP,
                unit="x",
            ),
            Goal(
                what="their mistakes, deadlocks and errors",
                value=sum(found.values()),
                bound="at most",
                limit=0,
                unit="in all",
            ),
        ],
        figures={
            "messages_per_second": {"one": round(alone), "two": round(together)},
            "accepted": sum(stretch.messages for pair in stretches for stretch in pair),
            **found,
        },
    )


def _rate(stretches: Sequence[Stretch]) -> float:
    return sum(stretch.messages for stretch in stretches) / sum(stretch.seconds for stretch in stretches)


@contextmanager
def _workers(world: World, campaign_id: int, number: int) -> Iterator[list[Worker]]:
    """Start processes that are ready to send, each with its connections open."""
    command = [sys.executable, "-m", "benchmarks.two_processes", str(campaign_id)]
    environment = {
        **os.environ,
        "POSTHOUSE_DATABASE_URL": world.resources.database.url,
        "POSTHOUSE_STATE_DIR": str(world.folder),
        "POSTHOUSE_CALLS_IN_FLIGHT": str(CALLS_IN_FLIGHT),
    }
    with ExitStack() as stack:
        workers = [
            Worker(
                stack.enter_context(
                    subprocess.Popen(
                        command,
                        cwd=PROJECT,
                        env=environment,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                )
            )
            for _ in range(number)
        ]
        for worker in workers:
            assert worker.answer() == {"ready": True}
        _stretch(workers, 0.1)
        yield workers


def _stretch(workers: Sequence[Worker], seconds: float) -> Stretch:
    for worker in workers:
        worker.start(seconds)
    answers = [worker.answer() for worker in workers]
    return Stretch(
        messages=sum(answer["accepted"] for answer in answers),
        seconds=max(answer["ended"] for answer in answers) - min(answer["started"] for answer in answers),
    )


def _judge(world: World, campaign_id: int, url: str) -> dict[str, int]:
    with world.resources.database.begin() as session:
        row = one(session, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert row is not None
    verdict = _ask(url, "accepted/summary")
    status = campaigns.status_of(world.resources, campaign_id)
    log = (world.folder / "postgres" / "data" / "server.log").read_text()
    return {
        "sent_twice": verdict["duplicates"],
        "accepted_but_not_recorded": verdict["accepted"] - status.sent,
        "in_doubt": status.in_doubt + status.submitting,
        "deadlocks": row["deadlocks"],
        "errors_in_log": log.count("ERROR:"),
    }


def _ask(url: str, path: str, document: Any = None) -> Any:
    """Call the simulator's control API: POST with a document, GET without."""
    data = None if document is None else json.dumps(document).encode()
    with _LOCAL.open(f"{url}/_simulator/{path}", data=data, timeout=60) as answer:
        return json.load(answer)


def main() -> None:
    """Work: one stretch for each line."""
    resources = Resources(Settings())
    with sender(resources, int(sys.argv[1])) as sending:
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            started = time.monotonic()
            tally = sending.send(seconds=float(line))
            # The clock of Linux and macOS is one for all processes.
            answer = {"accepted": tally.accepted, "started": started, "ended": time.monotonic()}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
