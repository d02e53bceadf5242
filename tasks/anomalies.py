"""Anomalies at work: note each hard bounce, ask whether it is the provider's own trouble, hold its people, tell.

All of it happens in the transaction that applies the events, so nobody ever sees a suppression that an open anomaly forbids.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from core import anomalies as rule
from core import bounces
from core.diagnostics import fingerprint, masked, text_of
from core.errors import InputError, NotFoundError
from core.events import Bounce, Event
from core.pipeline import Troubled
from core.providers import OTHER
from store import anomalies, breakers, suppressions, tenants
from store.anomalies import Told
from store.session import Session
from tasks.log import run_logger
from tasks.resources import Resources


ACTOR: Final = "posthouse"


def apply(session: Session, tenant_id: int, told: Iterable[tuple[int, Event]]) -> None:
    """Note the hard bounces among a tenant's events that were just applied, and hold whom an anomaly concerns.

    Args:
        session: The transaction of the events.
        tenant_id: Whose.
        told: Events, each with the id of its delivery.
    """
    hard = [one for delivery_id, event in told if (one := _told(delivery_id, event))]
    if not hard:
        return
    places = anomalies.note(session, tenant_id=tenant_id, told=hard)
    if breakers.are_abreast(session, tenant_id=tenant_id):
        for place, text in anomalies.bursts(session, fewest=rule.FEWEST_KNOWN, among=places):
            _judge(session, place, text)
    for anomaly in anomalies.open_at(session, places=places):
        _hold(session, anomaly["id"], anomaly["place"], anomaly["began_at"])


def _told(delivery_id: int, event: Event) -> Told | None:
    if (
        not isinstance(event.detail, Bounce)
        or bounces.classify(event.detail).cause not in rule.SAID_BY_RECEIVERS
    ):
        return None
    address = next(iter(event.recipients), "")
    said = masked(event.detail.diagnostic, event.recipients) or event.detail.status
    return Told(
        delivery_id=delivery_id,
        domain=address.rpartition("@")[2].lower(),
        text=fingerprint(text_of(said)),
        at=event.at,
    )


def _judge(session: Session, place: str, text: str) -> None:
    """Open an anomaly if the burst is one, and tell."""
    burst, began_at = anomalies.burst(session, place=place, text=text)
    if not rule.fault_of_provider(burst):
        return  # not even if nothing else was answered
    burst = replace(burst, answered=anomalies.answered(session, place=place, text=text))
    why = rule.fault_of_provider(burst)
    if not why or anomalies.is_believed(session, place=place, text=text):
        return
    said = anomalies.said_of(session, place=place, text=text)
    if anomalies.begin(session, place=place, text=text, said=said, why=why, burst=burst, began_at=began_at):
        run_logger().error(
            "%s calls living mailboxes dead: %s. Nobody is suppressed by it; hygiene rests there. It says: %s. "
            "posthouse bounces anomalies; docs/runbooks/bounce-anomaly.md",
            rule.in_words(place),
            why,
            said,
        )


def _hold(
    session: Session, anomaly_id: int, place: str, since: datetime, until: datetime | None = None
) -> int:
    """Hold the people of an anomaly, audited at each tenant; return how many suppressions were taken back."""
    why = f"anomaly {anomaly_id} at {rule.in_words(place)}"
    suppressions.acting(session, actor=ACTOR, why=why)
    ended = anomalies.hold(session, anomaly_id=anomaly_id, since=since, until=until)
    suppressions.acting(session, actor="")
    for tenant_id, people in sorted(ended.items()):
        if people:
            _audit(
                session, tenant_id, "suppression.taken_back", anomaly_id, ACTOR, f"{people:,} people: {why}"
            )
    return sum(ended.values())


def _audit(session: Session, tenant_id: int, action: str, anomaly_id: int, actor: str, reason: str) -> None:
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor=actor,
        action=action,
        subject=f"anomaly {anomaly_id}",
        reason=reason,
    )


def review(resources: Resources) -> int:
    """Judge bursts that waited for their deliveries, hold who came since, close what has gone quiet; return how many are open."""
    with resources.database.begin() as session:
        for place, text in anomalies.bursts(session, fewest=rule.FEWEST_KNOWN):
            _judge(session, place, text)
        for one in anomalies.listing(session, only_open=True):
            _hold(session, one["id"], one["place"], one["began_at"])
        for anomaly_id in anomalies.quiet(session):
            _close(session, anomaly_id, "released", ACTOR, "it has hit nobody for some hours")
            run_logger().warning("anomaly %d is over: its people are mailed again", anomaly_id)
        return len(anomalies.listing(session, only_open=True))


def decide(
    resources: Resources, anomaly_id: int, *, confirmed: bool, actor: str, reason: str
) -> dict[str, Any]:
    """Close an anomaly: its people are gone after all (`confirmed`) and suppressed, or are mailed again.

    Raises:
        InputError: There is no reason.
        NotFoundError: No anomaly of that id is open.
    """
    _wants(reason)
    decision = "confirmed" if confirmed else "released"
    with resources.database.begin() as session:
        people = _close(session, anomaly_id, decision, actor, reason)
    return {"anomaly_id": anomaly_id, "decision": decision, "people": people}


def _wants(reason: str) -> None:
    if not reason.strip():
        raise InputError("this needs a reason", hint="--reason, for whoever asks later.")


def _close(session: Session, anomaly_id: int, decision: str, actor: str, reason: str) -> int:
    suppressions.acting(session, actor=actor, why=f"anomaly {anomaly_id} {decision}: {reason}")
    people = anomalies.close(session, anomaly_id=anomaly_id, decision=decision, actor=actor, reason=reason)
    suppressions.acting(session, actor="")
    if people is None:
        raise NotFoundError(f"no anomaly {anomaly_id} is open", hint="posthouse bounces anomalies")
    for tenant_id, number in sorted(people.items()):
        _audit(session, tenant_id, f"anomaly.{decision}", anomaly_id, actor, f"{number:,} people: {reason}")
    return sum(people.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which hard bounces: at a place, from when to when, and with which answer, if not with any."""

    place: str  # a provider, or a domain that has none
    since: datetime
    until: datetime
    said: str = ""


