"""Message checks: what messages to real contacts of an audience show, before the first one leaves.

Among the contacts are some that lack each field that the template names: a misspelt field is found before mail 1, not at
mail 40,001. The others are chosen because they differ (`core/sampling.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core import headers, preflight, sampling
from core.errors import InputError, TemplateError
from core.preflight import Finding
from core.sampling import Candidate
from core.unsubscribe import NOBODY
from gateways.render_process import RemoteTemplate
from store import preflight as records
from store import sending_domains
from tasks import spoken
from tasks.messages import Voice, context, links_of
from tasks.resources import Resources
from tasks.spoken import Wish


def findings(
    resources: Resources, voice: Voice, template: RemoteTemplate, *, audience_id: int
) -> list[Finding]:
    """Render the messages of some contacts; each finding names three of those that show it, by id, and their locales."""
    with resources.database.begin() as session:
        domains = [row["domain"] for row in sending_domains.of_tenant(session, tenant_id=voice.tenant_id)]
    wishes = spoken.wishes(resources, voice, template, audience_id)
    shown: dict[Finding, list[Candidate]] = {}
    for contact in samples(resources, voice, template, audience_id, wishes):
        for finding in _findings_of(resources, voice, template, contact, domains):
            shown.setdefault(finding, []).append(contact)
    told = [_with_contacts(voice, template, finding, contacts) for finding, contacts in shown.items()]
    return told + spoken.findings(template, wishes)


def _with_contacts(
    voice: Voice, template: RemoteTemplate, finding: Finding, contacts: Sequence[Candidate]
) -> Finding:
    ids = ", ".join(str(contact.id) for contact in contacts[:3])
    home = template.sources.locale
    tags = {spoken.variant_for(voice, template, contact) or home for contact in contacts}
    if not template.variants:
        return replace(finding, message=f"{finding.message} (contacts {ids})")
    where = ", ".join(sorted(tags))
    return replace(
        finding, message=f"{finding.message} (in {where}; contacts {ids})", locales=tuple(sorted(tags))
    )


def samples(
    resources: Resources,
    voice: Voice,
    template: RemoteTemplate,
    audience_id: int,
    wishes: Iterable[Wish] = (),
) -> list[Candidate]:
    """Return contacts that differ, some that lack a field the template names, and one for each of the audience's wishes."""
    audience = {"tenant_id": voice.tenant_id, "audience_id": audience_id}
    fields = _contact_fields(template)
    with resources.database.begin() as session:
        pool = [Candidate(**row) for row in records.spread(session, **audience)]
        found = sampling.choose(pool, fields=fields)
        found += [Candidate(**row) for row in records.lacking(session, **audience, attributes=fields)]
    found += spoken.readers(wishes)
    return sorted({contact.id: contact for contact in found}.values(), key=lambda contact: contact.id)


def _contact_fields(template: RemoteTemplate) -> list[str]:
    """Return the attributes of a contact that the template names; the address every contact has."""
    names = {field.split(".")[1] for field in template.fields if field.startswith("contact.")}
    return sorted(names - {"email"})


def _findings_of(
    resources: Resources,
    voice: Voice,
    template: RemoteTemplate,
    contact: Candidate,
    domains: Sequence[str],
) -> list[Finding]:
    links = links_of(resources, voice.tenant, delivery_id=NOBODY)
    try:
        content = template.render(context(voice, contact.address, contact.attributes, links))
    except (TemplateError, InputError) as error:
        return [preflight.forbid(error.code, error.message, "template", error.hint)]
    sender = headers.from_header(voice.tenant.from_name, voice.tenant.from_address)
    return preflight.check_message(
        content,
        headers={
            "From": sender,
            "Reply-To": voice.tenant.reply_to,
            **headers.list_headers(links.unsubscribe, mailto=links.mailto),
        },
        postal_address=voice.tenant.postal_address,
        unsubscribe_url=links.unsubscribe,
        preferences_url=links.preferences,
        recipient=contact.address,
        sending_domains=domains,
        lang=spoken.language_of(voice, template, contact),
    )
