"""Child processes that are watched, logged, and gone when we are."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

from cli import tether
from core.errors import ConfigurationError


_TAIL_LINES = 15

# A proxy of the user's environment must not be asked for 127.0.0.1.
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A running process, by the name that people know it by, and where its output goes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def require_alive(self) -> None:
        """Do nothing while it runs.

        Raises:
            ConfigurationError: It has ended; the message shows the end of its log.
        """
        status = self.process.poll()
        if status is None:
            return
        raise ConfigurationError(
            f"{self.name} ended with {ending(status)}:\n{tail(self.log)}",
            hint=f"Read {self.log}.",
            code="process_ended",
        )


def start(name: str, module: Sequence[str], *, environment: Mapping[str, str], cwd: Path, log: Path) -> Child:
    """Start `python -m module…` as `spawn` does, with its output in a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = spawn(module, environment=environment, cwd=cwd, output=output)
    return Child(name=name, process=process, log=log)


def spawn(
    module: Sequence[str], *, environment: Mapping[str, str], cwd: Path, output: IO[Any]
) -> "subprocess.Popen[bytes]":
    """Start `python -m module…` in a session of its own, so that the terminal's Ctrl-C reaches us alone."""
    command = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), sys.executable, "-m", *module]
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def ask_to_end(children: Sequence[Child], *, seconds: float) -> None:
    """Send SIGTERM to the children alone, who end what they started themselves, and wait; a Ctrl-C ends the waiting."""
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + seconds
    with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        for child in children:
            child.process.wait(max(deadline - time.monotonic(), 0))


def stop(children: Sequence[Child], *, grace_seconds: float = 10) -> None:
    """End the children and all that they started: SIGTERM, a time of grace, SIGKILL. A Ctrl-C ends the grace."""
    doomed = [process for child in children for process in family(child.process.pid)]
    for process in doomed:
        send(process, signal.SIGTERM)
    remaining = doomed
    try:
        _, remaining = psutil.wait_procs(doomed, timeout=grace_seconds)
    except KeyboardInterrupt:
        pass
    finally:
        for process in remaining:
            send(process, signal.SIGKILL)
        psutil.wait_procs(remaining, timeout=grace_seconds)
        for child in children:
            child.process.wait()


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants, also those that made sessions of their own."""
    try:
        ancestor = psutil.Process(pid)
        return [ancestor, *ancestor.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a process, if there still is one."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def wait_for_url(url: str, child: Child, *, seconds: float) -> None:
    """Wait until the child answers at a URL with any status below 500.

    Raises:
        ConfigurationError: It ended, or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not answers(url):
        child.require_alive()
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"{child.name} does not answer at {url} after {seconds:.0f} s:\n{tail(child.log)}",
                hint=f"Read {child.log}.",
                code="process_silent",
            )
        time.sleep(0.1)


def answers(url: str, *, below: int = 500) -> bool:
    """Whether a GET is answered with a status below the given one."""
    try:
        with LOCAL.open(url, timeout=5) as response:
            return bool(response.status < below)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < below
    except OSError:
        return False


def post(url: str) -> Any:
    """Return the JSON that a POST without a body is answered with."""
    with LOCAL.open(urllib.request.Request(url, method="POST"), timeout=60) as response:  # noqa: S310  # our own URL
        return json.load(response)


def free_port(preferred: int = 0) -> int:
    """Return the preferred port of 127.0.0.1, or if it is taken, one that the system chooses."""
    for port in (preferred, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise ConfigurationError("No port is free on 127.0.0.1.", code="no_port")


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (its log is empty)"


def ending(status: int) -> str:
    """Return in words how a process ended, by its return code."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that it is cleaned up. For the main thread.

    Ctrl-C itself is set as well: a shell starts background jobs with SIGINT ignored, and `kill -INT` is then in vain.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
