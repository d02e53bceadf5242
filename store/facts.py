"""Facts: what events change: facts, ledger, suppressions, engagement. Whose they are, `store.correlation` says.

Everything is done for many events of one tenant at once. `core.facts` folds; this module loads and records.

As in `store.deliveries` a batch names the tenant of each of its rows and is `MATERIALIZED`, and what is looked up for a row
stands in a `LATERAL` query of one row: without statistics the planner otherwise reads whole tables, or whole tenants,
for a few events. One hour's fold in a table of five million rows that nobody had analysed took 10 s for each 500 events.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlmodel import Session

from core import facts
from core.breaker_counts import RESOLVING, Cell, Moved
from core.breakers import Counts
from core.deliveries import Move, State, sources
from core.events import Event
from core.facts import DROPPED, HUMAN_ENGAGEMENT, Fact, Facts, Seen
from core.suppression import Reason
from store import breakers
from store.arrays import Moments, Numbers, Texts
from store.session import count, run, tuples


class Located(NamedTuple):
    """An event whose delivery is known."""

    delivery_id: int
    event: Event


class _Ledger(NamedTuple):
    """What the ledger says of a delivery before its events are applied."""

    state: State
    ses_message_id: str | None
    submitted_at: datetime | None
    campaign_id: int
    provider: str
    outcome_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What became of events: the deliveries that somebody else holds, whose events must wait, and the counts that changed."""

    held: set[int]
    grown: dict[Cell, Counts]


def apply(session: Session, *, tenant_id: int, located: Sequence[Located]) -> Folded:
    """Record what events say, and count it for the breakers."""
    ledger = _lock(session, tenant_id=tenant_id, delivery_ids={one.delivery_id for one in located})
    told: dict[int, list[Event]] = defaultdict(list)
    for delivery_id, event in located:
        if delivery_id in ledger:
            told[delivery_id].append(event)
    known = _known(session, tenant_id=tenant_id, delivery_ids=told.keys())
    news = {delivery: facts.fold_distinct(events) for delivery, events in told.items()}
    whole = {
        delivery: _with(ledger[delivery], known.get(delivery, {}), new) for delivery, new in news.items()
    }
    _write(session, tenant_id=tenant_id, known=known, whole=whole)
    _settle(session, tenant_id=tenant_id, ledger=ledger, whole=whole)
    suppress(session, tenant_id=tenant_id, news=news)
    _note_engagement(session, tenant_id=tenant_id, news=news)
    moved = [
        Moved(delivery, ledger[delivery].campaign_id, ledger[delivery].provider, before, after)
        for delivery, after in whole.items()
        # An open of what is resolved moves no count.
        if (before := known.get(delivery, {})).get(Fact.SENT) is not after[Fact.SENT]
        or not RESOLVING.isdisjoint(news[delivery])
    ]
    grown = breakers.count(session, tenant_id=tenant_id, moved=moved)
    return Folded(held={one.delivery_id for one in located} - ledger.keys(), grown=grown)


def of_delivery(session: Session, *, tenant_id: int, delivery_id: int) -> dict[Fact, Seen]:
    """Return what is known of one delivery."""
    return _known(session, tenant_id=tenant_id, delivery_ids=[delivery_id]).get(delivery_id, {})


def _lock(session: Session, *, tenant_id: int, delivery_ids: Collection[int]) -> dict[int, _Ledger]:
    """Lock the deliveries that nobody holds; not waiting for the others, we cannot deadlock with a sender."""
    found = tuples(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, unnest(:ids) AS id
           )
           SELECT d.id, d.state, d.ses_message_id, d.submitted_at, d.campaign_id, d.provider, d.outcome_code
           FROM wanted w JOIN delivery d ON d.tenant_id = w.tenant_id AND d.id = w.id
           FOR NO KEY UPDATE OF d SKIP LOCKED""",
        tenant_id=tenant_id,
        ids=Numbers(delivery_ids),
    )
    return {delivery: _Ledger(_STATES[state], *others) for delivery, state, *others in found}


_STATES: Final = {str(state): state for state in State}
_FACTS: Final = {str(fact): fact for fact in Fact}
_EMPTY: Final[Mapping[str, object]] = {}


def _known(session: Session, *, tenant_id: int, delivery_ids: Collection[int]) -> dict[int, dict[Fact, Seen]]:
    found = tuples(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, unnest(:ids) AS delivery_id
           )
           SELECT f.delivery_id, f.fact, f.first_at, f.last_at, f.times, nullif(f.detail, '{}')
           FROM wanted w JOIN delivery_fact f ON f.tenant_id = w.tenant_id AND f.delivery_id = w.delivery_id""",
        tenant_id=tenant_id,
        ids=Numbers(delivery_ids),
    )
    known: dict[int, dict[Fact, Seen]] = defaultdict(dict)
    for delivery, fact, first_at, last_at, times, detail in found:
        known[delivery][_FACTS[fact]] = Seen(
            first_at=first_at, last_at=last_at, times=times, detail=detail or _EMPTY
        )
    return known


