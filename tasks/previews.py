"""Previews: what some readers of an audience would get, as a page to look at and as pictures."""

from pathlib import Path
from typing import Final

from core import headers, preview
from core.errors import InputError, TemplateError
from core.preview import HEIGHT_PIXELS, Sample
from gateways import screenshots, templates
from store import audiences, tenants
from tasks.messages import Voice, context, unsubscribe_url
from tasks.preflight import samples
from tasks.resources import Resources


MOST: Final = 20
_MARGIN_PIXELS: Final = 80  # of the page around the two frames


def of_template(
    resources: Resources, *, name: str, tenant_slug: str, audience: str, limit: int = 3
) -> list[Sample]:
    """Return the messages that some contacts of an audience would get; those that differ are chosen first.

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
    url = unsubscribe_url(resources, tenant_id=tenant.id, delivery_id=0)
    sender = headers.from_header(tenant.from_name, tenant.from_address)
    shown: list[Sample] = []
    problem: TemplateError | InputError | None = None
    for contact in samples(resources, voice, template, audience_id):
        try:
            content = template.render(context(voice, contact.address, contact.attributes, url))
        except (TemplateError, InputError) as error:
            problem = error
            continue
        names = {"From": sender, "Reply-To": tenant.reply_to, **headers.list_headers(url)}
        shown.append(Sample(label=f"contact {contact.id}", content=content, headers=names))
        if len(shown) == min(limit, MOST):
            break
    if problem is not None and not shown:
        raise problem
    return shown


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
