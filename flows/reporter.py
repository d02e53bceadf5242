"""A reporter: shows in Prefect how a run stands, in a thread of its own, so that sending never waits for Prefect.

A server that is away or slow makes Prefect's client try again for minutes, or raise. Neither may reach the thread that
sends: what is shown is worth less than what is done. So each subject has one place for the newest that is to be told of
it; what is old is not told any more, and what the server does not take is dropped, with a line in the log.
"""

import threading
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Final, Self

from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tasks.log import run_logger


PATIENCE_SECONDS: Final = 20.0  # how long a run that has done its work waits until the last is told
TRIES: Final = 2  # so few that the next news, a chunk later, find the reporter waiting for them


class Reporter:
    """A context manager; on leaving it the last is told, for a while. A run that is interrupted does not wait."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._news: dict[str, Callable[[], object]] = {}
        self._change = threading.Condition()
        self._telling = ""
        # The context holds which run it is that logs and leaves artifacts. A daemon, because nothing may wait for it.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._tell_all,), name="reporter", daemon=True
        )

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until the last is told, if nothing went wrong and the server is quick enough."""
        if kind is None:
            self._await_the_last()

    def tell(self, subject: str, how: Callable[[], object]) -> None:
        """Have something told soon, by a function that may block and raise; it replaces what waits under the subject."""
        with self._change:
            self._news[subject] = how
            self._change.notify_all()

    def _await_the_last(self) -> None:
        with self._change:
            if not self._change.wait_for(self._is_idle, timeout=self._patience_seconds):
                left = ", ".join(sorted({self._telling, *self._news} - {""}))
                run_logger().warning("Prefect's server is away or slow; not shown there: %s", left)

    def _is_idle(self) -> bool:
        return not self._news and not self._telling

    def _tell_all(self) -> None:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: TRIES}):
            while True:
                with self._change:
                    self._change.wait_for(lambda: self._news)
                    self._telling = next(iter(self._news))
                    how = self._news.pop(self._telling)
                _tell(self._telling, how)
                with self._change:
                    self._telling = ""
                    self._change.notify_all()


def _tell(subject: str, how: Callable[[], object]) -> None:
    try:
        how()
    except Exception as error:  # noqa: BLE001  # whatever it is, sending is not to hear of it
        # The type alone: an error of the client may quote what it was to tell.
        run_logger().warning("Prefect does not show the %s: %s", subject, type(error).__name__)
