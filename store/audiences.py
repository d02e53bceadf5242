"""Audiences: the named lists of a tenant's contacts."""

from collections.abc import Sequence

from sqlmodel import Session

from core.errors import ConflictError, NotFoundError
from store.session import Row, count, one, rows


def get_or_create(session: Session, *, tenant_id: int, name: str) -> int:
    """Return the id of an audience to put people on, which is made if there is none of that name.

    Raises:
        ConflictError: It is hygiene's own list of lapsing people.
    """
    found = one(
        session,
        """
        WITH fresh AS (
            INSERT INTO audience (tenant_id, name) VALUES (:tenant_id, :name)
            ON CONFLICT (tenant_id, name) DO NOTHING
            RETURNING id, purpose
        )
        SELECT id, purpose FROM fresh
        UNION ALL
        SELECT id, purpose FROM audience WHERE tenant_id = :tenant_id AND name = :name
        """,
        tenant_id=tenant_id,
        name=name,
    )
    # Empty only if another transaction made it after this statement began; by now it has committed.
    audience_id = find(session, tenant_id=tenant_id, name=name) if found is None else int(found["id"])
    if found is not None and found["purpose"] == "winback":
        raise ConflictError(
            f"hygiene keeps the list {name!r}: it puts lapsing people on it, and takes everybody else off",
            hint="Choose another --audience.",
        )
    return audience_id


def find(session: Session, *, tenant_id: int, name: str) -> int:
    """Return the id of an audience.

    Raises:
        NotFoundError: The tenant has none of that name.
    """
    found = one(
        session,
        "SELECT id FROM audience WHERE tenant_id = :tenant_id AND name = :name",
        tenant_id=tenant_id,
        name=name,
    )
    if found is None:
        raise NotFoundError(
            f"there is no audience {name!r}", hint="posthouse contacts import makes one: --audience NAME"
        )
    return int(found["id"])


def set_title(session: Session, *, tenant_id: int, audience_id: int, title: str) -> bool:
    """Keep what readers know an audience as, "" for nothing; say whether that is new."""
    return bool(
        count(
            session,
            """UPDATE audience SET title = :title
               WHERE tenant_id = :tenant_id AND id = :audience_id AND title <> :title""",
            tenant_id=tenant_id,
            audience_id=audience_id,
            title=title,
        )
    )


def everyone(session: Session, *, tenant_id: int) -> Sequence[Row]:
    """Return id, name, title and number of members of all audiences, by name."""
    return rows(
        session,
        """
        SELECT audience.id, audience.name, audience.title, count(member.contact_id) AS members
        FROM audience
        LEFT JOIN audience_member AS member
            ON member.tenant_id = audience.tenant_id AND member.audience_id = audience.id
        WHERE audience.tenant_id = :tenant_id
        GROUP BY audience.id, audience.name, audience.title
        ORDER BY audience.name
        """,
        tenant_id=tenant_id,
    )
