"""Facts: from a queue's messages, or from the inbox, to the deliveries that their events are about.

Events that have just come are stored and applied in one transaction: nobody then reads them again, and their rows in the inbox
are written once. What cannot be applied at once (its delivery is unknown, or held by a sender) waits in the inbox. Should
anything at all break that transaction, the events are stored and nothing else, and applied from there like those of the webhook.

A batch from the inbox is one transaction too. Should one event break it, the batch is halved behind savepoints until the event
stands alone, so that a poisoned one costs itself and nobody else.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core import events
from core.errors import PosthouseError
from core.events import Event
from store import facts, inbox, seed_sends
from store.facts import Located
from store.inbox import Arrival, Transaction, Waiting
from store.session import TRANSIENT, Database
from tasks import anomalies, brakes, breakers, placing
from tasks.log import run_logger


# How many events one transaction applies. Measured in CPU of both sides: with 500 an event costs a tenth more, with 5,000 no less.
BATCH: Final = 2000

# A sender holds a delivery for the moment of one commit. After this many rounds in vain the next drain may try.
_ROUNDS_IN_VAIN: Final = 20
_PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of events: `new` ones were not in the inbox before, `busy` ones wait for whoever holds their delivery."""

    taken: int = 0
    new: int = 0
    applied: int = 0
    quarantined: int = 0
    busy: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(
            taken=self.taken + other.taken,
            new=self.new + other.new,
            applied=self.applied + other.applied,
            quarantined=self.quarantined + other.quarantined,
            busy=self.busy + other.busy,
        )


# What has just come


@dataclass(frozen=True, slots=True)
class Read:
    """An event that was read, and how the inbox is to keep it."""

    event: Event
    arrival: Arrival


