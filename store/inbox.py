"""The inbox: every SES event as it arrived, once; and its way from waiting to applied or quarantined.

Its rows belong to no tenant until they are understood, so these functions take no `tenant_id`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from core.events import Event, dedupe_key
from core.foreign import text_of
from store.arrays import Numbers, Texts
from store.session import count, one, rows, run, tuples


# What `Database.begin()` yields, for steps that hand it on; they may not import SQLModel.
Transaction = Session

# After this an event of a message that nobody here knows waits no longer: it is another application's, or a tag is gone.
PATIENCE_HOURS: Final = 24

# A row whose application fails this often is left to a person.
MOST_TRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event at the door."""

    dedupe_key: str
    source: str  # the queue's name, "webhook" or "file"
    event_type: str
    raw: str
    sns_message_id: str | None = None
    error: str | None = None  # set on what cannot be read: it goes to quarantine at once

    @classmethod
    def of(cls, event: Event, *, raw: str, source: str) -> "Arrival":
        """Return the arrival of an event that was read from `raw`."""
        return cls(
            dedupe_key=dedupe_key(event),
            source=source,
            event_type=str(event.kind),
            raw=raw,
            sns_message_id=event.sns_message_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An event that is due."""

    id: int
    raw: str


def store(
    session: Session, arrivals: Iterable[Arrival], tenants: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Store what is not there yet and return the ids of that, by dedupe key.

    Args:
        session: The transaction.
        arrivals: What has come; several may have one key.
        tenants: Whose events these are, by key. They are marked as applied: who stores them so applies them in the same
            transaction, or puts them back.
    """
    known = tenants or {}
    # Sorted, so that two doors that store the same events at once wait for each other instead of deadlocking.
    new = sorted({one.dedupe_key: one for one in arrivals}.values(), key=lambda one: one.dedupe_key)
    if not new:
        return {}
    found = tuples(
        session,
        """INSERT INTO inbox_event
               (dedupe_key, source, event_type, raw, sns_message_id, error, quarantined_at, tenant_id, applied_at)
           SELECT dedupe_key, source, event_type, raw, sns_message_id, error,
                  CASE WHEN error IS NOT NULL THEN now() END, nullif(tenant_id, 0),
                  CASE WHEN tenant_id > 0 THEN now() END
           FROM unnest(:keys, :sources, :types, :raws, :sns_ids, :errors, :tenants)
                AS arrival (dedupe_key, source, event_type, raw, sns_message_id, error, tenant_id)
           ON CONFLICT (dedupe_key) DO NOTHING RETURNING dedupe_key, id""",
        keys=Texts(one.dedupe_key for one in new),
        sources=Texts(one.source for one in new),
        types=Texts(one.event_type for one in new),
        # Behind SQS nobody has checked it, and PostgreSQL's text knows neither NUL nor lone surrogates.
        raws=Texts(text_of(one.raw) for one in new),
        sns_ids=Texts(one.sns_message_id for one in new),
        errors=Texts(one.error for one in new),
        tenants=Numbers(known.get(one.dedupe_key, 0) for one in new),
    )
    return dict(found)


def store_many(session: Session, arrivals: Iterable[Arrival]) -> int:
    """Store what is not there yet, to be applied later, and return how many that were."""
    return len(store(session, arrivals))


# Their queue is apart from that of the others, and in the inbox they come last as well.
# In PostgreSQL's own words, so that the planner sees that the index `inbox_event_urgent` holds for it.
_URGENT: Final = "AND event_type <> ALL (ARRAY['delivery'::text, 'open'::text, 'click'::text])"


def take(session: Session, *, limit: int = 500) -> list[Waiting]:
    """Lock and return the oldest events that are due, the urgent ones first; what another worker holds is passed over."""
    urgent = _take(session, _URGENT, limit)
    return urgent or _take(session, "", limit)


def _take(session: Session, which: str, limit: int) -> list[Waiting]:
    found = tuples(
        session,
        f"""SELECT id, raw FROM inbox_event
            WHERE applied_at IS NULL AND quarantined_at IS NULL AND (not_before IS NULL OR not_before <= now()) {which}
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED""",  # noqa: S608  # `which` is one of the two above
        limit=limit,
    )
    return [Waiting(id=event_id, raw=raw) for event_id, raw in found]


def is_clear(session: Session) -> bool:
    """Whether every event was applied, is in quarantine, or is known to be about no delivery of ours.

    One whose application failed and will be tried again is none of these: it may be the very evidence that is missed.
    """
    waiting = rows(
        session,
        """SELECT FROM inbox_event
           WHERE applied_at IS NULL AND quarantined_at IS NULL AND (error IS NULL OR tries > 0) LIMIT 1""",
    )
    return not waiting


def mark_applied(session: Session, ids: Sequence[int], *, tenant_id: int) -> None:
    """Note that events changed what is known of a tenant's deliveries."""
    run(
        session,
        """UPDATE inbox_event SET applied_at = now(), tenant_id = :tenant_id, error = NULL
           WHERE id = ANY(CAST(:ids AS bigint[]))""",
        ids=list(ids),
        tenant_id=tenant_id,
    )


def put_back(session: Session, ids: Sequence[int]) -> None:
    """Let events wait a moment: somebody else holds their deliveries. This costs no try."""
    if not ids:
        return
    run(
        session,
        """UPDATE inbox_event SET not_before = now() + interval '0.2 seconds', applied_at = NULL, tenant_id = NULL
           WHERE id = ANY(CAST(:ids AS bigint[]))""",
        ids=list(ids),
    )


def wait_for_delivery(session: Session, ids: Sequence[int]) -> int:
    """Let events of unknown messages wait half as long again as they are old; return how many are too old for that.

    The delivery's row may not be visible yet, or a restored database may lag behind SES.
    """
    return count_quarantined(
        session,
        """UPDATE inbox_event SET
               not_before = now() + greatest(interval '15 seconds', least(interval '1 hour',
                                                                          (now() - received_at) / 2)),
               error = 'no delivery of ours',
               quarantined_at = CASE WHEN received_at < now() - make_interval(hours => :patience) THEN now() END
           WHERE id = ANY(CAST(:ids AS bigint[])) RETURNING quarantined_at""",
        ids=ids,
        patience=PATIENCE_HOURS,
    )


def note_failure(session: Session, event_id: int, error: str) -> int:
    """Count a failed application and try again later, or give up; return how many went to quarantine (0 or 1)."""
    return count_quarantined(
        session,
        """UPDATE inbox_event SET
               tries = tries + 1, error = :error,
               not_before = now() + least(interval '1 hour', interval '15 seconds' * power(2, tries)),
               quarantined_at = CASE WHEN tries + 1 >= :most THEN now() END
           WHERE id = ANY(CAST(:ids AS bigint[])) RETURNING quarantined_at""",
        ids=[event_id],
        error=error,
        most=MOST_TRIES,
    )


def quarantine(session: Session, ids: Sequence[int], error: str) -> int:
    """Put events aside for a person, with the reason; return how many."""
    return count_quarantined(
        session,
        """UPDATE inbox_event SET quarantined_at = now(), error = :error
           WHERE id = ANY(CAST(:ids AS bigint[])) RETURNING quarantined_at""",
        ids=ids,
        error=error,
    )


def count_quarantined(session: Session, statement: str, *, ids: Sequence[int], **values: object) -> int:
    """Run an update of events that returns `quarantined_at`, and count those that have one."""
    if not ids:
        return 0
    changed = rows(session, statement, ids=list(ids), **values)
    return sum(row["quarantined_at"] is not None for row in changed)


# What waits, for a person


def waiting(session: Session) -> dict[str, Any]:
    """Count what waits to be applied, and say how many seconds the oldest has waited that has an error and that has none."""
    row = one(
        session,
        f"""SELECT count(*) AS waiting,
                   count(*) FILTER (WHERE true {_URGENT}) AS urgent,
                   count(*) FILTER (WHERE error IS NOT NULL AND tries = 0) AS unknown,
                   count(*) FILTER (WHERE tries > 0) AS failing,
                   extract(epoch FROM now() - min(received_at) FILTER (WHERE error IS NULL))::bigint AS oldest_seconds,
                   extract(epoch FROM now() - min(received_at) FILTER (WHERE error IS NOT NULL))::bigint AS oldest_failing_seconds
            FROM inbox_event WHERE applied_at IS NULL AND quarantined_at IS NULL""",  # noqa: S608  # a constant of this module
    )
    assert row is not None
    return dict(row)


def quarantined(session: Session) -> list[dict[str, Any]]:
    """Count the quarantine by reason and by the way that the events came, with the time of the newest."""
    found = rows(
        session,
        """SELECT coalesce(error, '') AS reason, source, count(*) AS events, max(quarantined_at) AS newest_at
           FROM inbox_event WHERE quarantined_at IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2""",
    )
    return [dict(row) for row in found]


# Of these many the newest of each way is looked for: one of which there is none among them has been silent for long.
_LATELY: Final = 100_000


def last_came(session: Session) -> dict[str, int]:
    """Return how many seconds ago the newest event came, by its way, such as the name of its queue."""
    found = tuples(
        session,
        """SELECT source, extract(epoch FROM now() - max(received_at))::bigint
           FROM (SELECT source, received_at FROM inbox_event ORDER BY id DESC LIMIT :lately) AS newest GROUP BY source""",
        lately=_LATELY,
    )
    return dict(found)


def forget_raw(session: Session, *, after_days: int, quarantined_after_days: int) -> int:
    """Erase the raw text, with its addresses, of events applied or put aside so long ago; return how many.

    The rows stay: their keys still recognise a copy that comes back from a dead-letter queue or a file.
    """
    return count(
        session,
        """UPDATE inbox_event SET raw = '' WHERE raw <> '' AND (
               applied_at < now() - make_interval(days => :days)
               OR quarantined_at < now() - make_interval(days => :quarantined_days))""",
        days=after_days,
        quarantined_days=quarantined_after_days,
    )
