"""The launcher of the worker, with programs in the place of Prefect's worker: what it does about signals and deaths."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateways.settings import Settings
from tasks.sending import CALL_DEADLINE_SHARE


FLOW_RUN = "0190c0de-0000-7000-8000-000000000007"

# Starts one flow run, a process that needs SECONDS to end in order once it is asked to, and waits for its end.
WORKER = """
import os, signal, subprocess, sys, time
run = '''
import signal, sys, time
def end(*_):
    open("asked", "a").write("x")
    time.sleep(float(sys.argv[1]))
    open("ended", "w").close()
    sys.exit()
signal.signal(signal.SIGTERM, end)
open("running", "w").close()
time.sleep(60)
'''
os.chdir(os.environ["FOLDER"])
child = subprocess.Popen(
    [sys.executable, "-c", run, os.environ["SECONDS"]],
    env=os.environ | {"PREFECT__FLOW_RUN_ID": os.environ["FLOW_RUN"]},
)
def stop(*_):
    child.terminate()
    child.wait()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
open("working", "w").close()
time.sleep(60)
"""

LAUNCHER = """
import json
from cli.output import answer, errors_as_answers
from cli.worker import Launcher
with errors_as_answers(as_json=True):
    launcher = Launcher(module=["a_worker"], grace_seconds=%s, call_crashed=list)
    answer(launcher.run(), as_json=True)
"""


class Launched:
    """A launcher in a process of its own, its worker, and the worker's flow run."""

    def __init__(self, folder: Path, *, run_needs: float, grace: float) -> None:
        (folder / "a_worker.py").write_text(WORKER)
        self.folder = folder
        environment = {
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
            "FOLDER": str(folder),
            "FLOW_RUN": FLOW_RUN,
            "SECONDS": str(run_needs),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER % grace],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.wait_until(lambda: (folder / "running").exists() and (folder / "working").exists())
        (self.worker,) = psutil.Process(self.process.pid).children()
        (self.run,) = self.worker.children()
        time.sleep(1)  # the launcher looks at its runs twice a second

    def wait_until(self, condition: Any, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    def end(self) -> tuple[int, dict[str, Any]]:
        """Wait for its end; the return code and the answer."""
        answer, _ = self.process.communicate(timeout=30)
        return self.process.returncode, json.loads(answer)

    @property
    def asked(self) -> int:
        """How many signals the flow run got."""
        file = self.folder / "asked"
        return len(file.read_text()) if file.exists() else 0

    @property
    def ended_in_order(self) -> bool:
        return (self.folder / "ended").exists()

    @property
    def leftovers(self) -> list[int]:
        return [
            process.pid
            for process in (self.worker, self.run)
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]


def test_a_run_ends_in_order_before_its_worker_does(tmp_path: Path) -> None:
    launched = Launched(tmp_path, run_needs=1, grace=20)

    launched.process.terminate()
    code, answer = launched.end()

    assert (code, answer["runs"]) == (0, 1)
    assert answer["crashed"] == [FLOW_RUN], "Prefect is asked about it, because its worker may not have told"
    assert 1 <= answer["seconds"] < 20
    assert launched.ended_in_order
    assert launched.asked == 1, "a second signal would cut its end short"
    assert launched.leftovers == []


def test_after_the_grace_everything_is_killed(tmp_path: Path) -> None:
    launched = Launched(tmp_path, run_needs=60, grace=1)

    launched.process.terminate()
    code, _ = launched.end()

    assert code == 0
    assert not launched.ended_in_order
    assert launched.leftovers == []


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    launched = Launched(tmp_path, run_needs=60, grace=60)

    launched.process.terminate()
    launched.wait_until(lambda: launched.asked == 1)
    launched.process.terminate()
    code, answer = launched.end()

    assert code == 0
    assert answer["seconds"] < 20
    assert launched.leftovers == []


def test_a_worker_that_is_killed_is_told_of_and_its_runs_end_in_order(tmp_path: Path) -> None:
    launched = Launched(tmp_path, run_needs=1, grace=20)

    launched.worker.kill()
    code, answer = launched.end()

    assert code == 1
    assert answer["error"]["code"] == "process_ended"
    assert answer["error"]["message"] == "the worker ended by itself with signal SIGKILL"
    assert launched.ended_in_order
    assert launched.leftovers == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has ended")
def test_the_worker_stops_in_order_when_its_launcher_is_killed_outright(tmp_path: Path) -> None:
    launched = Launched(tmp_path, run_needs=1, grace=20)

    launched.process.kill()
    launched.process.communicate()

    launched.wait_until(lambda: launched.leftovers == [])
    assert launched.ended_in_order


def test_the_grace_is_longer_than_a_window_of_calls() -> None:
    settings = Settings(database_url=None)

    assert settings.stop_grace_seconds > CALL_DEADLINE_SHARE * settings.call_lease_seconds