def _with(ledger: _Ledger, known: Facts, new: Facts) -> dict[Fact, Seen]:
    """Join old and new facts, and the message id of the API's answer, should no event have told of it yet."""
    whole = facts.joined(known, new)
    answered = ledger.ses_message_id
    if answered is None or answered in whole[Fact.SENT].detail["ses_message_ids"]:
        return whole
    at = ledger.submitted_at or whole[Fact.SENT].first_at
    return facts.joined(whole, {Fact.SENT: facts.sent_as({answered: at})})


def _write(
    session: Session, *, tenant_id: int, known: Mapping[int, Facts], whole: Mapping[int, Facts]
) -> None:
    """Store the facts that changed; the deliveries are locked, so nothing can have changed meanwhile."""
    changed = [
        (delivery, fact, seen)
        for delivery, found in whole.items()
        for fact, seen in found.items()
        if (before := known.get(delivery, {}).get(fact)) is not seen and before != seen
    ]
    # By their keys, so that entries of an index that belong together are made together.
    changed.sort(key=lambda one: one[:2])
    run(
        session,
        """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, times, detail)
           SELECT :tenant_id, delivery_id, fact, first_at, last_at, times, CAST(detail AS jsonb)
           FROM unnest(:deliveries, :facts, :firsts, :lasts, :times, :details)
                AS f (delivery_id, fact, first_at, last_at, times, detail)
           ON CONFLICT (tenant_id, delivery_id, fact) DO UPDATE SET
               first_at = EXCLUDED.first_at, last_at = EXCLUDED.last_at,
               times = EXCLUDED.times, detail = EXCLUDED.detail""",
        tenant_id=tenant_id,
        deliveries=Numbers(delivery for delivery, _, _ in changed),
        facts=Texts(str(fact) for _, fact, _ in changed),
        firsts=Moments(seen.first_at for _, _, seen in changed),
        lasts=Moments(seen.last_at for _, _, seen in changed),
        times=Numbers(seen.times for _, _, seen in changed),
        details=Texts(json.dumps(seen.detail) if seen.detail else "{}" for _, _, seen in changed),
    )


# An event proves that SES took the message. Reject and Rendering Failure prove besides that it then dropped it, so
# they also undo a `sent` that the API's answer, or an event that came first, has set.
_EVIDENCE: Final = sources(Move.EVIDENCE)
_DROPPED_FROM: Final = sources(Move.DROPPED)


def _settle(
    session: Session, *, tenant_id: int, ledger: Mapping[int, _Ledger], whole: Mapping[int, Facts]
) -> None:
    """Move the ledger by what is proven; a late answer of the API then finds nothing left to do."""
    dropped = {delivery: min(DROPPED.intersection(found), default=None) for delivery, found in whole.items()}
    moved = [
        delivery
        for delivery, how in dropped.items()
        if ledger[delivery].state in (_DROPPED_FROM if how else _EVIDENCE)
        # Of two reasons to drop one message the same is kept in whatever order they come.
        or (how and how < (ledger[delivery].outcome_code or "") in DROPPED)
    ]
    if not moved:
        return
    run(
        session,
        """WITH proven AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
               FROM unnest(:ids, :ses_message_ids, :dropped) AS w (id, ses_message_id, dropped)
           )
           UPDATE delivery SET
               state = CASE WHEN proven.dropped IS NULL THEN 'sent' ELSE 'failed' END,
               outcome_code = coalesce(proven.dropped, outcome_code),
               ses_message_id = coalesce(delivery.ses_message_id, proven.ses_message_id),
               resolved_by = 'event', resolved_at = now(),
               claim_token = NULL, lease_until = NULL, not_before = NULL
           FROM proven
           WHERE delivery.tenant_id = proven.tenant_id AND delivery.id = proven.id""",
        tenant_id=tenant_id,
        ids=Numbers(moved),
        ses_message_ids=Texts(_first_message(whole[delivery][Fact.SENT]) for delivery in moved),
        dropped=Texts(dropped[delivery] for delivery in moved),
    )


