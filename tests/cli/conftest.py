"""What the tests of commands share: the `posthouse` of a process of its own, without a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.settings import settings
from tasks.resources import resources


@pytest.fixture
def own_process(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings and resources of one test, read when a command first asks; what else is in its environment, set before that."""
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("POSTHOUSE_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    resources.cache_clear()
    yield
    used = vars(resources())
    if "renderer" in used:
        used["renderer"].close()
    if "database" in used:
        used["database"].dispose()
    settings.cache_clear()
    resources.cache_clear()
