"""`posthouse worker`: a Prefect worker that may be stopped at any moment without harm.

The worker proper is a child (`cli.prefect_worker`), which ends its runs in order when it is asked to. This process
asks it, waits no longer than `POSTHOUSE_STOP_GRACE_SECONDS`, kills what is left then, and tells Prefect which runs
have died, so that none stays Running. It outlives the child, so it does the same when the child is killed.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import psutil
import typer

from cli import processes
from cli.output import AsJson, answer, errors_as_answers, stderr
from core.errors import ConfigurationError
from gateways.settings import PROJECT, settings


if TYPE_CHECKING:
    import subprocess


POOL: Final = "posthouse"
RUN: Final = "PREFECT__FLOW_RUN_ID"  # Prefect's own variable, in the environment of a flow run's process

_LOOK_SECONDS = 0.5
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_IMPATIENT = 2  # the second signal means: at once
_KILL_SECONDS = 10.0


def _call_crashed(run_ids: Collection[str]) -> list[str]:
    """Have Prefect call those of the runs Crashed that it does not call ended; return them."""
    if not run_ids:
        return []
    # Importing Prefect takes seconds; most workers are stopped when nothing runs.
    from cli.prefect_runs import call_crashed  # noqa: PLC0415  # see above

    return call_crashed(run_ids, reason="The worker was stopped, or died, and this run with it.")


@dataclass(kw_only=True)
class Launcher:
    """Starts the worker, watches it and its flow runs, and sees that they end."""

    module: list[str]
    grace_seconds: float
    call_crashed: Callable[[Collection[str]], list[str]] = _call_crashed
    _asked: int = field(default=0, init=False)  # how often a signal asked us to end
    _runs: dict[psutil.Process, str] = field(default_factory=dict, init=False)

    @cached_property
    def _worker(self) -> "subprocess.Popen[bytes]":
        # Our stdout is for our answer.
        return processes.spawn(self.module, environment=os.environ, cwd=PROJECT, output=sys.stderr)

    def run(self) -> dict[str, Any]:
        """Work until a signal comes; return how many runs were at work then, and which were killed.

        Raises:
            ConfigurationError: The worker ended by itself.
        """
        with _counted(self._note):
            self._watch(lambda: self._asked > 0)
            began = time.monotonic()
            deadline = began + self.grace_seconds
            died = not self._asked
            if not died:
                stderr.print(
                    f"Stopping; runs may take {self.grace_seconds:.0f} s to end in order.", style="dim"
                )
                self._worker.terminate()
                self._watch(lambda: self._impatient or time.monotonic() > deadline)
            self._end_the_rest(deadline)
            crashed = self.call_crashed(self._runs.values())
        if died:
            raise ConfigurationError(
                f"the worker ended by itself with {processes.ending(self._worker.returncode)}",
                hint="Its log stands above. Start it again: dispatch-campaigns carries on what it was sending.",
                code="process_ended",
            )
        return {"runs": len(self._runs), "crashed": crashed, "seconds": round(time.monotonic() - began, 1)}

    @property
    def _impatient(self) -> bool:
        return self._asked >= _IMPATIENT

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1

    def _watch(self, enough: Callable[[], bool]) -> None:
        """Keep an eye on the runs until the worker has ended, or it is enough."""
        while not enough():
            seen = dict(flow_runs(self._worker.pid))
            if self._worker.poll() is not None:
                return  # its runs have lost their parent, so that they were not seen
            # From the first signal on none is forgotten: how each of them has ended is looked at.
            self._runs = self._runs | seen if self._asked else seen
            time.sleep(_LOOK_SECONDS)

    def _end_the_rest(self, deadline: float) -> None:
        """Kill a worker that has not ended in time; let the runs of one that died end in order, then kill them too."""
        if self._worker.poll() is None:
            _kill([self._worker.pid])
        for run in self._runs:
            processes.send(run, signal.SIGTERM)
        while any(map(_is_alive, self._runs)) and not self._impatient and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        _kill([run.pid for run in self._runs if _is_alive(run)])
        self._worker.wait()


@contextmanager
def _counted(note: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have the signals that ask us to end noted, in place of ending us."""
    before = [signal.signal(number, note) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def flow_runs(worker: int) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the processes that execute flow runs for a worker, each with its run's id."""
    with suppress(psutil.Error):
        for process in psutil.Process(worker).children():
            with suppress(psutil.Error):
                if run := process.environ().get(RUN):
                    yield process, run


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _kill(pids: list[int]) -> None:
    """Kill processes and all that they started."""
    doomed = [process for pid in pids for process in processes.family(pid)]
    for process in doomed:
        processes.send(process, signal.SIGKILL)
    psutil.wait_procs(doomed, timeout=_KILL_SECONDS)


def worker(
    *,
    pool: Annotated[str, typer.Option(help="The work pool; it is made when there is none.")] = POOL,
    limit: Annotated[
        int, typer.Option(min=1, help="How many flow runs at once, each a process of some 200 MB.")
    ] = 4,
    name: Annotated[str | None, typer.Option(help="What Prefect shows; by default one is made up.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a Prefect worker until SIGTERM or Ctrl-C; its runs then end in order. A second signal does not wait."""
    with errors_as_answers(as_json=as_json):
        module = ["cli.prefect_worker", pool, str(limit), *([name] if name else [])]
        launcher = Launcher(module=module, grace_seconds=settings().stop_grace_seconds)
        answer(launcher.run(), as_json=as_json)
