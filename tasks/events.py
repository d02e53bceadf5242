"""Events: from the queues, from files and from the webhook into the inbox, then on to the deliveries.

A message is deleted from its queue only after the commit that has stored its event, so a crash anywhere costs a repetition and
never an event; the dedupe key absorbs the repetition.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from core import events
from core.errors import MalformedEventError
from gateways import event_files
from gateways.sqs import Message, Queue
from store.inbox import Arrival
from tasks import facts
from tasks.facts import Read
from tasks.garbage import uncollected
from tasks.log import run_logger
from tasks.resources import Resources


# How many events are stored in one transaction, and applied by it.
BATCH: Final = facts.BATCH


# Stands for a message that cannot be read.
MALFORMED: Final = "malformed"
Outcome = Read | str | None


@dataclass(frozen=True, kw_only=True)
class DrainReport:
    """What came in and what became of it.

    `applied` and `quarantined` also count events that were waiting from before. A malformed message stays on its queue
    until SQS moves it to the dead-letter queue. `waited` says of each queue how long the newest batch had waited there.
    """

    received: int = 0
    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    malformed: int = 0
    waited: Mapping[str, timedelta] = field(default_factory=dict, compare=False)

    def __add__(self, other: "DrainReport") -> "DrainReport":
        ours, theirs = self.as_json(), other.as_json()
        return DrainReport(
            **{name: ours[name] + theirs[name] for name in ours}, waited={**self.waited, **other.waited}
        )

    def as_json(self) -> dict[str, int]:
        """Return the report as the command line answers it."""
        return {name: number for name, number in vars(self).items() if name != "waited"}


def drain(
    resources: Resources,
    *,
    until_empty: bool = True,
    wait_seconds: int = 1,
    queues: Sequence[Queue] | None = None,
) -> DrainReport:
    """Take what is on the queues and apply it; no open ever delays a complaint.

    Args:
        resources: The process's database and settings.
        until_empty: Go on until nothing comes any more; otherwise take one batch.
        wait_seconds: How long SQS may look for messages before it says that there are none.
        queues: The most urgent first; by default the critical and the engagement queue of the settings.

    Raises:
        ConfigurationError: A queue cannot be used.
    """
    urgent_first = queues or _queues(resources)
    report = DrainReport()
    while True:
        # The urgent queue is asked again before every batch of the other.
        queue, messages = _next_batch(urgent_first, wait_seconds)
        report += _store(resources, queue, messages)
        # Between two batches of a queue only one of the inbox, so that neither keeps the other waiting.
        report += apply_some(resources) if messages else apply(resources)
        if not (messages and until_empty):
            return report


def take_batch(resources: Resources, queue: Queue, *, wait_seconds: int) -> DrainReport:
    """Take one batch of one queue and apply it.

    Raises:
        ConfigurationError: The queue cannot be used.
    """
    return _store(resources, queue, _receive(queue, wait_seconds=wait_seconds))


def ingest_files(resources: Resources, paths: Iterable[Path]) -> DrainReport:
    """Take events from files, one document per file or per line, and apply them.

    Raises:
        InputError: A file cannot be read; those before it are stored.
    """
    report = DrainReport()
    documents = (document for path in paths for document in event_files.documents(path))
    while batch := list(islice(documents, BATCH)):
        report += take_in(resources, [read(document, source="file") for document in batch])
    return report + apply(resources)


def apply(resources: Resources) -> DrainReport:
    """Apply every event of the inbox that is due."""
    return _applied(facts.apply_due(resources.database))


def apply_some(resources: Resources) -> DrainReport:
    """Apply one batch of the inbox, the urgent events first."""
    return _applied(facts.apply_some(resources.database))


def _applied(done: facts.Applied) -> DrainReport:
    return DrainReport(applied=done.applied, quarantined=done.quarantined)


def arrival(raw: str, *, source: str) -> Arrival | None:
    """Return what the inbox stores of a raw event; None for SES's own notices.

    Raises:
        MalformedEventError: It cannot be read.
    """
    event = events.parse(raw)
    return None if event is None else Arrival.of(event, raw=raw, source=source)


def _queues(resources: Resources) -> list[Queue]:
    return [Queue(resources.settings.critical_queue), Queue(resources.settings.engagement_queue)]


def _next_batch(urgent_first: Sequence[Queue], wait_seconds: int) -> tuple[Queue, list[Message]]:
    """Return what the most urgent queue has; wait only when none seems to have anything."""
    for seconds in dict.fromkeys((0, wait_seconds)):
        for queue in urgent_first:
            if messages := _receive(queue, wait_seconds=seconds):
                return queue, messages
    return urgent_first[0], []


def _waited(queue: Queue, messages: Sequence[Message]) -> dict[str, timedelta]:
    """Return how long the oldest of a batch had waited on its queue."""
    sent = [message.sent_at for message in messages if message.sent_at]
    return {queue.name: max(datetime.now(UTC) - min(sent), timedelta(0))} if sent else {}


def _receive(queue: Queue, *, wait_seconds: int) -> list[Message]:
    """Receive up to a batch; only the first call waits."""
    messages = queue.receive(wait_seconds=wait_seconds)
    while messages and len(messages) < BATCH:
        more = queue.receive()
        if not more:
            break
        messages += more
    return messages


def _store(resources: Resources, queue: Queue, messages: Sequence[Message]) -> DrainReport:
    """Store and apply messages of a queue, and delete them after the commit, those that cannot be read excepted."""
    if not messages:
        return DrainReport()
    with uncollected():
        outcomes = [read(message.body, source=queue.name) for message in messages]
        report = take_in(resources, outcomes)
    # Only now: had the process died before, the same messages would come again and change nothing.
    queue.delete([message for message, one in zip(messages, outcomes, strict=True) if one is not MALFORMED])
    if report.malformed:
        run_logger().error("%d malformed messages stay on queue %s", report.malformed, queue.name)
    return report + DrainReport(waited=_waited(queue, messages))


def take_in(resources: Resources, outcomes: Sequence[Outcome]) -> DrainReport:
    """Store and apply what could be read of a batch, and commit."""
    understood = [one for one in outcomes if isinstance(one, Read)]
    done = facts.take_in(resources.database, understood) if understood else facts.Applied()
    return DrainReport(
        received=len(outcomes),
        applied=done.applied,
        duplicates=len(understood) - done.new,
        quarantined=done.quarantined,
        malformed=outcomes.count(MALFORMED),
    )


def read(raw: str, *, source: str) -> Outcome:
    """Return an event and how it is kept, `MALFORMED` for what cannot be read, None for a notice that needs no reading."""
    try:
        event = events.parse(raw)
    except MalformedEventError:
        return MALFORMED
    return None if event is None else Read(event, Arrival.of(event, raw=raw, source=source))


def unreadable(raw: str, *, source: str) -> Arrival:
    """Return what the inbox stores of a raw event that cannot be read: it goes into quarantine."""
    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
    return Arrival(dedupe_key=digest, source=source, event_type="", raw=raw, error="cannot be read")
