"""Render pipe: one child process that renders, and the socket to it. `gateways/render_process.py` decides about its life."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import psutil

from core.errors import ConfigurationError
from core.patience import Rank
from gateways import render_answers


START_SECONDS: Final = 30.0
LOOK: Final = 0.1  # how often we look at a child that is late, in seconds
_STARVED: Final = 5  # times the limit that a child may take when it was not given the processor
# As clock_getcpuclockid(3) makes a clock's id; psutil takes a hundred times as long.
_CPU_OF_A_PROCESS: Final = 2
_BUSY: Final = 1 / 10, 1 / 4  # of the limit: after these others go first, by one rank and by two
_LONG: Final = 1.0  # seconds, and by one rank whatever the limit is
# Linux gives these a tenth and a seventieth of what it gives to an equal. Who is given nothing at all never ends.
_NICE: Final = {Rank.BEHIND: 10, Rank.LAST: 19}
_NICEST: Final = 19


class DeadError(Exception):
    """The child is gone, and its answer with it."""


class LateError(Exception):
    """The child had the time that it may have."""


class Child:
    """One child process and the socket to it."""

    def __init__(self, bootstrap: str, rank: Rank = Rank.EQUAL) -> None:
        ours, theirs = socket.socketpair()
        folder = tempfile.mkdtemp(prefix="posthouse-render-")
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, our own words
                    [sys.executable, "-I", "-B", "-X", "utf8", "-c", bootstrap, str(os.getpid())],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env={},
                    # Ctrl-C is for us to hear; and Linux may share the processor among sessions before it asks who is nice.
                    start_new_session=True,
                )
            self.rank = Rank.EQUAL
            self.let_others_first(rank)
            self._socket, self._buffer = ours, bytearray()
            self._close = weakref.finalize(self, _end, self._process, ours)
            self.walls = self._hello()
        finally:
            # From inside it can still be named, but nothing can be made in it any more.
            Path(folder).rmdir()

    def _hello(self) -> Mapping[str, bool]:
        try:
            walls = self._receive(START_SECONDS)["walls"]
            return {str(name): stands is True for name, stands in walls.items()}
        except (DeadError, LateError, LookupError, TypeError, ValueError, AttributeError) as error:
            self.close()
            raise ConfigurationError(
                "the process that renders templates does not start",
                hint="python -c 'import gateways.render_child' in the checkout says why",
            ) from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, for good."""
        self._close()

    def let_others_first(self, rank: Rank) -> None:
        """Take the child back to this rank, if it is not there already. There is no way forward again."""
        if rank <= self.rank:
            return
        self.rank = rank
        with suppress(OSError):
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, self.pid, min(ours + _NICE[rank], _NICEST))
        with suppress(
            OSError
        ):  # where Linux shares the processor among sessions: sched(7), "The autogroup feature"
            Path(f"/proc/{self.pid}/autogroup").write_text(str(_NICE[rank]))

    def ask(self, frame: bytes, seconds: float) -> dict[str, Any]:
        """Return the answer to a request, as it came: believe nothing of it.

        Raises:
            LateError: It took longer than `seconds`.
            DeadError: It is gone.
            ValueError: That is no answer.
        """
        busy = self.cpu_seconds()
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(len(frame).to_bytes(4, "big") + frame)
        except TimeoutError as error:
            raise LateError from error
        except OSError as error:
            raise DeadError from error
        return self._receive(seconds, busy)

    def _receive(self, seconds: float, busy_at_first: float = 0.0) -> dict[str, Any]:
        """Return the next answer, if it comes in time: of the processor, or, should it be given none, of the clock."""
        started = time.monotonic()
        self._socket.settimeout(LOOK)
        while True:
            with suppress(TimeoutError):
                return self._next_frame()
            waited, spent = time.monotonic() - started, self.cpu_seconds() - busy_at_first
            if waited >= seconds and (spent >= seconds / 2 or waited >= _STARVED * seconds):
                raise LateError
            if spent > min(seconds * _BUSY[0], _LONG):
                self.let_others_first(Rank.LAST if spent > seconds * _BUSY[1] else Rank.BEHIND)

    def cpu_seconds(self) -> float:
        """Return the seconds of the processor that it has had until now.

        Raises:
            DeadError: It is gone.
        """
        try:
            if sys.platform == "linux":
                return time.clock_gettime((~self.pid << 3) | _CPU_OF_A_PROCESS)
            times = psutil.Process(self.pid).cpu_times()
        except (OSError, psutil.Error) as error:
            raise DeadError from error
        return float(times.user + times.system)

    def _next_frame(self) -> dict[str, Any]:
        self._fill_buffer(4)
        size = int.from_bytes(self._buffer[:4], "big")
        if size > render_answers.MAX_FRAME:
            raise ValueError
        self._fill_buffer(4 + size)
        body = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        answer = orjson.loads(body)
        if self._buffer or not isinstance(answer, dict):
            raise ValueError
        return answer

    def _fill_buffer(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                part = self._socket.recv(262_144)
            except TimeoutError:
                raise
            except OSError as error:
                raise DeadError from error
            if not part:
                raise DeadError
            self._buffer += part


def _end(process: "subprocess.Popen[bytes]", ours: socket.socket) -> None:
    ours.close()
    process.kill()
    process.wait()
