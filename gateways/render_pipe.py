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
from gateways import render_answers


START_SECONDS: Final = 30.0
LOOK: Final = 0.25  # how often we look at a child that is late, in seconds
_STARVED: Final = 5  # times the limit that a child may take when it was not given the processor


class DeadError(Exception):
    """The child is gone, and its answer with it."""


class LateError(Exception):
    """The child had the time that it may have."""


class Child:
    """One child process and the socket to it."""

    def __init__(self, bootstrap: str) -> None:
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
                    process_group=0,  # Ctrl-C is for us to hear
                )
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

    def turn_down(self) -> None:
        """Let everybody else have the processor first."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, 19)

    def ask(self, frame: bytes, seconds: float) -> dict[str, Any]:
        """Return the answer to a request, as it came: believe nothing of it.

        Raises:
            LateError: It took longer than `seconds`.
            DeadError: It is gone.
            ValueError: That is no answer.
        """
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(len(frame).to_bytes(4, "big") + frame)
        except TimeoutError as error:
            raise LateError from error
        except OSError as error:
            raise DeadError from error
        return self._receive(seconds)

    def _receive(self, seconds: float) -> dict[str, Any]:
        """Return the next answer, if it comes in time: of the processor, or, should it be given none, of the clock."""
        started, busy_at_first = time.monotonic(), None
        self._socket.settimeout(LOOK)
        while True:
            with suppress(TimeoutError):
                return self._next_frame()
            waited, busy = time.monotonic() - started, self._cpu_seconds()
            busy_at_first = busy if busy_at_first is None else busy_at_first
            spent = busy - busy_at_first
            if waited >= seconds and (spent >= (seconds - LOOK) / 2 or waited >= _STARVED * seconds):
                raise LateError
            if spent > seconds / 4:
                self.turn_down()

    def _cpu_seconds(self) -> float:
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error as error:
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
