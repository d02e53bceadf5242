"""The crew: processes under test, each started again as soon as it is dead, whatever it died of."""

import itertools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

from benchmarks.crash import failpoints
from benchmarks.crash.failpoints import Failpoint
from benchmarks.crash.keeper import keep
from benchmarks.crash.naive import keep_naively, work_naively
from benchmarks.crash.plan import LONGEST_PAUSE_SECONDS, Plan
from benchmarks.crash.worker import work


_KILLED: Final = -signal.SIGKILL


class Member:
    """One process and its successors.

    Args:
        run: What a process of it does; it must never return.
        arguments: Called for each new process.
        errors: Where its processes write what they die of.
    """

    def __init__(
        self, run: Callable[..., None], arguments: Callable[[], tuple[Any, ...]], errors: Path
    ) -> None:
        self._context = multiprocessing.get_context("forkserver")
        # What takes seconds to import is imported once, by the process that forks the others.
        self._context.set_forkserver_preload(["benchmarks.crash.warm"])
        self._run, self._arguments, self._errors = run, arguments, errors
        self._paused_until: float | None = None
        self._process: ForkServerProcess
        self.start()

    def start(self) -> None:
        """Start a new process."""
        self._paused_until = None
        self._process = self._context.Process(
            target=_run_apart, args=(self._run, self._errors, *self._arguments()), daemon=True
        )
        self._process.start()

    @property
    def exit_status(self) -> int | None:
        """What the process ended with, negative for a signal; None while it lives."""
        return self._process.exitcode

    @property
    def is_paused(self) -> bool:
        """Whether it is stopped."""
        return self._paused_until is not None

    def kill(self) -> int | None:
        """Kill it and return what it ended with: a failpoint may have been quicker."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode

    def pause(self, seconds: float) -> None:
        """Stop it for so long."""
        self._signal(signal.SIGSTOP)
        self._paused_until = time.monotonic() + seconds

    def go_on(self) -> None:
        """Let it go on when its pause is over."""
        if self._paused_until is not None and time.monotonic() > self._paused_until:
            self._signal(signal.SIGCONT)
            self._paused_until = None

    def _signal(self, number: int) -> None:
        assert self._process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)


class Crew:
    """All processes of a run, and the count of what was done to them.

    Args:
        plan: Handed to each of them.
        workers: How many send.
        naive: Whether they are the usual ones.
    """

    def __init__(self, plan: Plan, *, workers: int, naive: bool) -> None:
        self._chance = random.Random(plan.seed)
        self._failpoints = itertools.cycle(_failpoints())
        errors = plan.folder / "errors.log"
        for_worker = (lambda: (plan,)) if naive else (lambda: (plan, next(self._failpoints)))
        self._workers = [Member(work_naively if naive else work, for_worker, errors) for _ in range(workers)]
        self._keeper = Member(keep_naively if naive else keep, lambda: (plan,), errors)
        self.kills = self.pauses = self.failpoints = self.accidents = 0

    def revive(self) -> None:
        """Start whoever is dead again, and let whoever has paused long enough go on."""
        for member in [*self._workers, self._keeper]:
            if member.exit_status is not None:
                self._note(member.exit_status)
                member.start()
            member.go_on()

    def strike(self) -> None:
        """Kill or pause somebody: a worker seven times in ten, the keeper once."""
        dice = self._chance.random()
        worker = self._chance.choice(self._workers)
        if dice < 0.2:
            if not worker.is_paused:
                worker.pause(self._chance.uniform(0.1, LONGEST_PAUSE_SECONDS))
                self.pauses += 1
        else:
            victim = self._keeper if dice < 0.3 else worker
            self._note(victim.kill())
            victim.start()

    def end(self) -> None:
        """Kill them all, for good."""
        for member in [*self._workers, self._keeper]:
            member.kill()

    def _note(self, exit_status: int | None) -> None:
        self.kills += exit_status == _KILLED
        self.failpoints += exit_status == failpoints.EXIT_STATUS
        # Anything else is an exception that nobody expected. It costs no message either, but somebody should read it.
        self.accidents += exit_status not in {_KILLED, failpoints.EXIT_STATUS}


def _failpoints() -> list[Failpoint]:
    """Return those that new workers get in turn: all, or the one of the environment."""
    if words := os.environ.get(failpoints.VARIABLE):
        return [Failpoint.parse(words)]
    return [Failpoint(label, probability) for label, probability in failpoints.LABELS.items()]


def _run_apart(run: Callable[..., None], errors: Path, *arguments: object) -> None:
    """Run in a process whose last words go to a file."""
    sys.stderr = errors.open("a", buffering=1)
    run(*arguments)
