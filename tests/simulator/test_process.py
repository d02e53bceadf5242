"""The simulator as people start it: a process of its own."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from .conftest import Running
from .requests import simple


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)


def test_a_process_says_where_it_listens_serves_and_is_judged_by_its_log(
    project: Path, tmp_path: Path
) -> None:
    log = tmp_path / "accepted.jsonl"
    command = [sys.executable, "-m", "simulator", "--port", "0", "--seed", "7", "--accept-log", str(log)]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        simulator = Running(ready["url"])
        with urllib.request.urlopen(f"{ready['url']}/_simulator/health") as answer:
            assert json.load(answer) == {"status": "ok"}
        client = simulator.client()
        for recipient in ("a@example.net", "A@example.net", "b@example.net"):
            client.send_email(**simple(recipient))
        # Without a word of warning: what was accepted must be in the file already.
        process.send_signal(signal.SIGKILL)
    judged = json.loads(run(project, "verdict", str(log)).stdout)
    assert (judged["accepted"], judged["distinct"], judged["duplicates"]) == (3, 2, 1)


def test_a_wrong_command_line_is_refused(project: Path) -> None:
    assert run(project, "--sns-endpoint", "http://127.0.0.1:1").returncode == 2
    assert run(project, "verdict").returncode == 2
