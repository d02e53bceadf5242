"""Placing: whose an event is, and which delivery or test it is about; by our tags first, by the SES message id second."""

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core import events
from core.events import Event
from store import correlation, seed_sends
from store.correlation import TenantIdentity, Unknown
from store.inbox import Transaction
from tasks import quarantine


@dataclass(slots=True)
class Places:
    """Where the events of a batch belong, each named by the key that its caller gave it."""

    deliveries: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))  # by tenant
    tests: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # by tenant
    refused: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by reason
    unknown: list[str] = field(default_factory=list)

    def only(self, keys: Container[str]) -> "Places":
        """Return the places of some of the events."""

        def kept(told: Mapping[Any, Iterable[str]]) -> dict[Any, list[str]]:
            found = {of: [key for key in among if key in keys] for of, among in told.items()}
            return {of: among for of, among in found.items() if among}

        return Places(
            deliveries={
                tenant_id: {key: deliveries[key] for key in among}
                for tenant_id, deliveries in self.deliveries.items()
                if (among := [key for key in deliveries if key in keys])
            },
            tests=kept(self.tests),
            refused=kept(self.refused),
            unknown=[key for key in self.unknown if key in keys],
        )


def places(session: Transaction, told: Mapping[str, Event]) -> Places:
    """Find the delivery of each event: by the tags of our attempt first, by the SES message id second."""
    found = Places()
    tenants = correlation.tenants(session, {event.tags.tenant for event in told.values()} - {""})
    attempts = _attempts(session, tenants, told.values())
    tests = _tests(session, tenants, told.values())
    untold: dict[str, Event] = {}
    for n, event in told.items():
        tenant = tenants.get(event.tags.tenant)
        delivery_id = attempts.get((event.tags.tenant, event.tags.attempt))
        if tenant and (reason := _contradiction(event, tenant, delivery_id)):
            found.refused[reason].append(n)
        elif tenant and delivery_id is not None:
            found.deliveries[tenant.id][n] = delivery_id
        elif tenant and (event.tags.tenant, event.tags.test) in tests:
            found.tests[tenant.id].append(n)
        else:
            untold[n] = event
    if untold:
        _place_by_message(session, found, tenants, untold)
    return found


def _attempts(
    session: Transaction, tenants: Mapping[str, TenantIdentity], told: Collection[Event]
) -> dict[tuple[str, str], int]:
    """Return the delivery ids of the attempts that tags name, by slug and attempt id."""
    found: dict[tuple[str, str], int] = {}
    for slug, wanted in _named(tenants, ((event.tags.tenant, event.tags.attempt) for event in told)):
        known = correlation.of_attempts(session, tenant_id=tenants[slug].id, attempts=wanted)
        found |= {(slug, attempt): delivery for attempt, delivery in known.items()}
    return found


def _tests(
    session: Transaction, tenants: Mapping[str, TenantIdentity], told: Collection[Event]
) -> set[tuple[str, str]]:
    """Return the tests to seeds that tags name and that their tenant knows, by slug and test id."""
    found: set[tuple[str, str]] = set()
    for slug, wanted in _named(tenants, ((event.tags.tenant, event.tags.test) for event in told)):
        known = seed_sends.known(session, tenant_id=tenants[slug].id, test_ids=wanted)
        found |= {(slug, test_id) for test_id in known}
    return found


def _named(tenants: Container[str], tags: Iterable[tuple[str, str]]) -> Iterable[tuple[str, set[str]]]:
    """Group what tags name by the slug beside it, without what names nothing and without unknown tenants."""
    grouped: dict[str, set[str]] = defaultdict(set)
    for slug, name in tags:
        if name:
            grouped[slug].add(name)
    return [(slug, names) for slug, names in grouped.items() if slug in tenants]


def _contradiction(event: Event, tenant: TenantIdentity, delivery_id: int | None) -> str | None:
    reason = events.disagreement(
        event.tags, configuration_set=tenant.configuration_set, ses_tenant_name=tenant.ses_tenant_name
    )
    if reason is None and delivery_id is not None and event.tags.delivery_id not in {None, delivery_id}:
        return "the attempt is not the tagged delivery's"
    return reason


def _place_by_message(
    session: Transaction, places: Places, tenants: Mapping[str, TenantIdentity], untold: Mapping[str, Event]
) -> None:
    owners = correlation.owners_of_attempts(session, {event.tags.attempt for event in untold.values()} - {""})
    messages = correlation.of_ses_messages(
        session, {event.ses_message_id for event in untold.values()} - {""}
    )
    lost: dict[int, dict[str, Event]] = defaultdict(dict)
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


def _place_lost(session: Transaction, places: Places, tenant_id: int, told: Mapping[str, Event]) -> None:
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
