"""Facts: from the inbox to the deliveries that its events are about.

A batch is one transaction. Should one event break it, each event is tried alone behind a savepoint, so that a poisoned
one costs itself and nobody else.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from core import events
from core.events import Event
from store import correlation, facts, inbox, seed_sends
from store.correlation import TenantIdentity, Unknown
from store.facts import Located
from store.inbox import Transaction, Waiting
from store.session import TRANSIENT, Database
from tasks import anomalies, brakes, breakers, quarantine
from tasks.log import run_logger


# How many events one transaction applies.
BATCH: Final = 500

# A sender holds a delivery for the moment of one commit. After this many rounds in vain the next drain may try.
_ROUNDS_IN_VAIN: Final = 20
_PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of events that were due."""

    taken: int = 0
    applied: int = 0
    quarantined: int = 0
    busy: int = 0  # their deliveries were held by somebody else

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(
            taken=self.taken + other.taken,
            applied=self.applied + other.applied,
            quarantined=self.quarantined + other.quarantined,
            busy=self.busy + other.busy,
        )


def apply_due(database: Database) -> Applied:
    """Apply all events that are due, batch after batch, waiting a little for those whose delivery is held."""
    total = Applied()
    in_vain = 0
    while in_vain < _ROUNDS_IN_VAIN:
        done = _apply_batch(database)
        total += done
        if done.busy:
            in_vain += done.applied == 0
            time.sleep(_PAUSE_SECONDS)
        elif not done.taken:
            break
    return total


def _apply_batch(database: Database) -> Applied:
    try:
        return database.repeat(lambda session: _apply(session, inbox.take(session, limit=BATCH)))
    except TRANSIENT:
        raise
    except Exception:  # noqa: BLE001  # whatever one event broke, the others must not suffer from it
        run_logger().warning("a batch of events failed; each is tried alone")
        return database.repeat(_apply_one_by_one)


def _apply_one_by_one(session: Transaction) -> Applied:
    total = Applied()
    for waiting in inbox.take(session, limit=BATCH):
        try:
            with session.begin_nested():
                total += _apply(session, [waiting])
        except TRANSIENT:
            raise
        except Exception as error:  # noqa: BLE001  # see above; the row keeps the error's name
            quarantined = inbox.note_failure(session, waiting.id, type(error).__name__)
            run_logger().error("event %d failed: %s", waiting.id, type(error).__name__)
            total += Applied(taken=1, quarantined=quarantined)
    return total


@dataclass(slots=True)
class _Places:
    """Where the events of a batch belong, by inbox id."""

    deliveries: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))  # by tenant
    tests: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # by tenant
    refused: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by reason
    unknown: list[int] = field(default_factory=list)


def _apply(session: Transaction, waiting: Sequence[Waiting]) -> Applied:
    told = {one.id: event for one in waiting if (event := events.parse(one.raw)) is not None}
    places = _places(session, told)
    done = Applied(taken=len(waiting))
    # In order of tenant: whoever counts for the breakers holds a tenant's row, and nobody may wait in a circle.
    for tenant_id, deliveries in sorted(places.deliveries.items()):
        done += _apply_to(session, tenant_id, deliveries, told)
    for tenant_id, ids in places.tests.items():
        done += _apply_to_tests(session, tenant_id, ids, told)
    quarantined = inbox.wait_for_delivery(session, places.unknown) if places.unknown else 0
    for reason, ids in places.refused.items():
        quarantined += inbox.quarantine(session, ids, reason)
        run_logger().error("security: %d events in quarantine: %s", len(ids), reason)
    return done + Applied(quarantined=quarantined)


def _apply_to(
    session: Transaction, tenant_id: int, deliveries: Mapping[int, int], told: Mapping[int, Event]
) -> Applied:
    located = [Located(delivery_id=delivery, event=told[n]) for n, delivery in deliveries.items()]
    folded = facts.apply(session, tenant_id=tenant_id, located=located)
    busy = [n for n, delivery in deliveries.items() if delivery in folded.held]
    ready = [n for n, delivery in deliveries.items() if delivery not in folded.held]
    anomalies.apply(session, tenant_id, [(deliveries[n], told[n]) for n in ready])
    brakes.apply(session, tenant_id, (told[n] for n in ready))
    breakers.apply(session, tenant_id, {cell.campaign_id for cell in folded.grown})
    inbox.mark_applied(session, ready, tenant_id=tenant_id)
    inbox.put_back(session, busy)
    return Applied(applied=len(ready), busy=len(busy))


def _apply_to_tests(
    session: Transaction, tenant_id: int, ids: Sequence[int], told: Mapping[int, Event]
) -> Applied:
    of_test: dict[str, list[Event]] = defaultdict(list)
    for n in ids:
        of_test[told[n].tags.test].append(told[n])
    seed_sends.apply(session, tenant_id=tenant_id, told=of_test)
    inbox.mark_applied(session, ids, tenant_id=tenant_id)
    return Applied(applied=len(ids))