def take_in(database: Database, read: Sequence[Read]) -> Applied:
    """Store events and apply those that are new, in one transaction; or store them only, should one of them break it."""
    try:
        return database.repeat(lambda session: _take_in(session, read))
    except (*TRANSIENT, PosthouseError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever one event broke, none may be lost
        run_logger().warning("%d events are stored and applied later: %s", len(read), type(error).__name__)
        new = database.repeat(lambda session: inbox.store_many(session, [one.arrival for one in read]))
        return Applied(taken=len(read), new=new)


def _take_in(session: Transaction, read: Sequence[Read]) -> Applied:
    of_key = {one.arrival.dedupe_key: one for one in read}
    told = {key: one.event for key, one in of_key.items()}
    places = placing.places(session, told)
    tenants = {key: tenant_id for tenant_id, placed in places.deliveries.items() for key in placed}
    tenants |= {key: tenant_id for tenant_id, keys in places.tests.items() for key in keys}
    ids = inbox.store(session, [one.arrival for one in of_key.values()], tenants)
    if len(ids) < len(told):
        places = places.only(ids)
    done = _record(session, places, told)
    inbox.put_back(session, [ids[key] for key in done.busy])
    quarantined = _put_aside(session, places, ids)
    return Applied(
        taken=len(read),
        new=len(ids),
        applied=len(done.ready),
        quarantined=quarantined,
        busy=len(done.busy),
    )


# What waits


def apply_due(database: Database) -> Applied:
    """Apply all events that are due, batch after batch, waiting a little for those whose delivery is held."""
    total = Applied()
    in_vain = 0
    while in_vain < _ROUNDS_IN_VAIN:
        done = apply_some(database)
        total += done
        if done.busy:
            in_vain += done.applied == 0
            time.sleep(_PAUSE_SECONDS)
        elif not done.taken:
            break
    return total


def apply_some(database: Database) -> Applied:
    """Apply one batch of the events that are due, the urgent ones first."""
    return database.repeat(lambda session: _apply(session, inbox.take(session, limit=BATCH)))


def _apply(session: Transaction, waiting: Sequence[Waiting]) -> Applied:
    """Apply events; of those that break it, leave each to itself."""
    if not waiting:
        return Applied()
    try:
        with session.begin_nested():
            return _apply_together(session, waiting)
    except TRANSIENT:
        raise
    except Exception as error:  # noqa: BLE001  # whatever one event broke, the others must not suffer from it
        if len(waiting) > 1:
            half = len(waiting) // 2
            return _apply(session, waiting[:half]) + _apply(session, waiting[half:])
        quarantined = inbox.note_failure(session, waiting[0].id, type(error).__name__)
        run_logger().error("event %d failed: %s", waiting[0].id, type(error).__name__)
        return Applied(taken=1, quarantined=quarantined)


def _apply_together(session: Transaction, waiting: Sequence[Waiting]) -> Applied:
    told = {str(one.id): event for one in waiting if (event := events.parse(one.raw)) is not None}
    places = placing.places(session, told)
    done = _record(session, places, told)
    for tenant_id, keys in done.of_tenant.items():
        inbox.mark_applied(session, [int(key) for key in keys], tenant_id=tenant_id)
    inbox.put_back(session, [int(key) for key in done.busy])
    quarantined = _put_aside(session, places, {key: int(key) for key in told})
    return Applied(taken=len(waiting), applied=len(done.ready), quarantined=quarantined, busy=len(done.busy))


# Both


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The events that changed what is known, by tenant, and those whose delivery somebody holds."""

    of_tenant: Mapping[int, Sequence[str]]
    busy: Sequence[str]

    @property
    def ready(self) -> list[str]:
        return [key for keys in self.of_tenant.values() for key in keys]


def _record(session: Transaction, places: placing.Places, told: Mapping[str, Event]) -> _Recorded:
    of_tenant: dict[int, list[str]] = defaultdict(list)
    busy: list[str] = []
    # In order of tenant: whoever counts for the breakers holds a tenant's row, and nobody may wait in a circle.
    for tenant_id, deliveries in sorted(places.deliveries.items()):
        held = _record_for(session, tenant_id, deliveries, told)
        of_tenant[tenant_id] += [key for key, delivery in deliveries.items() if delivery not in held]
        busy += [key for key, delivery in deliveries.items() if delivery in held]
    for tenant_id, keys in places.tests.items():
        _record_tests(session, tenant_id, keys, told)
        of_tenant[tenant_id] += keys
    return _Recorded(of_tenant, busy)


def _record_for(
    session: Transaction, tenant_id: int, deliveries: Mapping[str, int], told: Mapping[str, Event]
) -> Collection[int]:
    """Record the events of a tenant; return the deliveries that somebody else holds."""
    located = [Located(delivery, told[key]) for key, delivery in deliveries.items()]
    folded = facts.apply(session, tenant_id=tenant_id, located=located)
    ready = [one for one in located if one.delivery_id not in folded.held]
    anomalies.apply(session, tenant_id, ready)
    brakes.apply(session, tenant_id, (one.event for one in ready))
    breakers.apply(session, tenant_id, {cell.campaign_id for cell in folded.grown})
    return folded.held


def _record_tests(
    session: Transaction, tenant_id: int, keys: Sequence[str], told: Mapping[str, Event]
) -> None:
    of_test: dict[str, list[Event]] = defaultdict(list)
    for key in keys:
        of_test[told[key].tags.test].append(told[key])
    seed_sends.apply(session, tenant_id=tenant_id, told=of_test)


def _put_aside(session: Transaction, places: placing.Places, ids: Mapping[str, int]) -> int:
    """Let events of unknown messages wait, and those that contradict themselves for a person; return how many the latter are."""
    quarantined = inbox.wait_for_delivery(session, [ids[key] for key in places.unknown])
    for reason, keys in places.refused.items():
        quarantined += inbox.quarantine(session, [ids[key] for key in keys], reason)
        run_logger().error("security: %d events in quarantine: %s", len(keys), reason)
    return quarantined
