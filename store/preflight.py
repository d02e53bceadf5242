"""Preflight: whom to look at before a campaign starts, and what a person has overridden.

An audience may have a million members. `spread` reads a bounded number of them, by the index, all over the audience;
`lacking` reads each once, for what only one in a million lacks stops a campaign too.
"""

from collections.abc import Sequence

from sqlmodel import Session

from store.session import Row, rows, run


def spread(
    session: Session, *, tenant_id: int, audience_id: int, strides: int = 20, each: int = 50
) -> Sequence[Row]:
    """Return up to `strides * each` active members from all over an audience: id, address, attributes, in order of id.

    The ids of the audience are cut into strides, and the first few of each are taken.
    """
    return rows(
        session,
        """WITH bounds AS (
               SELECT min(contact_id) AS first, max(contact_id) AS last FROM audience_member
               WHERE tenant_id = :tenant_id AND audience_id = :audience_id
           ), chosen AS (
               SELECT DISTINCT m.contact_id
               FROM bounds CROSS JOIN generate_series(0, :strides - 1) AS stride CROSS JOIN LATERAL (
                   SELECT contact_id FROM audience_member
                   WHERE tenant_id = :tenant_id AND audience_id = :audience_id
                     AND contact_id >= first + (last - first) * stride / :strides
                   ORDER BY contact_id LIMIT :each) m
           )
           SELECT c.id, c.address, c.attributes FROM chosen
           JOIN contact c ON c.tenant_id = :tenant_id AND c.id = chosen.contact_id
           WHERE c.state = 'active' ORDER BY c.id""",
        tenant_id=tenant_id,
        audience_id=audience_id,
        strides=strides,
        each=each,
    )


def lacking(
    session: Session, *, tenant_id: int, audience_id: int, attributes: Sequence[str]
) -> Sequence[Row]:
    """Return up to three active members for each attribute that somebody lacks: id, address, attributes.

    One pass over the audience, whatever the number of attributes, in constant memory: of those who lack one it keeps
    the first of each remainder by three.
    """
    # Of contacts that were just imported the statistics know nothing: see store/planning.py.
    run(session, "SET LOCAL enable_nestloop = off")
    found = rows(
        session,
        """WITH found AS (
               SELECT DISTINCT min(c.id) AS id FROM audience_member m
               JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
               CROSS JOIN unnest(CAST(:attributes AS text[])) AS attribute
               WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id AND c.state = 'active'
                 AND NOT jsonb_exists_all(c.attributes, :attributes)
                 AND NOT jsonb_exists(c.attributes, attribute)
               GROUP BY attribute, c.id % 3
           )
           SELECT c.id, c.address, c.attributes FROM found
           JOIN contact c ON c.tenant_id = :tenant_id AND c.id = found.id ORDER BY c.id""",
        tenant_id=tenant_id,
        audience_id=audience_id,
        attributes=list(attributes),
    )
    run(session, "SET LOCAL enable_nestloop TO DEFAULT")
    return found


def wishes(session: Session, *, tenant_id: int, audience_id: int, limit: int = 200) -> Sequence[Row]:
    """Return the locales that active members name, the most frequent first, each with one of them.

    A row is id, address, attributes of a contact, and `people`, how many have the same `locale` and `language`. One pass
    over the audience.
    """
    run(session, "SET LOCAL enable_nestloop = off")
    found = rows(
        session,
        """WITH wished AS (
               SELECT min(c.id) AS id, count(*) AS people FROM audience_member m
               JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
               WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id AND c.state = 'active'
               GROUP BY c.attributes->>'locale', c.attributes->>'language'
               ORDER BY people DESC, id LIMIT :limit
           )
           SELECT c.id, c.address, c.attributes, people FROM wished
           JOIN contact c ON c.tenant_id = :tenant_id AND c.id = wished.id ORDER BY people DESC, c.id""",
        tenant_id=tenant_id,
        audience_id=audience_id,
        limit=limit,
    )
    run(session, "SET LOCAL enable_nestloop TO DEFAULT")
    return found


def override(
    session: Session, *, tenant_id: int, campaign_id: int, rule: str, finding: str, reason: str, actor: str
) -> None:
    """Keep that a person overrode a rule for a campaign; the first who did so stays on record."""
    run(
        session,
        """INSERT INTO preflight_override (tenant_id, campaign_id, rule, finding, reason, actor)
           VALUES (:tenant_id, :campaign_id, :rule, :finding, :reason, :actor) ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        rule=rule,
        finding=finding,
        reason=reason,
        actor=actor,
    )


def overrides(session: Session, *, tenant_id: int, campaign_id: int) -> Sequence[Row]:
    """Return what was overridden for a campaign: rule, finding, reason, actor, created_at, oldest first."""
    return rows(
        session,
        """SELECT rule, finding, reason, actor, created_at FROM preflight_override
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id ORDER BY created_at, rule""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
