"""Skip what this machine cannot run, with a reason; under POSTHOUSE_TEST_ALL=1 such a skip is a failure.

A developer's `make test` needs Python and make only. The build server has everything else, and there a test that
quietly did not run would be a test that we believe in for nothing.
"""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_MODULES = Path(__file__).parents[1] / "node/node_modules"
SES_LOCAL = _MODULES / "aws-ses-v2-local/dist/cli.js"
AXE = _MODULES / "axe-core/axe.min.js"

_NEEDS = {
    "browser": (CHROMIUM is not None, "needs Chromium: apt-get install chromium"),
    "node": (
        shutil.which("node") is not None and SES_LOCAL.exists() and AXE.exists(),
        "needs npm packages: npm ci --prefix tests/node",
    ),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (present, reason) in _NEEDS.items():
        if item.get_closest_marker(marker) and not present:
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A skip becomes a failure where everything must run. An expected failure is reported as a skip, too: not that."""
    if os.environ.get("POSTHOUSE_TEST_ALL") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under POSTHOUSE_TEST_ALL=1: {report.longrepr}"
