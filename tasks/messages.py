"""Messages: a campaign and a claimed delivery become what SES is handed, but for the tags of the attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import headers, unsubscribe, unsubscribe_mail
from core.contexts import context_for
from core.message import Message
from core.unsubscribe import Claim, Purpose
from gateways.render_process import RemoteTemplate
from models import Campaign, Tenant
from store import auditing, campaigns, tenants
from store.deliveries import Claimed
from tasks.resources import Resources


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and under which campaign's name: what a template sees beside the contact."""

    tenant: Tenant
    campaign_name: str

    @property
    def tenant_id(self) -> int:
        """Return the id that every query takes."""
        assert self.tenant.id is not None
        return self.tenant.id


@dataclass(frozen=True, slots=True)
class Job:
    """What all messages of a campaign share."""

    tenant: Tenant
    campaign: Campaign
    template: RemoteTemplate
    from_header: str

    @property
    def voice(self) -> Voice:
        """Return who speaks."""
        return Voice(self.tenant, self.campaign.name)

    @property
    def tenant_id(self) -> int:
        """Return the id that every query takes."""
        return self.voice.tenant_id

    @property
    def campaign_id(self) -> int:
        """Return the campaign's id."""
        assert self.campaign.id is not None
        return self.campaign.id


def load_job(resources: Resources, campaign_id: int) -> Job:
    """Return a campaign with its tenant and its compiled template.

    Raises:
        NotFoundError: There is no such campaign.
        TemplateError: The pinned template does not compile.
    """
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
        sources = campaigns.template(session, tenant_id=tenant_id, digest=campaign.template_digest)
        standing = auditing.standing(session, tenant_id=tenant_id, digest=campaign.template_digest)
    from_header = headers.from_header(tenant.from_name, tenant.from_address)
    template = resources.renderer.compile(sources, owner=tenant_id)
    template.demoted = standing.is_demoted
    return Job(tenant, campaign, template, from_header)


def message_for(resources: Resources, job: Job, delivery: Claimed) -> Message:
    """Render one delivery's message.

    Raises:
        TemplateError: The template and this contact's data do not fit.
        InputError: A header of the result is not one (`header_invalid`).
    """
    links = links_of(resources, job.tenant, delivery_id=delivery.delivery_id)
    return Message(
        from_header=job.from_header,
        reply_to=job.tenant.reply_to,
        recipient=delivery.address,
        content=job.template.render(context(job.voice, delivery.address, delivery.attributes, links)),
        headers=headers.list_headers(links.unsubscribe, mailto=links.mailto),
        configuration_set=job.tenant.configuration_set,
        ses_tenant_name=job.tenant.ses_tenant_name,
    )


def context_of(resources: Resources, job: Job, delivery: Claimed) -> dict[str, Any]:
    """Return what the template sees of one delivery's contact."""
    links = links_of(resources, job.tenant, delivery_id=delivery.delivery_id)
    return context(job.voice, delivery.address, delivery.attributes, links)


def context(voice: Voice, address: str, attributes: Mapping[str, Any], links: "Links") -> dict[str, Any]:
    """Return what a template sees of one contact."""
    tenant = voice.tenant
    return context_for(
        contact={**attributes, "email": address},
        tenant={
            "name": tenant.name,
            "postal_address": tenant.postal_address,
            "from_address": tenant.from_address,
            "reply_to": tenant.reply_to,
            "website": tenant.website,
            "locale": tenant.locale,
        },
        campaign={"name": voice.campaign_name},
        unsubscribe_url=links.unsubscribe,
        preferences_url=links.preferences,
    )


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one delivery to our own doors; they name nobody."""

    unsubscribe: str  # RFC 8058
    preferences: str
    mailto: str | None  # where the tenant has an address for it


def links_of(resources: Resources, tenant: Tenant, *, delivery_id: int) -> Links:
    """Return the links of one delivery, or with `NOBODY` those of a test, which work and stop nothing."""
    assert tenant.id is not None
    key, base = resources.secrets.token_keys[0], resources.settings.public_url
    tokens = {purpose: unsubscribe.sign(Claim(tenant.id, delivery_id, purpose), key) for purpose in Purpose}
    stop, address = tokens[Purpose.UNSUBSCRIBE], tenant.policies.get("unsubscribe_address")
    return Links(
        unsubscribe=f"{base}/u/{stop}",
        preferences=f"{base}/p/{tokens[Purpose.PREFERENCES]}",
        mailto=unsubscribe_mail.mailto(address, stop) if address else None,
    )
