"""Unsubscribes: whom a link was sent to, that this person wants no more, and that they want it again."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session

from core.preferences import Source
from core.suppression import Scope
from store.session import count, one, rows, run
from store.tenants import audit


_OWN = [str(source) for source in Source]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a delivery went to: what a page may show of the tenant, and the languages that the two have said."""

    brand: str
    website: str
    postal_address: str
    contact_locale: str
    tenant_locale: str
    tenant_id: int
    delivery_id: int


def addressee(session: Session, *, tenant_id: int, delivery_id: int) -> Addressee | None:
    """Return whom a delivery went to, whatever has become of contact, campaign or tenant since; None if nobody."""
    found = one(
        session,
        """SELECT t.name AS brand, t.website, t.postal_address, t.locale AS tenant_locale,
                  coalesce(c.attributes ->> 'locale', c.attributes ->> 'language', '') AS contact_locale
           FROM delivery d JOIN tenant t ON t.id = d.tenant_id
           JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
           WHERE d.tenant_id = :tenant_id AND d.id = :delivery_id""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
    )
    return Addressee(**found, tenant_id=tenant_id, delivery_id=delivery_id) if found else None


def stop(
    session: Session, *, tenant_id: int, delivery_id: int, scope: Scope, source: Source = Source.LINK
) -> bool:
    """Suppress the person of a delivery for its audience or for the whole tenant; say whether that is new.

    One that somebody has ended since begins again: this is the person's newest word.
    """
    added = count(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, address, scope, audience_id, reason, source)
           SELECT delivery.tenant_id, delivery.recipient_key, contact.address, :scope,
                  CASE WHEN :scope = 'audience' THEN campaign.audience_id END, 'unsubscribe', :source
           FROM delivery
           JOIN campaign ON campaign.tenant_id = delivery.tenant_id AND campaign.id = delivery.campaign_id
           JOIN contact ON contact.tenant_id = delivery.tenant_id AND contact.id = delivery.contact_id
           WHERE delivery.tenant_id = :tenant_id AND delivery.id = :delivery_id
           ON CONFLICT ON CONSTRAINT suppression_once DO UPDATE SET expires_at = NULL, source = EXCLUDED.source
               WHERE suppression.expires_at IS NOT NULL""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        scope=str(scope),
        source=str(source),
    )
    if added:
        _note(session, tenant_id=tenant_id, delivery_id=delivery_id, scope=scope)
    return added > 0


def leave(session: Session, *, tenant_id: int, delivery_id: int, audience_ids: Collection[int]) -> int:
    """Suppress the person of a delivery for lists of the tenant, as they have chosen on the page; return for how many anew."""
    added = rows(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, address, scope, audience_id, reason, source)
           SELECT d.tenant_id, d.recipient_key, c.address, 'audience', a.id, 'unsubscribe', :source
           FROM delivery d JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
           JOIN audience a ON a.tenant_id = d.tenant_id AND a.id = ANY(:audience_ids)
           WHERE d.tenant_id = :tenant_id AND d.id = :delivery_id
           ORDER BY a.id
           ON CONFLICT ON CONSTRAINT suppression_once DO UPDATE SET expires_at = NULL, source = EXCLUDED.source
               WHERE suppression.expires_at IS NOT NULL
           RETURNING audience_id""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        audience_ids=sorted(audience_ids),
        source=str(Source.PAGE),
    )
    if added:
        _count_if_its_own(session, tenant_id, delivery_id, [row["audience_id"] for row in added])
    return len(added)


def rejoin(session: Session, *, tenant_id: int, recipient_key: str, audience_ids: Collection[int]) -> int:
    """End what the person themself has stopped: everything, and these lists; return how many suppressions end.

    A complaint, a bounce, an import and what an operator has entered stay, and so does an unsubscribe that came from another system.
    """
    return count(
        session,
        """UPDATE suppression SET expires_at = now()
           WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key AND reason = 'unsubscribe' AND source = ANY(:own)
             AND (audience_id IS NULL OR audience_id = ANY(:audience_ids)) AND (expires_at IS NULL OR expires_at > now())""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
        audience_ids=sorted(audience_ids),
        own=_OWN,
    )


def note_mail(session: Session, *, tenant_id: int, delivery_id: int, digest: str) -> bool:
    """Note that a mail asks to stop a delivery's list; say whether it is new. One that was read before is not heeded again.

    Else a mailbox that nobody empties would unsubscribe a person each time, who has come back since.
    """
    return bool(
        count(
            session,
            """INSERT INTO mailed_unsubscribe (tenant_id, digest, delivery_id) VALUES (:tenant_id, :digest, :delivery_id)
               ON CONFLICT DO NOTHING""",
            tenant_id=tenant_id,
            digest=digest,
            delivery_id=delivery_id,
        )
    )


def _count_if_its_own(
    session: Session, tenant_id: int, delivery_id: int, audience_ids: Collection[int]
) -> None:
    """Count an unsubscribe for the campaign if its own list was left: leaving another list is no answer to it."""
    found = one(
        session,
        """SELECT FROM delivery d JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
           WHERE d.tenant_id = :tenant_id AND d.id = :delivery_id AND c.audience_id = ANY(:audience_ids)""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        audience_ids=list(audience_ids),
    )
    if found is not None:
        _count(session, tenant_id, delivery_id, Scope.AUDIENCE)


def _note(session: Session, *, tenant_id: int, delivery_id: int, scope: Scope) -> None:
    """Let the campaign's report count it, and the audit prove when it was."""
    _count(session, tenant_id, delivery_id, scope)
    audit(
        session,
        tenant_id=tenant_id,
        actor="recipient",
        action="suppression.unsubscribe",
        subject=f"delivery {delivery_id}",
        reason=f"scope {scope}",
    )


def _count(session: Session, tenant_id: int, delivery_id: int, scope: Scope) -> None:
    run(
        session,
        """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
           VALUES (:tenant_id, :delivery_id, 'unsubscribe', now(), now(),
                   jsonb_build_object('reason', CAST(:scope AS text)))
           ON CONFLICT (tenant_id, delivery_id, fact) DO NOTHING""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        scope=str(scope),
    )