def take_back(
    resources: Resources, window: Window, *, actor: str, reason: str, dry_run: bool = False
) -> dict[str, Any]:
    """Take back what hard bounces have suppressed in a window, at all tenants, audited; return by which answers how many.

    Args:
        resources: Of this process.
        window: Which.
        actor: Who.
        reason: Why.
        dry_run: Count, and change nothing.

    Raises:
        InputError: There is no reason.
        NotFoundError: Nobody was suppressed there then.
    """
    _wants(reason)
    with resources.database.begin() as session:
        found = _answers(session, window)
        taken = sum(_taken_back(session, row, window, actor, reason) for row in found)
        if dry_run:
            session.rollback()
    answers = [{"said": row["said"], "people": row["people"]} for row in found]
    return {"place": window.place, "taken_back": taken, "answers": answers, "dry_run": dry_run}


def _answers(session: Session, window: Window) -> list[dict[str, Any]]:
    """Return the texts of a window, each with its place, a masked answer, and how many people it has suppressed."""
    text = fingerprint(text_of(masked(window.said))) if window.said else None
    for place in (window.place, rule.place_of(OTHER, window.place)):
        found = anomalies.texts_at(session, place=place, since=window.since, until=window.until)
        rows = [dict(row) | {"place": place} for row in found if text in {None, row["text"]}]
        if rows:
            return [row | {"said": anomalies.said_of(session, place=place, text=row["text"])} for row in rows]
    raise NotFoundError(
        f"nobody at {window.place} was suppressed by such a hard bounce then",
        hint="--since and --until are UTC without an offset; --said is an answer as --dry-run shows it.",
    )


def _taken_back(session: Session, row: dict[str, Any], window: Window, actor: str, reason: str) -> int:
    """Open an anomaly by hand, hold its people and release them; one that is open goes on, and holds them."""
    place, text = row["place"], row["text"]
    burst = rule.Burst(people=row["people"], known=0, answered=0, tenants=row["tenants"])
    is_new = anomalies.begin(
        session, place=place, text=text, said=row["said"], why=reason, burst=burst, began_at=row["began_at"]
    )
    (anomaly,) = anomalies.open_at(session, places=[(place, text)])
    taken = _hold(session, anomaly["id"], place, window.since, window.until)
    if is_new:
        _close(session, anomaly["id"], "released", actor, reason)
    return taken


def listing(resources: Resources) -> list[dict[str, Any]]:
    """Return the anomalies, newest first; of those that are open `closed_at` is None."""
    shown = ("id", "place", "said", "why", "opened_at", "closed_at", "decision", "decided_by", "reason")
    with resources.database.begin() as session:
        return [
            {name: row[name] for name in (*shown, "people", "held", "tenants", "last_at")}
            for row in anomalies.listing(session)
        ]


def troubled(resources: Resources) -> list[Troubled]:
    """Return the anomalies that are open, for whoever looks for what is wrong."""
    with resources.database.begin() as session:
        return [
            Troubled(anomaly_id=row["id"], place=rule.in_words(row["place"]), held=row["held"])
            for row in anomalies.listing(session, only_open=True)
        ]
