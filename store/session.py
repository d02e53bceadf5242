"""One database, one way in: `Database.begin()` is one transaction.

Functions of `store` are given the session and never commit; the caller's `with` block does, once, at its end. A step
that must commit in the middle (intent, call, record) opens several blocks, so that every commit can be seen.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from psycopg.errors import (
    DeadlockDetected,
    DiskFull,
    LockNotAvailable,
    SerializationFailure,
    UndefinedColumn,
    UndefinedTable,
)
from sqlalchemy import create_engine, text
from sqlalchemy.engine import CursorResult, RowMapping
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlmodel import Session

from core.errors import ConfigurationError, LedgerBusyError, StorageFullError


# Whoever opens a transaction names its type by this module, so that SQLModel stays in models and store.
__all__ = ["TRANSIENT", "Database", "Row", "Session", "count", "one", "rows", "run", "stream", "tuples"]

Row = RowMapping
T = TypeVar("T")

# A lost or restarting server, a deadlock, a lock timeout: the transaction did not happen, or nobody knows.
TRANSIENT = (OperationalError, InterfaceError)

# The server itself says that the transaction did not happen, so that even an intent may be tried again.
_ROLLED_BACK = (DeadlockDetected, SerializationFailure, LockNotAvailable)


class Database:
    """Our PostgreSQL. One instance per process; its pool is as large as the process has threads.

    Args:
        url: `postgresql+psycopg://…`.
        connections: How many threads may be in a transaction at once.
    """

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.url = url
        self._engine = create_engine(
            url,
            pool_size=connections,
            max_overflow=4,
            pool_pre_ping=True,
            pool_recycle=1800,
            hide_parameters=True,  # an error's text ends up in logs, and our parameters are addresses
        )

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Yield a session whose transaction commits at the end of the block, or rolls back on any exception.

        Raises:
            ConfigurationError: The schema is not the one this code is written for (`schema_outdated`).
            StorageFullError: The server's disk is full.
        """
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except ProgrammingError as error:
            if isinstance(error.orig, UndefinedTable | UndefinedColumn):
                raise ConfigurationError(
                    "the database lacks what this version needs",
                    hint="posthouse db upgrade",
                    code="schema_outdated",
                ) from error
            raise
        except OperationalError as error:
            if isinstance(error.orig, DiskFull):
                raise StorageFullError(
                    "the database server's disk is full, so nothing is sent",
                    hint="Make room on it; dispatch, or the same command, then goes on where this has stopped.",
                ) from error
            raise

    def again(self, step: Callable[[Session], T], *, tries: int = 8) -> T:
        """Run a step in a transaction of its own, again when the server says that it has rolled it back.

        For steps that must not be repeated unseen, such as intents: a lost connection is not tried again.

        Raises:
            LedgerBusyError: Deadlocks, conflicts or lock timeouts to the last try, after about 12 seconds.
        """
        attempt = 0
        while True:
            try:
                with self.begin() as session:
                    return step(session)
            except OperationalError as error:
                if not isinstance(error.orig, _ROLLED_BACK):
                    raise
                attempt += 1
                if attempt == tries:
                    raise LedgerBusyError(
                        "the database is too busy: others hold what this needs",
                        hint="See pg_stat_activity for who waits and who holds; then try again.",
                    ) from error
                time.sleep(0.05 * 2**attempt * (0.5 + random.random()))  # noqa: S311  # jitter, not a secret

    def repeat(self, step: Callable[[Session], T], *, tries: int = 6) -> T:
        """Run an idempotent step in a transaction of its own, again when the database was lost or locked.

        Only for steps that may have committed unseen and still be run again: compare-and-sets are, intents are not.

        Raises:
            OperationalError: The last try failed too, after about 12 seconds.
        """
        for attempt in range(tries - 1):
            try:
                with self.begin() as session:
                    return step(session)
            except (*TRANSIENT, StorageFullError):
                time.sleep(0.2 * 2**attempt * (0.5 + random.random()))  # noqa: S311  # jitter, not a secret
        with self.begin() as session:
            return step(session)

    def server_version(self) -> str:
        """Return the server's version, such as "18.6"."""
        with self.begin() as session:
            version: str = run(session, "SHOW server_version").scalar_one()
        return version.split(maxsplit=1)[0]

    def dispose(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()


def run(session: Session, statement: str, **values: object) -> CursorResult[Any]:
    """Execute one SQL statement with named parameters; lists become PostgreSQL arrays."""
    result = session.connection().execute(_parsed(statement), values)
    assert isinstance(result, CursorResult)
    return result


# Finding the parameters of a statement costs 20 us, a fifth of what a small one costs us altogether.
_parsed = lru_cache(maxsize=512)(text)


def rows(session: Session, statement: str, **values: object) -> Sequence[Row]:
    """Return what a query yields, as mappings."""
    return run(session, statement, **values).mappings().all()


def stream(session: Session, statement: str, *, page: int, **values: object) -> Iterator[Row]:
    """Yield what a query yields, read page by page from a cursor that the server keeps: memory is one page's."""
    options = {"stream_results": True, "yield_per": page}
    yield from session.connection().execute(_parsed(statement), values, execution_options=options).mappings()


def tuples(session: Session, statement: str, **values: object) -> Sequence[tuple[Any, ...]]:
    """Return what a query yields in the order of its columns: for thousands of rows, of which each name would be looked up."""
    return run(session, statement, **values).all()


def one(session: Session, statement: str, **values: object) -> Row | None:
    """Return the first row of a query, or None."""
    return run(session, statement, **values).mappings().first()


def count(session: Session, statement: str, **values: object) -> int:
    """Return how many rows a statement changed."""
    return run(session, statement, **values).rowcount
