"""The whole local stack, started once with `posthouse up`, as a user does. Some 15 s on a quiet machine."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

POSTHOUSE = Path(sys.executable).with_name("posthouse")


class Up:
    """`posthouse up --json` in a process of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.process = subprocess.Popen(
            [POSTHOUSE, "up", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"POSTHOUSE_STATE_DIR": str(state_dir), "PREFECT_API_URL": "http://nobody.example/api"},
        )

    def answer(self) -> dict[str, Any]:
        """Wait for its answer, which it gives when all is ready; or when nothing will be."""
        assert self.process.stdout is not None
        document: dict[str, Any] = json.loads(self.process.stdout.readline())
        return document

    def part(self, module: str) -> psutil.Process:
        """Wait until one part has been started, which is long before all of them are ready."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                words = command_line(child)
                if module in words and "-I" not in words:
                    return child
            time.sleep(0.02)
        raise AssertionError(f"{module} was not started")

    def family(self) -> list[int]:
        """Every process of it, the server of PostgreSQL and its guard included."""
        own = psutil.Process(self.process.pid)
        detached = [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(str(self.state_dir / "postgres") in word for word in process.info["cmdline"] or [])
        ]
        return [own.pid, *[process.pid for process in own.children(recursive=True)], *detached]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGTERM)


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def survivors(pids: list[int], seconds: float = 20) -> list[str]:
    """Return the command lines of those that still run after a while, [] as soon as there are none."""
    deadline = time.monotonic() + seconds
    while True:
        running = [process for process in map(_process, pids) if process is not None]
        if not running or time.monotonic() > deadline:
            return [" ".join(command_line(process)) for process in running]
        time.sleep(0.1)


def _process(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read()


def test_the_stack_answers_refuses_a_second_one_and_leaves_nothing_behind(up: Up, tmp_path: Path) -> None:
    ready = up.answer()
    assert "urls" in ready, ready
    urls = ready["urls"]

    assert urls.keys() == {"web", "prefect", "simulator", "amazon", "database"}
    assert b"ok" in get(urls["simulator"] + "/_simulator/health")
    assert get(urls["web"] + "/")
    assert get(urls["amazon"] + "/moto-api/data.json")
    assert b"<html" in get(urls["prefect"] + "/v2/")
    assert json.loads(get(urls["prefect"] + "/api/work_pools/posthouse"))["type"] == "process"
    assert (tmp_path / "stack.env").exists()

    second = Up(tmp_path)
    assert second.answer()["error"]["code"] == "already_running"
    assert second.process.wait() == 1
    second.process.communicate()

    pids = up.family()
    assert len(pids) >= 8
    assert up.end(signal.SIGINT) == 0
    assert survivors(pids) == []
    assert not (tmp_path / "stack.env").exists()


def test_a_part_that_dies_ends_the_stack_and_is_named(up: Up) -> None:
    part = up.part("cli.amazon")
    pids = up.family()

    part.kill()

    error = up.answer()["error"]
    assert error["code"] == "process_ended"
    assert "amazon ended with signal SIGKILL" in error["message"]
    up.process.communicate()
    assert up.process.returncode == 1
    assert survivors(pids) == []


def test_ctrl_c_while_it_starts_leaves_nothing_behind(up: Up) -> None:
    up.part("cli.amazon")
    pids = up.family()

    assert up.end(signal.SIGINT) == 0
    assert survivors(pids) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_a_supervisor_that_is_killed_outright_takes_everything_along(up: Up) -> None:
    up.part("cli.amazon")
    pids = up.family()
    assert len(pids) >= 5

    up.end(signal.SIGKILL)

    assert survivors(pids) == []
