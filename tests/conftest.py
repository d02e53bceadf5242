"""What every test may ask for: a real PostgreSQL, migrated once, and a database or a transaction of its own."""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlmodel import Session

from gateways.postgres import EmbeddedPostgres, ensure_running
from store import migrations
from store.session import Database


_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[EmbeddedPostgres]:
    """A server of this test process, without fsync."""
    state_dir = tmp_path_factory.mktemp(f"postgres-{worker_id}")
    server = ensure_running(state_dir, durable=False)
    yield server
    server.stop()
    # pytest keeps the folders of three sessions, and a cluster is 60 MB.
    shutil.rmtree(state_dir / "postgres" / "data", ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(postgres: EmbeddedPostgres) -> str:
    """The name of a database at the newest revision, to be copied, never used."""
    migrations.upgrade(postgres.url("posthouse", driver="psycopg"))
    return "posthouse"


def _administer(postgres: EmbeddedPostgres, statement: str) -> None:
    url = postgres.url("postgres", driver="psycopg").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated: str) -> Iterator[str]:
    """The URL of a fresh copy of the migrated database, dropped after the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated}")
    yield postgres.url(name, driver="psycopg")
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database, for tests that commit."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def session(shared_database: Database) -> Iterator[Session]:
    """A transaction that is rolled back after the test."""
    with suppress(_RollBackError), shared_database.begin() as session:
        yield session
        raise _RollBackError


@pytest.fixture(scope="session")
def shared_database(postgres: EmbeddedPostgres, migrated: str) -> Iterator[Database]:
    """One database for all tests that roll back."""
    _administer(postgres, f"CREATE DATABASE shared TEMPLATE {migrated}")
    database = Database(postgres.url("shared", driver="psycopg"))
    yield database
    database.dispose()


class _RollBackError(Exception):
    """Ends a test's transaction without a commit."""


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent
