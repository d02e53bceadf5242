"""Audiences: what a tenant's lists are called for their readers."""

from core.errors import InputError
from store import audiences, tenants
from tasks.resources import Resources


MOST_CHARACTERS = 100


def set_title(resources: Resources, slug: str, name: str, *, title: str, actor: str) -> dict[str, str]:
    """Give a list a title that its readers see, or take it away with "".

    Raises:
        NotFoundError: There is no such tenant or audience.
        InputError: The title is no single line of up to a hundred characters.
    """
    words = title.strip()
    if len(words) > MOST_CHARACTERS or not words.isprintable():
        raise InputError(
            "a title is one line of up to 100 characters", hint='Such as "Letters from the road".'
        )
    with resources.database.begin() as session:
        tenant_id = tenants.by_slug(session, slug).id
        assert tenant_id is not None
        audience_id = audiences.find(session, tenant_id=tenant_id, name=name)
        if audiences.set_title(session, tenant_id=tenant_id, audience_id=audience_id, title=words):
            tenants.audit(
                session,
                tenant_id=tenant_id,
                actor=actor,
                action="audience.titled",
                subject=f"audience {audience_id}",
                detail={"title": words},
            )
    return {"tenant": slug, "audience": name, "title": words}
