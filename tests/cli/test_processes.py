"""Child processes: watched, and gone when we are, whatever they do and however we end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cli import processes, tether
from core.errors import ConfigurationError


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(tmp_path: Path, program: str) -> processes.Child:
    """Start a program; the children are `python -m NAME`, so it is written as a module."""
    (tmp_path / "program.py").write_text(program)
    return processes.start(
        "program", ["program"], environment=os.environ, cwd=tmp_path, log=tmp_path / "logs/program.log"
    )


def test_a_child_that_ended_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = start(tmp_path, "print('about to fail'); raise SystemExit(3)")
    child.process.wait()

    with pytest.raises(ConfigurationError, match="program ended with status 3:\n    about to fail") as caught:
        child.require_alive()

    assert caught.value.code == "process_ended"


def test_a_child_that_was_killed_is_told_by_its_signal(tmp_path: Path) -> None:
    child = start(tmp_path, "import time; time.sleep(60)")
    child.process.kill()
    child.process.wait()

    with pytest.raises(ConfigurationError, match="ended with signal SIGKILL"):
        child.require_alive()


def test_a_child_that_ignores_sigterm_is_killed_with_all_it_started(tmp_path: Path) -> None:
    child = start(tmp_path, STUBBORN)
    wait_until(lambda: "ready" in child.log.read_text())
    family = [child.process.pid, *[p.pid for p in psutil.Process(child.process.pid).children(recursive=True)]]
    assert len(family) == 2

    processes.stop([child], grace_seconds=0.3)

    assert [pid for pid in family if is_running(pid)] == []


def test_stopping_a_child_that_has_ended_already_is_harmless(tmp_path: Path) -> None:
    child = start(tmp_path, "pass")
    child.process.wait()

    processes.stop([child])

    assert child.process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_a_child_ends_when_its_parent_is_killed_outright(tmp_path: Path) -> None:
    tied = [sys.executable, "-I", "-S", tether.__file__]
    parent_program = f"""
import os, subprocess, sys, time
child = subprocess.Popen({tied!r} + [str(os.getpid()), sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", parent_program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_until(lambda: "import time; time.sleep(60)" in psutil.Process(child).cmdline())

    parent.kill()
    parent.communicate()

    wait_until(lambda: not is_running(child))


def test_a_child_that_never_answers_is_given_up_with_its_log(tmp_path: Path) -> None:
    child = start(tmp_path, "print('deaf', flush=True); import time; time.sleep(60)")
    wait_until(lambda: "deaf" in child.log.read_text())

    with pytest.raises(ConfigurationError, match=r"does not answer at .* after 0 s:\n    deaf"):
        processes.wait_for_url(f"http://127.0.0.1:{processes.free_port()}", child, seconds=0.3)
    processes.stop([child])


def test_a_child_that_dies_while_it_is_awaited_is_noticed_at_once(tmp_path: Path) -> None:
    child = start(tmp_path, "raise SystemExit('no database')")

    with pytest.raises(ConfigurationError, match="no database"):
        processes.wait_for_url(f"http://127.0.0.1:{processes.free_port()}", child, seconds=30)


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    port = processes.free_port()

    assert processes.free_port(port) == port


def test_another_port_is_taken_when_the_preferred_one_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert processes.free_port(port) != port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_interrupts_the_block_and_is_undone_after_it(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt), processes.interruptible():
        signal.raise_signal(number)

    assert signal.getsignal(number) is before
