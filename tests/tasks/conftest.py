"""What the tests of sending share."""

from datetime import timedelta
from pathlib import Path

import pytest

from store.session import Database
from tasks import sending
from tests.stage import Stage


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    """A stage whose SES takes everything."""
    return Stage(database, tmp_path)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stretch end at once where it would wait some seconds for throttled messages."""
    monkeypatch.setattr(sending, "RETRY_PATIENCE", timedelta(0))
