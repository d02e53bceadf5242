"""What the tests of sending share."""

from datetime import timedelta
from pathlib import Path

import pytest

from store.session import Database
from tasks import claiming
from tasks.resources import Resources
from tests.builders import write_template
from tests.fakes import some_resources
from tests.stage import Stage


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    """A stage whose SES takes everything."""
    return Stage(database, tmp_path)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stretch end at once where it would wait some seconds for throttled messages."""
    monkeypatch.setattr(claiming, "RETRY_PATIENCE", timedelta(0))


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    """What a process has: the test's database, a fake SES, and a folder with one template."""
    write_template(tmp_path / "templates")
    return some_resources(database, tmp_path, templates_dir=tmp_path / "templates")
