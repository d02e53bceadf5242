"""Tests that share a stack, or ports, must stay in one process; pytest-xdist keeps them there by a group's name."""

import subprocess
import sys
from pathlib import Path


GROUPED = """
import os, pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_where_it_runs(number):
    with open("workers", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_a_group_stays_in_one_process(tmp_path: Path) -> None:
    """pytest 9.2 with pytest-xdist 3.8 spread every group over all processes, and nothing said so.

    The inner session has a base folder of its own: one that shares the outer one's parent makes that parent private
    to root again, and the outer session's PostgreSQL, whose account must pass through it, stops.
    """
    (tmp_path / "test_grouped.py").write_text(GROUPED)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "--dist",
            "loadgroup",
            "-p",
            "no:cacheprovider",
            f"--basetemp={tmp_path / 'inner'}",
            ".",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    workers = (tmp_path / "workers").read_text().split()
    assert (len(workers), len(set(workers))) == (6, 1)
