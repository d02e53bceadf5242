"""Templates: publish what stands in a folder, so that it can be named, compared and sent again unchanged."""

import time
from dataclasses import dataclass
from typing import Any

from core import locales
from core.errors import InputError
from core.rendering import TemplateSources
from gateways import templates as folders
from store import campaigns, tenants
from store import templates as versions
from store.session import Session
from store.templates import Version
from tasks import spoken
from tasks.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did."""

    name: str
    number: int
    is_new: bool
    digest: str
    inlining: str
    why: str
    fields: list[str]
    shared_characters: int
    locales: list[dict[str, Any]]
    seconds: float

    def in_words(self) -> str:
        """Return it as a person would tell it."""
        told = f"{self.name} is published as version {self.number}"
        if not self.is_new:
            told = f"{self.name} has not changed since version {self.number}"
        fields = ", ".join(self.fields) or "none"
        return (
            f"{told} ({self.digest[:12]}). CSS is inlined {self.inlining}: {self.why.rstrip('.')}. "
            f"Fields: {fields}. All messages share {self.shared_characters:,} characters.{self._locales_in_words()}"
        )

    def _locales_in_words(self) -> str:
        """Return what there is for which locale, nothing of a template without variants."""
        if not self.locales:
            return ""
        own = locales.in_words({each["locale"]: each["overrides"] for each in self.locales})
        told = [f" Locales: {own}; everybody else gets the default files."]
        told += [
            f" {each['locale']}: CSS is inlined each: {each['why'].rstrip('.')}."
            for each in self.locales
            if each["inlining"] == "each"
        ]
        told += [
            f" {each['locale']}: {' and '.join(each['mixed'])} in another language; add a file or leave it so."
            for each in self.locales
            if each["mixed"]
        ]
        return "".join(told)

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {name: getattr(self, name) for name in self.__slots__} | {"message": self.in_words()}


def publish(resources: Resources, *, name: str, tenant_slug: str) -> Published:
    """Compile a template as it stands in its folder and give it the tenant's next version number.

    The same sources published twice are one version.

    Raises:
        NotFoundError: There is no such tenant or template.
        TemplateError: It does not compile; nothing is stored.
    """
    started = time.monotonic()
    sources = folders.load(resources.settings.templates_dir, name)
    with resources.database.begin() as session:
        tenant_id = _tenant_id(session, tenant_slug)
    compiled = resources.renderer.compile(sources, owner=tenant_id)
    with resources.database.begin() as session:
        digest = campaigns.pin_template(session, tenant_id=tenant_id, sources=sources)
        number, is_new = versions.publish(
            session,
            tenant_id=tenant_id,
            digest=digest,
            name=name,
            inlining=compiled.inlining,
            why=compiled.why,
            fields=sorted(compiled.fields),
        )
    frames = compiled.html_frame, compiled.text_frame
    mixed = spoken.mixtures(compiled)
    return Published(
        name=name,
        number=number,
        is_new=is_new,
        digest=digest,
        inlining=compiled.inlining,
        why=compiled.why,
        fields=sorted(compiled.fields),
        shared_characters=sum(len(piece) for frame in frames for piece in frame.pieces),
        locales=[
            variant.as_json() | {"mixed": mixed.get(tag, [])} for tag, variant in compiled.variants.items()
        ],
        seconds=round(time.monotonic() - started, 2),
    )


def history(resources: Resources, *, tenant_slug: str, name: str | None = None) -> list[Version]:
    """Return a tenant's published versions, newest first.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        return versions.history(session, tenant_id=_tenant_id(session, tenant_slug), name=name)


def sources_for(resources: Resources, session: Session, *, tenant_id: int, template: str) -> TemplateSources:
    """Return the sources that a campaign names: `newsletter` as it stands in its folder, `newsletter@3` as published.

    Raises:
        NotFoundError: There is no such template or version.
        InputError: What follows the `@` is no number.
    """
    name, at, number = template.partition("@")
    if not at:
        return folders.load(resources.settings.templates_dir, name)
    if not (number.isascii() and number.isdigit()):
        raise InputError(f"{template!r} names no version", hint=f"Such as {name}@3.", code="template_version")
    return versions.sources_of(session, tenant_id=tenant_id, name=name, number=int(number))


def _tenant_id(session: Session, slug: str) -> int:
    tenant_id = tenants.by_slug(session, slug).id
    assert tenant_id is not None
    return tenant_id
