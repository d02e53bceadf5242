"""Unsubscribes: whom a link was sent to, and that this person wants no more."""

from dataclasses import dataclass

from sqlmodel import Session

from core.suppression import Scope
from store.session import count, one, run
from store.tenants import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a delivery went to. The brand is all that a page may show."""

    brand: str
    tenant_id: int
    delivery_id: int


def addressee(session: Session, *, tenant_id: int, delivery_id: int) -> Addressee | None:
    """Return whom a delivery went to, whatever has become of contact, campaign or tenant since; None if nobody."""
    found = one(
        session,
        """SELECT tenant.name AS brand FROM delivery JOIN tenant ON tenant.id = delivery.tenant_id
           WHERE delivery.tenant_id = :tenant_id AND delivery.id = :delivery_id""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
    )
    if found is None:
        return None
    return Addressee(brand=found["brand"], tenant_id=tenant_id, delivery_id=delivery_id)


def stop(session: Session, *, tenant_id: int, delivery_id: int, scope: Scope) -> bool:
    """Suppress the person of a delivery for its audience or for the whole tenant; say whether that is new.

    One that somebody has ended since begins again: this is the person's newest word.
    """
    added = count(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, address, scope, audience_id, reason, source)
           SELECT delivery.tenant_id, delivery.recipient_key, contact.address, :scope,
                  CASE WHEN :scope = 'audience' THEN campaign.audience_id END, 'unsubscribe', 'link'
           FROM delivery
           JOIN campaign ON campaign.tenant_id = delivery.tenant_id AND campaign.id = delivery.campaign_id
           JOIN contact ON contact.tenant_id = delivery.tenant_id AND contact.id = delivery.contact_id
           WHERE delivery.tenant_id = :tenant_id AND delivery.id = :delivery_id
           ON CONFLICT ON CONSTRAINT suppression_once DO UPDATE SET expires_at = NULL, source = EXCLUDED.source
               WHERE suppression.expires_at IS NOT NULL""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
        scope=str(scope),
    )
    if added:
        _note(session, tenant_id=tenant_id, delivery_id=delivery_id, scope=scope)
    return added > 0


def _note(session: Session, *, tenant_id: int, delivery_id: int, scope: Scope) -> None:
    """Let the campaign's report count it, and the audit prove when it was."""
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
    audit(
        session,
        tenant_id=tenant_id,
        actor="recipient",
        action="suppression.unsubscribe",
        subject=f"delivery {delivery_id}",
        reason=f"scope {scope}",
    )
