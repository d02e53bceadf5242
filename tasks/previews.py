"""Previews: what some readers of an audience would get, as a page to look at and as pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from core import headers, preview
from core.errors import InputError, TemplateError
from core.preview import HEIGHT_PIXELS, Sample
from core.sampling import Candidate
from core.unsubscribe import NOBODY
from gateways import screenshots, templates
from gateways.render_process import RemoteTemplate
from store import audiences, tenants
from tasks import spoken
from tasks.message_checks import samples
from tasks.messages import Voice, context, links_of
from tasks.resources import Resources


MOST: Final = 20
_MARGIN_PIXELS: Final = 80  # of the page around the two frames


def of_template(
    resources: Resources, *, name: str, tenant_slug: str, audience: str, limit: int = 3
) -> list[Sample]:
    """Return the messages that some contacts of an audience would get; those that differ are chosen first.

    Of a template with variants there is one for each of them and for the default files, whatever the limit. One that
    nobody of the audience reads is shown to somebody else, and its label says so.

    Raises:
        NotFoundError: There is no such tenant, audience or template.
        TemplateError: It does not compile, or does not fit any of these contacts.
    """
    sources = templates.load(resources.settings.templates_dir, name)
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        assert tenant.id is not None
        audience_id = audiences.find(session, tenant_id=tenant.id, name=audience)
    voice = Voice(tenant, name)
    template = resources.renderer.compile(sources, owner=tenant.id)
    found = readers(resources, voice, template, audience_id)
    wanted = min(max(limit, len(template.variants) + 1 if template.variants else 0), MOST)
    shown: list[Sample] = []
    problem: TemplateError | InputError | None = None
    for contact, tag, label in found:
        try:
            shown.append(sample_of(resources, voice, template, contact, tag, label))
        except (TemplateError, InputError) as error:
            problem = error
        if len(shown) == wanted:
            break
    if problem is not None and not shown:
        raise problem
    return shown


def readers(
    resources: Resources, voice: Voice, template: RemoteTemplate, audience_id: int
) -> list[tuple[Candidate, str, str]]:
    """Return contacts to show a message for, with the tags they are written to in and with labels, one for each locale first."""
    wishes = spoken.wishes(resources, voice, template, audience_id)
    found = samples(resources, voice, template, audience_id, wishes)
    if not template.variants or not found:
        return [(contact, "", f"contact {contact.id}") for contact in found]
    home = template.sources.locale
    readers = [(contact, spoken.variant_for(voice, template, contact)) for contact in found]
    firsts: dict[str, Candidate] = {}
    for contact, tag in readers:
        firsts.setdefault(tag, contact)
    stand_in = found[0]
    shown = [
        (firsts[tag], tag, f"contact {firsts[tag].id}, {tag or home}")
        if tag in firsts
        else (_reading(stand_in, tag), tag, f"contact {stand_in.id} as if they read {tag}, which nobody does")
        for tag in [*(("",) if "" in firsts else ()), *template.variants]
    ]
    others = [(contact, tag) for contact, tag in readers if firsts[tag] is not contact]
    return [
        (contact, tag or home, label)
        for contact, tag, label in [
            *shown,
            *((c, tag, f"contact {c.id}, {tag or home}") for c, tag in others),
        ]
    ]


def _reading(contact: Candidate, tag: str) -> Candidate:
    return replace(contact, attributes={**contact.attributes, "locale": tag})


def sample_of(
    resources: Resources, voice: Voice, template: RemoteTemplate, contact: Candidate, tag: str, label: str
) -> Sample:
    """Return the message of one contact, with a link that stops nothing.

    Raises:
        TemplateError: The template and this contact's data do not fit.
        InputError: A header of the result is not one.
    """
    tenant = voice.tenant
    links = links_of(resources, voice.tenant, delivery_id=NOBODY)
    sender = headers.from_header(tenant.from_name, tenant.from_address)
    return Sample(
        label=label,
        content=template.render(context(voice, contact.address, contact.attributes, links)),
        headers={
            "From": sender,
            "Reply-To": tenant.reply_to,
            **headers.list_headers(links.unsubscribe, mailto=links.mailto),
        },
        locale=tag,
    )


def write(folder: Path, title: str, shown: list[Sample], *, pictures: bool) -> list[Path]:
    """Write the page, and a picture of each sample if wanted, into a folder; return the files.

    Raises:
        ConfigurationError: Pictures are wanted, and there is no Chromium.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "preview.html"
    page.write_text(preview.page(title, shown), encoding="utf-8")
    written = [page]
    for number, sample in enumerate(shown if pictures else (), start=1):
        for device, width in (("desktop", preview.DESKTOP_PIXELS), ("phone", preview.PHONE_PIXELS)):
            single = folder / f".{number}-{device}.html"
            single.write_text(preview.single(sample, width), encoding="utf-8")
            picture = folder / f"{number}-{device}.png"
            try:
                screenshots.take(single, picture, width=max(width, 500), height=HEIGHT_PIXELS)
            finally:
                single.unlink()
            written.append(picture)
    return written
