"""Run benchmarks: `python -m benchmarks [NAME] [--size N]`. One line of JSON for each, then a table for people."""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from benchmarks.measuring import Result, machine


# Each is a module with SIZE and measure(size). The heavy ones come last, so that the first answers come soon.
NAMES = (
    "ledger",
    "events",
    "audience",
    "pacing",
    "warmup_ways",
    "import_contacts",
    "recipients",
    "hygiene",
    "sandbox",
    "equality",
    "sender",
    "designs",
    "protocol_cost",
    "two_processes",
    "fairness",
    "rollups",
    "ledger_growth",
    "prefect_share",
    "hostile",
    "many_templates",
    "memory",
    "warmup_run",
    "endurance",
)

_HEAD = "| what | goal | measured | met |\n| --- | --- | --- | --- |"


def main() -> int:
    """Return 1 if a goal was missed or a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name", nargs="?", choices=NAMES, help="which one; without it all run, one after another"
    )
    parser.add_argument("--size", type=int, help="rows or messages; each benchmark has its own usual size")
    options = parser.parse_args()
    lines = (
        [_one(options.name, options.size)] if options.name else [_apart(name, options.size) for name in NAMES]
    )
    found = [json.loads(line) for line in lines if line]
    print("\n".join([_HEAD, *(goal["row"] for document in found for goal in document["goals"])]))
    return int(
        len(found) < len(lines) or not all(goal["met"] for document in found for goal in document["goals"])
    )


def _one(name: str, size: int | None) -> str:
    """Measure in this process."""
    module = import_module(f"benchmarks.{name}")
    before = machine()
    line = json.dumps(_document(name, module.measure(size or module.SIZE), before))
    print(line, flush=True)
    return line


def _apart(name: str, size: int | None) -> str:
    """Measure in a process of its own, so that no benchmark's memory is counted as another's; return "" if it failed."""
    command = [sys.executable, "-m", "benchmarks", name, *(["--size", str(size)] if size else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    line = done.stdout.partition("\n")[0]
    print(line or f"{name} failed with status {done.returncode}", flush=True)
    return line


def _document(name: str, result: Result, before: dict[str, Any]) -> dict[str, Any]:
    return {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": before,
        "goals": [goal.as_json() | {"row": goal.as_row()} for goal in result.goals],
        "figures": result.figures,
    }


if __name__ == "__main__":
    sys.exit(main())
