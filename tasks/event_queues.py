"""What waits on the way of events: queues, dead letters, inbox, quarantine; and the way back from the dead-letter queues."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateways.queues import dead_letters_of
from gateways.sqs import VISIBILITY_SECONDS, Message, Queue
from store import inbox
from tasks import events
from tasks.events import BATCH
from tasks.facts import Read
from tasks.log import run_logger
from tasks.resources import Resources


# How many dead letters a dry run looks at, and for how long it hides them from a redrive in earnest.
MOST_SEEN: Final = 1000
_GLANCE_SECONDS: Final = 20


def show(resources: Resources) -> dict[str, Any]:
    """Return what waits and how old it is, by queue, in the inbox and in quarantine.

    Raises:
        ConfigurationError: A queue cannot be asked.
    """
    queues = [_of_queue(name) for name in _names(resources)]
    with resources.database.begin() as session:
        waiting, came = inbox.waiting(session), inbox.last_came(session)
        quarantined = inbox.quarantined(session)
    for queue in queues:
        queue["last_event_seconds"] = came.get(queue["queue"])
    dead = sum(queue["dead_letters"] for queue in queues)
    return {
        "ok": not dead and not quarantined,
        "queues": queues,
        "inbox": waiting,
        "quarantine": quarantined,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What became of dead letters, or, of a dry run, what would.

    Attributes:
        seen: Those that were looked at.
        readable: Events that can be read now; `applied` and `known` of them were news, or had come by another way.
        notices: SES's and SNS's own, about no message.
        unreadable: Kept in quarantine for a person, and so no longer in danger of SQS's fourteen days.
        kinds: The readable by kind.
    """

    queue: str
    dry_run: bool
    seen: int = 0
    readable: int = 0
    applied: int = 0
    known: int = 0
    notices: int = 0
    unreadable: int = 0
    kinds: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return asdict(self)


def redrive(resources: Resources, *, dry_run: bool) -> list[Redriven]:
    """Take what lies on the dead-letter queues: apply what can be read by now, and keep the rest in quarantine.

    Whatever was applied before is known by its key, so a second redrive, or one beside a poller, changes nothing.

    Raises:
        ConfigurationError: A queue cannot be used.
    """
    done = [_redrive(resources, name, dry_run=dry_run) for name in _names(resources)]
    if not dry_run and any(one.seen for one in done):
        events.apply(resources)
    return done


def _redrive(resources: Resources, name: str, *, dry_run: bool) -> Redriven:
    queue, total = Queue(dead_letters_of(name)), Counter[str]()
    kinds = Counter[str]()
    for messages in _glanced(queue) if dry_run else _batches(queue):
        read = [events.read(message.body, source=name) for message in messages]
        kinds.update(one.arrival.event_type for one in read if isinstance(one, Read))
        total["seen"] += len(messages)
        total["notices"] += read.count(None)
        total["unreadable"] += read.count(events.MALFORMED)
        if not dry_run:
            total.update(_take(resources, queue, name, messages, read))
    if total["seen"] and not dry_run:
        run_logger().info("Dead letters of %s: %s", name, dict(total))
    return Redriven(
        queue=name, dry_run=dry_run, readable=kinds.total(), kinds=dict(sorted(kinds.items())), **total
    )


def _take(
    resources: Resources, queue: Queue, name: str, messages: Sequence[Message], read: Sequence[events.Outcome]
) -> Counter[str]:
    """Store a batch of dead letters and delete them; return how many were applied, and how many had been known."""
    report = events.take_in(resources, read)
    unreadable = [
        events.unreadable(message.body, source=name)
        for message, one in zip(messages, read, strict=True)
        if one is events.MALFORMED
    ]
    resources.database.repeat(lambda session: inbox.store_many(session, unreadable))
    queue.delete(messages)
    return Counter(applied=report.applied, known=report.duplicates)


def _batches(queue: Queue) -> Iterator[list[Message]]:
    while batch := _batch(queue, BATCH, VISIBILITY_SECONDS):
        yield batch


def _glanced(queue: Queue) -> Iterator[list[Message]]:
    yield _batch(queue, MOST_SEEN, _GLANCE_SECONDS)


def _batch(queue: Queue, most: int, hidden_seconds: int) -> list[Message]:
    batch: list[Message] = []
    while len(batch) < most:
        more = queue.receive(wait_seconds=0 if batch else 1, hidden_seconds=hidden_seconds)
        if not more:
            break
        batch += more
    return batch


def _names(resources: Resources) -> tuple[str, str]:
    return resources.settings.critical_queue, resources.settings.engagement_queue


def _of_queue(name: str) -> dict[str, Any]:
    queue, dead = Queue(name), Queue(dead_letters_of(name))
    waiting = queue.depth()
    return {
        "queue": name,
        "waiting": waiting,
        "in_flight": max(queue.backlog() - waiting, 0),
        "dead_letters": dead.backlog(),
    }
