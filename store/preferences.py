"""Preferences: what a person has chosen of a tenant's mail, for the page on which they choose, and the choice itself.

A page is reached by a delivery, whatever has become of contact, campaign or tenant since. What it changes is the person's own:
suppressions of other reasons are shown as held, and never ended here.
"""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from core.preferences import Choice, Frequency, Source
from core.suppression import Scope
from store import suppressions, unsubscribes
from store.session import count, one, rows, run
from store.tenants import audit


_OWN = [str(source) for source in Source]
_HOLDS = "(expires_at IS NULL OR expires_at > now())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A list that a person may leave. `title` is "" if it has none for readers; `held` says that a stronger reason stops it."""

    id: int
    title: str
    wanted: bool
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for a person now. `today` and `paused_until` are days by the tenant's clock.

    `nothing` says that they have unsubscribed from everything, `held` that a reason which is not theirs to end stops all mail.
    """

    recipient_key: str
    address: str
    frequency: Frequency
    paused_until: date | None
    nothing: bool
    held: bool
    today: date
    topics: tuple[Topic, ...]


def standing(session: Session, *, tenant_id: int, delivery_id: int) -> Standing:
    """Return what holds for the person of a delivery, which must exist."""
    found = one(
        session,
        f"""SELECT d.recipient_key, c.address, k.audience_id, coalesce(p.frequency, 'all') AS frequency,
                   CASE WHEN p.paused_until > now() THEN CAST(p.paused_until AT TIME ZONE t.time_zone AS date) END AS paused_until,
                   CAST(now() AT TIME ZONE t.time_zone AS date) AS today,
                   EXISTS (SELECT FROM suppression s WHERE s.tenant_id = d.tenant_id AND s.recipient_key = d.recipient_key
                           AND s.scope = 'tenant' AND {_HOLDS} AND s.reason = 'unsubscribe' AND s.source = ANY(:own)) AS nothing,
                   EXISTS (SELECT FROM suppression s WHERE s.tenant_id = d.tenant_id AND s.recipient_key = d.recipient_key
                           AND s.scope = 'tenant' AND {_HOLDS} AND NOT (s.reason = 'unsubscribe' AND s.source = ANY(:own)))
                   OR EXISTS (SELECT FROM global_suppression g WHERE g.recipient_key = d.recipient_key AND {_HOLDS}) AS held
            FROM delivery d JOIN tenant t ON t.id = d.tenant_id
            JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
            JOIN campaign k ON k.tenant_id = d.tenant_id AND k.id = d.campaign_id
            LEFT JOIN preference p ON p.tenant_id = d.tenant_id AND p.recipient_key = d.recipient_key
            WHERE d.tenant_id = :tenant_id AND d.id = :delivery_id""",  # noqa: S608  # our own words
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        own=_OWN,
    )
    assert found is not None
    key, audience_id = found["recipient_key"], found["audience_id"]
    return Standing(
        recipient_key=key,
        address=found["address"] or "",
        frequency=Frequency(found["frequency"]),
        paused_until=found["paused_until"],
        nothing=found["nothing"],
        held=found["held"],
        today=found["today"],
        topics=_topics(session, tenant_id, key, audience_id),
    )


def _topics(session: Session, tenant_id: int, recipient_key: str, audience_id: int) -> tuple[Topic, ...]:
    """Return the lists that a person is on and that have a title, and the list of the message, which comes first."""
    found = rows(
        session,
        f"""WITH mine AS (
                SELECT m.audience_id AS id FROM contact c
                JOIN audience_member m ON m.tenant_id = c.tenant_id AND m.contact_id = c.id
                WHERE c.tenant_id = :tenant_id AND c.recipient_key = :recipient_key
            )
            SELECT a.id, a.title,
                   EXISTS (SELECT FROM suppression s WHERE s.tenant_id = a.tenant_id AND s.recipient_key = :recipient_key
                           AND s.audience_id = a.id AND {_HOLDS}) AS stopped,
                   EXISTS (SELECT FROM suppression s WHERE s.tenant_id = a.tenant_id AND s.recipient_key = :recipient_key
                           AND s.audience_id = a.id AND {_HOLDS}
                           AND NOT (s.reason = 'unsubscribe' AND s.source = ANY(:own))) AS held
            FROM audience a
            WHERE a.tenant_id = :tenant_id
              AND (a.id = :audience_id OR (a.title <> '' AND a.id IN (SELECT id FROM mine)))
            ORDER BY a.id <> :audience_id, a.title, a.id""",  # noqa: S608  # our own words
        tenant_id=tenant_id,
        recipient_key=recipient_key,
        audience_id=audience_id,
        own=_OWN,
    )
    return tuple(
        Topic(id=row["id"], title=row["title"], wanted=not row["stopped"], held=row["held"]) for row in found
    )


def save(session: Session, *, tenant_id: int, delivery_id: int, choice: Choice) -> bool:
    """Do what a person has chosen, and say whether that changed anything; the same choice again changes nothing."""
    before = standing(session, tenant_id=tenant_id, delivery_id=delivery_id)
    suppressions.acting(session, actor="recipient", why="chosen on the preference page")
    changed = _keep(session, tenant_id, before.recipient_key, choice)
    joined = 0
    if choice.nothing:
        changed += unsubscribes.stop(
            session, tenant_id=tenant_id, delivery_id=delivery_id, scope=Scope.TENANT, source=Source.PAGE
        )
    else:
        changed += unsubscribes.leave(
            session, tenant_id=tenant_id, delivery_id=delivery_id, audience_ids=choice.left
        )
        joined = unsubscribes.rejoin(
            session, tenant_id=tenant_id, recipient_key=before.recipient_key, audience_ids=choice.wanted
        )
    if changed or joined:
        _note(session, tenant_id=tenant_id, delivery_id=delivery_id, choice=choice)
    return bool(changed or joined)


def _keep(session: Session, tenant_id: int, recipient_key: str, choice: Choice) -> int:
    """Keep frequency and pause; who has never chosen anything but the usual gets no row."""
    if choice.frequency is Frequency.ALL and choice.paused_until is None:
        return count(
            session,
            """UPDATE preference SET frequency = 'all', paused_until = NULL, updated_at = now()
               WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key
                 AND (frequency <> 'all' OR paused_until IS NOT NULL)""",
            tenant_id=tenant_id,
            recipient_key=recipient_key,
        )
    return count(
        session,
        """INSERT INTO preference (tenant_id, recipient_key, frequency, paused_until)
           SELECT id, :recipient_key, :frequency, CAST(CAST(:until AS date) AS timestamp) AT TIME ZONE time_zone
           FROM tenant WHERE id = :tenant_id
           ON CONFLICT (tenant_id, recipient_key) DO UPDATE
               SET frequency = EXCLUDED.frequency, paused_until = EXCLUDED.paused_until, updated_at = now()
               WHERE (preference.frequency, preference.paused_until)
                     IS DISTINCT FROM (EXCLUDED.frequency, EXCLUDED.paused_until)""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
        frequency=str(choice.frequency),
        until=choice.paused_until,
    )


def _note(session: Session, *, tenant_id: int, delivery_id: int, choice: Choice) -> None:
    """Let the audit prove what was chosen, and when."""
    audit(
        session,
        tenant_id=tenant_id,
        actor="recipient",
        action="preferences.changed",
        subject=f"delivery {delivery_id}",
        detail={
            "nothing": choice.nothing,
            "frequency": choice.frequency,
            "paused_until": choice.paused_until,
            "wanted": sorted(choice.wanted),
            "left": sorted(choice.left),
        },
    )


def of(session: Session, *, tenant_id: int, recipient_key: str) -> dict[str, object]:
    """Return what a person has chosen: `frequency`, and `paused_until` while it lies ahead."""
    found = one(
        session,
        """SELECT frequency, CASE WHEN paused_until > now() THEN paused_until END AS paused_until FROM preference
           WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    )
    return dict(found) if found else {"frequency": str(Frequency.ALL), "paused_until": None}


def forget(session: Session, *, tenant_id: int, recipient_key: str) -> int:
    """Erase what a person has chosen; return how many rows. Unsubscribes are suppressions, and stay."""
    return run(
        session,
        "DELETE FROM preference WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    ).rowcount
