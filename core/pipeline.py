"""Pipeline: what one look at the way of events sees, from SES's topics to our deliveries. `core.reconciliation` judges it.

Terms:
    accepted: a message whose call SES has answered with an id.
    told: accepted, and some event of it is known. Any event proves that the pipeline carried one.
    settled: told, and an event says how it ended: delivered, bounced in any class, complained about, or dropped.
    overdue: accepted so long ago that an event must have come, and not told. Late is not overdue.
    stream: one of the two ways that events take, critical or engagement: a topic, a queue and its dead-letter queue.
    orphan: an event of a message that nobody here knows, which waits for its row.

Invariants:
    Nothing here names a person: tenants, hours, counts and the names of queues are all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from core.facts import BOUNCE_FACTS, DROPPED, Fact


# What ends a message's way. An out-of-office answer comes from a mailbox that has it.
SETTLING: Final = frozenset({Fact.DELIVERY, Fact.COMPLAINT, *BOUNCE_FACTS.values(), *DROPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The accepted messages of one tenant whose calls began in one hour."""

    tenant: str
    began_at: datetime
    accepted: int
    told: int
    settled: int
    overdue: int = 0  # not told, and older than the grace


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What waits between the queues and the deliveries."""

    due: int = 0
    oldest: timedelta = timedelta(0)  # of those that are due
    orphans: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)  # of the last day, by reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A queue after a drain, and the dead-letter queue behind it."""

    name: str
    waiting: int = 0
    dead: int = 0
    oldest: timedelta | None = None  # how long what was drained last had waited; None where nothing was
    refusal: str = ""  # why it could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The newest event canary of a tenant."""

    tenant: str
    age: timedelta
    missing: Sequence[str] = ()  # the streams that have not brought it back
    refusal: str = ""  # why it could not be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """A comparison of our suppressions with one list of SES's. `tenant` is empty for the account's list."""

    tenant: str
    only_there: int = 0
    only_here: int = 0
    is_whole: bool = True
    refusal: str = ""  # why it could not be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """What a tenant has in doubt past its guard, and what was called unconfirmed in the last week."""

    tenant: str
    in_doubt: int = 0
    unconfirmed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """An anomaly that is open: a place that calls living mailboxes dead, and how many people it holds (`core.anomalies`)."""

    anomaly_id: int
    place: str
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A day's messages by SES's count and by ours.

    Ours is a range, because nobody documents to the minute where SES's day ends.
    """

    ses: float = 0.0
    at_least: int = 0
    at_most: int = 0
    refusal: str = ""  # why SES could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that one reconciliation looks at."""

    now: datetime
    grace: timedelta
    hours: Sequence[Hour] = ()
    inbox: Inbox = Inbox()
    streams: Sequence[Stream] = ()
    canaries: Sequence[Canary] = ()
    lists: Sequence[Lists] = ()
    doubtful: Sequence[Doubtful] = ()
    counts: Counts | None = None
    troubled: Sequence[Troubled] = ()
