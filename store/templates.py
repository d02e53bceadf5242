"""Templates: the versions that a tenant has published, each immutable and addressed by its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from core.errors import NotFoundError
from core.locales import PARTS
from core.rendering import TemplateSources
from models import TemplateVersion
from store.session import Session, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One published version, without its sources. Of each of its `locales` there are `locale` and `overrides`."""

    name: str
    number: int
    digest: str
    inlining: str
    why: str
    fields: Sequence[str]
    published_at: datetime
    locales: Sequence[dict[str, Any]]
    audited: int
    demoted_at: datetime | None
    demoted_why: str


def publish(
    session: Session,
    *,
    tenant_id: int,
    digest: str,
    name: str,
    inlining: str,
    why: str,
    fields: Sequence[str],
) -> tuple[int, bool]:
    """Give stored sources the next number of their name, unless they have one; return it, and whether it is new.

    Two who publish at once get two numbers: the tenant's row is the lock.
    """
    run(session, "SELECT id FROM tenant WHERE id = :tenant_id FOR NO KEY UPDATE", tenant_id=tenant_id)
    earlier = one(
        session,
        "SELECT number FROM template_version WHERE tenant_id = :tenant_id AND digest = :digest",
        tenant_id=tenant_id,
        digest=digest,
    )
    assert earlier is not None, "sources are stored before they are published"
    if earlier["number"] is not None:
        return earlier["number"], False
    numbered = one(
        session,
        """UPDATE template_version SET inlining = :inlining, why = :why, fields = to_jsonb(CAST(:fields AS text[])),
               published_at = now(),
               number = (SELECT coalesce(max(number), 0) + 1 FROM template_version
                         WHERE tenant_id = :tenant_id AND name = :name)
           WHERE tenant_id = :tenant_id AND digest = :digest RETURNING number""",
        tenant_id=tenant_id,
        digest=digest,
        name=name,
        inlining=inlining,
        why=why,
        fields=sorted(fields),
    )
    assert numbered is not None
    return numbered["number"], True


def history(session: Session, *, tenant_id: int, name: str | None = None) -> list[Version]:
    """Return a tenant's published versions, newest first; of one name, or of all."""
    found = rows(
        session,
        """SELECT name, number, digest, inlining, why, fields, published_at, audited, demoted_at, demoted_why,
                  ARRAY(SELECT jsonb_build_object('locale', tag, 'overrides', ARRAY(
                            SELECT part FROM unnest(CAST(:parts AS text[])) AS part WHERE jsonb_exists(own, part)))
                        FROM jsonb_each(coalesce(sources->'variants', '{}')) AS variant (tag, own) ORDER BY tag) AS locales
           FROM template_version
           WHERE tenant_id = :tenant_id AND number IS NOT NULL AND name = coalesce(:name, name)
           ORDER BY published_at DESC, number DESC""",
        tenant_id=tenant_id,
        name=name,
        parts=list(PARTS),
    )
    return [Version(**row) for row in found]


def sources_of(session: Session, *, tenant_id: int, name: str, number: int) -> TemplateSources:
    """Return the sources of a published version.

    Raises:
        NotFoundError: The tenant has published no such version.
    """
    version = session.exec(
        select(TemplateVersion).where(
            TemplateVersion.tenant_id == tenant_id,
            TemplateVersion.name == name,
            col(TemplateVersion.number) == number,
        )
    ).first()
    if version is None:
        known = ", ".join(
            str(other.number) for other in reversed(history(session, tenant_id=tenant_id, name=name))
        )
        raise NotFoundError(
            f"there is no version {number} of {name!r}",
            hint=f"published versions: {known}"
            if known
            else f"posthouse template publish {name} --tenant ...",
        )
    return TemplateSources.from_json(version.sources)
