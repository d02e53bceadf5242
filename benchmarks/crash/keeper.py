"""The keeper: takes the events that the simulator publishes, ends leases and doubt. It is killed like everybody.

Its place in the event log stands in a file, and is moved only after the events before it are stored, as a message is
deleted from its queue: dying in between costs a repetition, which the inbox absorbs.
"""

import os
import time
from pathlib import Path

from benchmarks.crash.plan import Plan
from benchmarks.crash.worker import is_wanted, lost_database
from core.errors import MalformedEventError
from store import inbox
from tasks import campaigns, events
from tasks.resources import Resources


_BATCH_BYTES = 1_000_000
_PAUSE_SECONDS = 0.05


def keep(plan: Plan) -> None:
    """Ingest and settle for ever."""
    resources = Resources(plan.settings)
    log = EventLog(plan.event_log, plan.folder / "event-log.place")
    while is_wanted():
        with lost_database():
            drained = not ingest(resources, log)
            campaigns.settle(resources, tenant_id=plan.tenant_id, queues_are_clear=drained)
        time.sleep(_PAUSE_SECONDS)


class EventLog:
    """The simulator's event log, read from where the last keeper was.

    Args:
        path: JSON lines; the last one may be unfinished.
        place: The file that remembers how many bytes are done.
    """

    def __init__(self, path: Path, place: Path) -> None:
        self._path = path
        self._place = place

    def next_lines(self) -> tuple[list[str], int]:
        """Return the next whole lines, and the place behind them."""
        done = int(self._place.read_text()) if self._place.exists() else 0
        with self._path.open("rb") as log:
            log.seek(done)
            whole, _, _ = log.read(_BATCH_BYTES).rpartition(b"\n")
        lines = whole.decode().splitlines()
        return lines, done + len(whole) + 1 if lines else done

    def remember(self, place: int) -> None:
        """Make it durable that everything before this place is done."""
        draft = self._place.with_suffix(".draft")
        with draft.open("w") as file:
            file.write(str(place))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._place)


def ingest(resources: Resources, log: EventLog) -> int:
    """Store and apply what is new in the log; return how many lines that were."""
    lines, place = log.next_lines()
    arrivals = [arrival for line in lines if (arrival := _arrival(line)) is not None]
    if lines:
        resources.database.repeat(lambda session: inbox.store_many(session, arrivals))
        log.remember(place)
    events.apply(resources)
    return len(lines)


def _arrival(line: str) -> inbox.Arrival | None:
    try:
        return events.arrival(line, source="file")
    except MalformedEventError:
        return None  # the notice with which SES greets a new topic