def _first_message(sent: Seen) -> str:
    accepted: Mapping[str, str] = sent.detail["ses_message_ids"]
    return min(accepted, key=lambda name: (accepted[name], name))


# What makes an address unwelcome at once. Everything weaker is for `store.hygiene`, which looks at a history.
SUPPRESSING: Final[dict[Fact, Reason]] = {
    Fact.COMPLAINT: Reason.COMPLAINT,
    Fact.UNSUBSCRIBE: Reason.UNSUBSCRIBE,
    Fact.BOUNCE_PERMANENT: Reason.HARD_BOUNCE,
}


def suppress(session: Session, *, tenant_id: int, news: Mapping[int, Facts]) -> int:
    """Suppress the people of hard bounces and complaints for the whole tenant; return how many are new.

    A suppression that somebody has ended (`expires_at`) begins again only when the event is younger than its end.
    """
    unwelcome = [
        (delivery, reason, seen)
        for delivery, found in news.items()
        for fact, reason in SUPPRESSING.items()
        if (seen := found.get(fact)) is not None
    ]
    if not unwelcome:
        return 0
    return count(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, address, scope, reason, source, detail)
           SELECT DISTINCT ON (person.recipient_key, told.reason)
                  :tenant_id, person.recipient_key, person.address, 'tenant', told.reason, 'ses', told.detail
           FROM unnest(CAST(:deliveries AS bigint[]), CAST(:reasons AS text[]), CAST(:details AS text[]),
                       CAST(:moments AS timestamptz[])) AS told (delivery_id, reason, detail, at)
           CROSS JOIN LATERAL (
               SELECT delivery.recipient_key, contact.address
               FROM delivery JOIN contact ON contact.tenant_id = delivery.tenant_id AND contact.id = delivery.contact_id
               WHERE delivery.tenant_id = :tenant_id AND delivery.id = told.delivery_id LIMIT 1) AS person
           LEFT JOIN LATERAL (
               SELECT id, expires_at FROM suppression
               WHERE tenant_id = :tenant_id AND recipient_key = person.recipient_key
                 AND scope = 'tenant' AND reason = told.reason LIMIT 1) AS old ON true
           WHERE old.id IS NULL OR old.expires_at < told.at
           ORDER BY person.recipient_key, told.reason, told.at DESC
           ON CONFLICT ON CONSTRAINT suppression_once DO UPDATE
               SET expires_at = NULL, detail = EXCLUDED.detail, source = EXCLUDED.source""",
        tenant_id=tenant_id,
        deliveries=[delivery for delivery, _, _ in unwelcome],
        reasons=[str(reason) for _, reason, _ in unwelcome],
        details=[str(seen.detail.get("reason", "")) for _, _, seen in unwelcome],
        moments=[seen.last_at for _, _, seen in unwelcome],
    )


def _note_engagement(session: Session, *, tenant_id: int, news: Mapping[int, Facts]) -> None:
    """Remember when people last opened or clicked. A time in the future would keep a silent contact for ever."""
    engaged = [
        (delivery, seen.last_at)
        for delivery, found in news.items()
        for fact, seen in found.items()
        if fact in HUMAN_ENGAGEMENT
    ]
    if not engaged:
        return
    run(
        session,
        """WITH told AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, delivery.contact_id, least(max(w.at), now()) AS at
               FROM unnest(CAST(:deliveries AS bigint[]), CAST(:moments AS timestamptz[])) AS w (delivery_id, at)
               CROSS JOIN LATERAL (
                   SELECT contact_id FROM delivery WHERE tenant_id = :tenant_id AND id = w.delivery_id LIMIT 1) AS delivery
               GROUP BY delivery.contact_id
           )
           UPDATE contact SET engaged_at = told.at
           FROM told
           WHERE contact.tenant_id = told.tenant_id AND contact.id = told.contact_id
             AND (contact.engaged_at IS NULL OR contact.engaged_at < told.at)""",
        tenant_id=tenant_id,
        deliveries=[delivery for delivery, _ in engaged],
        moments=[at for _, at in engaged],
    )
