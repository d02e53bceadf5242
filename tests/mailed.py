"""Builders for what SES reports on: a tenant's campaign with one delivery whose call has begun, and events of it."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from models import Audience, AudienceMember, Campaign, Contact, SendingDomain, TemplateVersion, Tenant
from store.session import one, run


SAMPLES = Path(__file__).resolve().parent / "data" / "ses"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Mailed:
    """Ids of one delivery and of everything that it hangs on."""

    tenant_id: int
    slug: str
    audience_id: int
    campaign_id: int
    contact_id: int
    recipient_key: str
    delivery_id: int
    attempt_id: str


def a_campaign(session: Session, slug: str = "") -> Mailed:
    """A tenant with a campaign; nobody has been mailed yet, so the delivery is 0."""
    slug = slug or f"acme-{next(_numbers)}"
    tenant = Tenant(slug=slug, name="Acme Travel", from_name="Acme", from_address="news@acme.example",
                    reply_to="hi@acme.example", postal_address="1 Main St", configuration_set=f"{slug}-set",
                    ses_tenant_name=slug)  # fmt: skip
    session.add(tenant)
    session.flush()
    tenant_id = tenant.id
    audience = Audience(tenant_id=tenant_id, name="readers")
    domain = SendingDomain(tenant_id=tenant_id, domain="acme.example")
    session.add_all([audience, domain, TemplateVersion(tenant_id=tenant_id, digest="d", name="newsletter")])
    session.flush()
    campaign = Campaign(tenant_id=tenant_id, name="Spring", audience_id=audience.id, sending_domain_id=domain.id, template_digest="d")  # fmt: skip
    session.add(campaign)
    session.flush()
    return Mailed(tenant_id, slug, audience.id, campaign.id, 0, "", 0, "")


def another_campaign(session: Session, campaign: Mailed) -> Mailed:
    """The same tenant's next campaign to the same audience."""
    row = one(
        session,
        """INSERT INTO campaign (tenant_id, name, audience_id, sending_domain_id, template_digest)
           SELECT tenant_id, name, audience_id, sending_domain_id, template_digest FROM campaign
           WHERE tenant_id = :tenant_id AND id = :id RETURNING id""",
        tenant_id=campaign.tenant_id,
        id=campaign.campaign_id,
    )
    return Mailed(**vars(campaign) | {"campaign_id": row["id"]})


def a_contact(session: Session, campaign: Mailed, address: str = "", **columns: Any) -> Contact:
    """A member of the campaign's audience; one address has one recipient key."""
    address = address or f"reader{next(_numbers)}@example.net"
    contact = Contact(tenant_id=campaign.tenant_id, address=address, recipient_key=f"key of {address.lower()}", **columns)  # fmt: skip
    session.add(contact)
    session.flush()
    session.add(AudienceMember(tenant_id=campaign.tenant_id, audience_id=campaign.audience_id, contact_id=contact.id))  # fmt: skip
    session.flush()
    return contact


def a_delivery(
    session: Session,
    campaign: Mailed | None = None,
    contact: Contact | None = None,
    state: str = "submitting",
) -> Mailed:
    """A delivery with one attempt."""
    campaign = campaign or a_campaign(session)
    contact = contact or a_contact(session, campaign)
    attempt_id = f"attempt-{next(_numbers)}"
    row = one(
        session,
        """INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, state, attempt_id, attempt_no,
                                 submitted_at, claim_token, lease_until, skip_reason)
           VALUES (:tenant_id, :campaign_id, :contact_id, :key, :state, :attempt_id, 1, now(), 'a worker',
                   now() + interval '90 seconds', CASE WHEN :state = 'skipped' THEN 'cancelled' END)
           RETURNING id""",
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.campaign_id,
        contact_id=contact.id,
        key=contact.recipient_key,
        state=state,
        attempt_id=attempt_id,
    )
    run(
        session,
        "INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id) VALUES (:tenant_id, :attempt_id, :id)",
        tenant_id=campaign.tenant_id,
        attempt_id=attempt_id,
        id=row["id"],
    )
    return Mailed(
        **vars(campaign)
        | {
            "contact_id": contact.id,
            "recipient_key": contact.recipient_key,
            "delivery_id": row["id"],
            "attempt_id": attempt_id,
        }
    )


def tags_of(mailed: Mailed) -> dict[str, list[str]]:
    """The tags that SES repeats in every event of a message."""
    return {
        "tenant": [mailed.slug],
        "campaign": [str(mailed.campaign_id)],
        "delivery": [str(mailed.delivery_id)],
        "attempt": [mailed.attempt_id],
        "ses:configuration-set": [f"{mailed.slug}-set"],
        "ses:tenant-name": [mailed.slug],
    }


def an_event(sample: str, mailed: Mailed | None, **changes: Any) -> str:
    """A sample as SES would send it of this delivery; `bounce__status="x"` changes a member of an object.

    Without a delivery the tags stay those of somebody else's message.
    """
    document = json.loads((SAMPLES / f"{sample}.json").read_text())
    if mailed is not None:
        document["mail"]["tags"] = tags_of(mailed)
        document["mail"]["messageId"] = f"ses-{mailed.attempt_id}"
    for path, value in changes.items():
        member, field = path.split("__")
        document[member][field] = value
    return json.dumps(document)


def suppressions_of(session: Session, mailed: Mailed) -> list[tuple[str, str, str | None, str, str]]:
    """Reason, scope, address, source and detail of a person's suppressions."""
    found = run(
        session,
        """SELECT reason, scope, address, source, detail FROM suppression
           WHERE tenant_id = :tenant_id AND recipient_key = :key ORDER BY reason""",
        tenant_id=mailed.tenant_id,
        key=mailed.recipient_key,
    )
    return [tuple(row) for row in found]


def state_of(session: Session, mailed: Mailed) -> str:
    """Where the delivery stands."""
    row = one(session, "SELECT state FROM delivery WHERE id = :id", id=mailed.delivery_id)
    assert row is not None
    return row["state"]
