"""Polling: follow the queues for as long as the process lives, in threads that never wait for each other.

One thread has the critical queue to itself, so that a complaint waits for one batch at most, whatever else there is. The others
share the engagement queue, and one looks after what waits in the inbox. A database that is full, locked or away, or a queue that
cannot be asked, costs a pause and a line in the log; the messages stay where they are.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateways.sqs import Queue
from tasks import events
from tasks.events import DrainReport
from tasks.log import run_logger
from tasks.resources import Resources


# How long SQS may look for messages: so long, at most, does a poller that is asked to end go on waiting.
WAIT_SECONDS: Final = 5
TELL_SECONDS: Final = 60.0

_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0
# What is due in the inbox has waited already; a second more is nothing to it.
_INBOX_SECONDS: Final = 1.0


@dataclass
class Tally:
    """What pollers have done since somebody last asked, by the name of what they follow."""

    _done: dict[str, DrainReport] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, report: DrainReport) -> None:
        """Count one batch."""
        with self._lock:
            self._done[name] = self._done.get(name, DrainReport()) + report

    def take(self) -> dict[str, DrainReport]:
        """Return the counts and begin anew."""
        with self._lock:
            done, self._done = self._done, {}
        return done


def poll(
    resources: Resources, *, stop: threading.Event, pollers: int = 2, tell_seconds: float = TELL_SECONDS
) -> None:
    """Take events until `stop` is set, and say every minute what was done; each thread ends its batch first.

    Args:
        resources: The process's database and settings. Its pool must have a connection for each thread.
        stop: Set by whoever wants the process to end.
        pollers: How many threads share the engagement queue.
        tell_seconds: How often to log.

    Raises:
        ConfigurationError: A queue cannot be asked at the beginning; later it is asked again.
    """
    settings, tally = resources.settings, Tally()
    names = [settings.critical_queue, *[settings.engagement_queue] * pollers]
    queues = [Queue(name) for name in names]
    for queue in queues:
        # Also makes its client, which boto3 must not do in two threads at once.
        run_logger().info("Events of %s: %d wait", queue.name, queue.depth())
    threads = [_start(queue.name, _follow(resources, queue), stop, tally) for queue in queues]
    threads.append(_start("inbox", lambda: events.apply_some(resources), stop, tally))
    while not stop.wait(tell_seconds):
        tell(tally)
    for thread in threads:
        thread.join()
    tell(tally)


def tell(tally: Tally) -> None:
    """Log what was done since the last time, a line for each queue that had something."""
    for name, done in sorted(tally.take().items()):
        told = ", ".join(f"{number:,} {what}" for what, number in done.as_json().items() if number)
        waited = done.waited.get(name)
        since = f"; the newest batch had waited {waited.total_seconds():.0f} s" if waited else ""
        if told:
            run_logger().info("Events of %s: %s%s", name, told, since)


def _follow(resources: Resources, queue: Queue) -> Callable[[], DrainReport]:
    return lambda: events.take_batch(resources, queue, wait_seconds=WAIT_SECONDS)


def _start(
    name: str, step: Callable[[], DrainReport], stop: threading.Event, tally: Tally
) -> threading.Thread:
    thread = threading.Thread(target=_repeat, args=(name, step, stop, tally), name=f"events of {name}")
    thread.start()
    return thread


def _repeat(name: str, step: Callable[[], DrainReport], stop: threading.Event, tally: Tally) -> None:
    pause = _SHORTEST_PAUSE
    while not stop.is_set():
        began = time.monotonic()
        try:
            report = step()
        except Exception as error:  # noqa: BLE001  # a poller that dies would leave its queue to grow in silence
            run_logger().error("%s cannot be followed, again in %.0f s: %s", name, pause, _in_words(error))
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            continue
        pause = _SHORTEST_PAUSE
        tally.add(name, report)
        if not report.received + report.applied and time.monotonic() - began < _INBOX_SECONDS:
            stop.wait(_INBOX_SECONDS)


def _in_words(error: Exception) -> str:
    """Return what may be logged: our own errors name no address, and of others the kind has to do."""
    return str(getattr(error, "message", type(error).__name__))
