"""What the tests of sending share."""

from pathlib import Path

import pytest

from store.session import Database
from tests.stage import Stage


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    """A stage whose SES takes everything."""
    return Stage(database, tmp_path)