def _places(session: Transaction, told: Mapping[int, Event]) -> _Places:
    """Find the delivery of each event: by the tags of our attempt first, by the SES message id second."""
    places = _Places()
    tenants = correlation.tenants(session, {event.tags.tenant for event in told.values()} - {""})
    attempts = _attempts(session, tenants, told.values())
    tests = _tests(session, tenants, told.values())
    untold: dict[int, Event] = {}
    for n, event in told.items():
        tenant = tenants.get(event.tags.tenant)
        delivery_id = attempts.get((event.tags.tenant, event.tags.attempt))
        if tenant and (reason := _contradiction(event, tenant, delivery_id)):
            places.refused[reason].append(n)
        elif tenant and delivery_id is not None:
            places.deliveries[tenant.id][n] = delivery_id
        elif tenant and (event.tags.tenant, event.tags.test) in tests:
            places.tests[tenant.id].append(n)
        else:
            untold[n] = event
    if untold:
        _place_by_message(session, places, tenants, untold)
    return places


def _attempts(
    session: Transaction, tenants: Mapping[str, TenantIdentity], told: Collection[Event]
) -> dict[tuple[str, str], int]:
    """Return the delivery ids of the attempts that tags name, by slug and attempt id."""
    found: dict[tuple[str, str], int] = {}
    for slug, tenant in tenants.items():
        wanted = {event.tags.attempt for event in told if event.tags.tenant == slug}
        known = correlation.of_attempts(session, tenant_id=tenant.id, attempts=wanted)
        found |= {(slug, attempt): delivery for attempt, delivery in known.items()}
    return found


def _tests(
    session: Transaction, tenants: Mapping[str, TenantIdentity], told: Collection[Event]
) -> set[tuple[str, str]]:
    """Return the tests to seeds that tags name and that their tenant knows, by slug and test id."""
    found: set[tuple[str, str]] = set()
    for slug, tenant in tenants.items():
        wanted = {event.tags.test for event in told if event.tags.tenant == slug} - {""}
        if wanted:
            known = seed_sends.known(session, tenant_id=tenant.id, test_ids=wanted)
            found |= {(slug, test_id) for test_id in known}
    return found


def _contradiction(event: Event, tenant: TenantIdentity, delivery_id: int | None) -> str | None:
    reason = events.disagreement(
        event.tags, configuration_set=tenant.configuration_set, ses_tenant_name=tenant.ses_tenant_name
    )
    if reason is None and delivery_id is not None and event.tags.delivery_id not in {None, delivery_id}:
        return "the attempt is not the tagged delivery's"
    return reason


def _place_by_message(
    session: Transaction, places: _Places, tenants: Mapping[str, TenantIdentity], untold: Mapping[int, Event]
) -> None:
    owners = correlation.owners_of_attempts(session, {event.tags.attempt for event in untold.values()} - {""})
    messages = correlation.of_ses_messages(
        session, {event.ses_message_id for event in untold.values()} - {""}
    )
    lost: dict[int, dict[int, Event]] = defaultdict(dict)
    for n, event in untold.items():
        tenant = tenants.get(event.tags.tenant)
        tenant_id, delivery_id = messages.get(event.ses_message_id, (None, None))
        if not event.ses_message_id:
            places.refused["the event is about no message"].append(n)
        elif event.tags.attempt in owners or (tenant and tenant_id not in {None, tenant.id}):
            places.refused["the message is another tenant's than its tag says"].append(n)
        elif tenant_id is not None and delivery_id is not None:
            places.deliveries[tenant_id][n] = delivery_id
        elif tenant and _names_a_call(event):
            lost[tenant.id][n] = event
        else:
            places.unknown.append(n)
    for tenant_id, told in lost.items():
        _place_lost(session, places, tenant_id, told)


def _names_a_call(event: Event) -> bool:
    tags = event.tags
    return bool(tags.attempt and tags.delivery_id is not None and tags.campaign_id is not None)


def _place_lost(session: Transaction, places: _Places, tenant_id: int, told: Mapping[int, Event]) -> None:
    """Learn the calls that the ledger has lost from their events, and put it in quarantine if that is news.

    No event can name a call that was never committed, except after a commit was lost: then there may be others, of which
    no event has come yet.
    """
    learnt = correlation.learn_attempts(session, tenant_id=tenant_id, unknown=list(_unknown(told.values())))
    for n, event in told.items():
        if event.tags.attempt in learnt:
            places.deliveries[tenant_id][n] = learnt[event.tags.attempt]
        else:
            places.unknown.append(n)
    mailed = [event.mailed_at for event in told.values() if event.tags.attempt in learnt]
    if mailed:
        quarantine.note_lost(session, mailed)


def _unknown(told: Iterable[Event]) -> Iterator[Unknown]:
    for event in told:
        delivery_id, campaign_id = event.tags.delivery_id, event.tags.campaign_id
        assert delivery_id is not None
        assert campaign_id is not None
        yield Unknown(
            attempt_id=event.tags.attempt,
            delivery_id=delivery_id,
            campaign_id=campaign_id,
            mailed_at=event.mailed_at,
        )
