"""The simulator as a process, and the weather in it: about a third of all calls goes wrong somehow."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.crash.plan import SIGNATURE_SECONDS
from gateways.settings import PROJECT


# Rules are tried in order, on either side of the acceptance at most one strikes.
RULES: Final[Sequence[Mapping[str, Any]]] = (
    # Few, because each lowers the account's rate for all workers, and that takes ten quiet seconds to rise again. So do
    # the failures of entries below, which once made a run of bulk calls take twice as long as one of single calls.
    {"action": "throttle", "probability": 0.05, "times": 10},
    {"action": "reject", "probability": 0.02},
    {"action": "error", "status": 500, "probability": 0.03},
    {"action": "error", "status": 503, "probability": 0.02},
    {"action": "reset", "probability": 0.03},
    {"action": "slow", "seconds": 0.3, "probability": 0.04},
    {"action": "hang", "probability": 0.06},
    {"action": "reset", "when": "after", "probability": 0.05},
    {"action": "error", "status": 500, "when": "after", "probability": 0.03},
    {"action": "error", "status": 503, "when": "after", "probability": 0.03},
    {"action": "truncated_200", "probability": 0.03},
    {"action": "html_200", "probability": 0.03},
    # Of a bulk call alone: an entry that may be tried again, one that may not, and an answer that is missing.
    {"action": "entry_status", "status": "TRANSIENT_FAILURE", "probability": 0.05, "times": 20},
    {"action": "entry_status", "status": "MESSAGE_REJECTED", "probability": 0.02},
    {"action": "short_reply", "probability": 0.05},
)


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulator that is up."""

    url: str
    accept_log: Path
    event_log: Path

    def control(self, method: str, path: str, document: object = None) -> Any:
        """Call its control API."""
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data=data, method=method)  # noqa: S310  # our own URL
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # the same
            return json.load(answer)

    def accepted(self) -> list[str]:
        """Return the recipient of every accepted message, in lower case: the truth about what was sent."""
        entries = [json.loads(line) for line in self.accept_log.read_text().splitlines()]
        return [address.lower() for entry in entries for address in entry["to"]]


@contextmanager
def a_simulator(folder: Path, *, seed: int, event_loss: float) -> Iterator[Simulator]:
    """Start `python -m simulator` with its faults and late, doubled, shuffled events; stop it at the end.

    Args:
        folder: For its logs.
        seed: Of its draws.
        event_loss: The share of accepted messages of which no event ever tells.
    """
    logs = {name: folder / f"{name}.jsonl" for name in ("accept-log", "event-log")}
    for log in logs.values():
        log.touch()
    command = [sys.executable, "-m", "simulator", "--port", "0", "--seed", str(seed), "--reorder"]
    command += ["--max-send-rate", "100000", "--max-24-hour-send", "-1"]
    command += ["--event-delay-seconds", "0", "1", "--duplicate-rate", "0.1"]
    command += ["--signature-seconds", str(SIGNATURE_SECONDS)]
    command += [word for name, log in logs.items() for word in (f"--{name}", str(log))]
    with (
        (folder / "simulator.log").open("w") as errors,
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            simulator = Simulator(url, logs["accept-log"], logs["event-log"])
            lost = {"action": "lose_events", "probability": event_loss}
            simulator.control("POST", "faults", [*RULES, lost])
            yield simulator
        finally:
            process.terminate()
