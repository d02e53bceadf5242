"""Hygiene hints: what a tenant's addresses look like, and what became of the mail to each import's people. Nothing is changed."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlmodel import Session

from core.source_quality import Source
from store.hygiene_findings import IS_ROLE
from store.session import one, rows, stream


PAGE: Final = 5_000
OTHER: Final = "no import"

_DOMAIN = "lower(split_part(c.address, '@', -1))"
_LOCAL = "lower(split_part(c.address, '@', 1))"
_UNTAGGED = f"coalesce(nullif(split_part({_LOCAL}, '+', 1), ''), {_LOCAL})"

# As `core.address_hints.likeness` says it; a test compares the two.
LIKENESS: Final = f"""CASE WHEN {_DOMAIN} IN ('gmail.com', 'googlemail.com')
    THEN replace({_UNTAGGED}, '.', '') || '@gmail.com' ELSE {_UNTAGGED} || '@' || {_DOMAIN} END"""


def domains(session: Session, *, tenant_id: int) -> dict[str, int]:
    """Return how many of a tenant's contacts that are mailed are at each domain."""
    found = rows(
        session,
        f"""SELECT {_DOMAIN} AS domain, count(*) AS people FROM contact c
           WHERE c.tenant_id = :tenant_id AND c.state <> 'retired' GROUP BY 1""",  # noqa: S608  # our own expression
        tenant_id=tenant_id,
    )
    return {row["domain"]: int(row["people"]) for row in found}


def disposable_retired(session: Session, *, tenant_id: int) -> list[str]:
    """Return the domains of the contacts who are retired because their domain was disposable."""
    found = rows(
        session,
        f"""SELECT DISTINCT {_DOMAIN} AS domain FROM contact c
           WHERE c.tenant_id = :tenant_id AND c.state = 'retired' AND c.state_rule = 'disposable'""",  # noqa: S608
        tenant_id=tenant_id,
    )
    return [row["domain"] for row in found]


def roles(session: Session, *, tenant_id: int, roles: Collection[str], endings: Collection[str]) -> int:
    """Return how many contacts that are mailed have a role address."""
    found = one(
        session,
        f"""SELECT count(*) AS people FROM contact c
           WHERE c.tenant_id = :tenant_id AND c.state <> 'retired' AND {IS_ROLE.format(address="c.address")}""",  # noqa: S608
        tenant_id=tenant_id,
        roles=list(roles),
        role_endings=[f"%{ending}" for ending in endings],
    )
    assert found is not None
    return int(found["people"])


def alike(session: Session, *, tenant_id: int) -> int:
    """Return how many contacts are probably somebody else's second address."""
    found = one(
        session,
        f"""SELECT coalesce(sum(people - 1), 0) AS people FROM (
               SELECT count(DISTINCT c.recipient_key) AS people FROM contact c
               WHERE c.tenant_id = :tenant_id AND c.state <> 'retired' GROUP BY {LIKENESS}
               HAVING count(DISTINCT c.recipient_key) > 1) AS likely""",  # noqa: S608
        tenant_id=tenant_id,
    )
    assert found is not None
    return int(found["people"])


def flagged(
    session: Session,
    *,
    tenant_id: int,
    roles: Collection[str],
    endings: Collection[str],
    domains: Collection[str],
) -> Iterator[dict[str, Any]]:
    """Yield the contacts that a hint is about, in no order: `contact_id`, `address`, `likeness`, `is_alike`.

    Args:
        session: A transaction that lasts until the last row was read.
        tenant_id: Whose contacts.
        roles: The local parts of role addresses.
        endings: How their local parts may end.
        domains: Disposable domains and slips.
    """
    found = stream(
        session,
        f"""WITH likely AS (
               SELECT {LIKENESS} AS likeness FROM contact c
               WHERE c.tenant_id = :tenant_id AND c.state <> 'retired' GROUP BY 1
               HAVING count(DISTINCT c.recipient_key) > 1
           )
           SELECT c.id AS contact_id, c.address, {LIKENESS} AS likeness, likely.likeness IS NOT NULL AS is_alike
           FROM contact c LEFT JOIN likely ON likely.likeness = {LIKENESS}
           WHERE c.tenant_id = :tenant_id AND c.state <> 'retired'
             AND (likely.likeness IS NOT NULL OR {_DOMAIN} = ANY(:domains) OR {IS_ROLE.format(address="c.address")})""",  # noqa: S608
        page=PAGE,
        tenant_id=tenant_id,
        roles=list(roles),
        role_endings=[f"%{ending}" for ending in endings],
        domains=list(domains),
    )
    yield from map(dict, found)


def leaving(session: Session, *, tenant_id: int, run_id: int) -> Iterator[dict[str, Any]]:
    """Yield the contacts of the people whom a night takes, in no order.

    A row has `contact_id`, `address`, `rule`, `outcome`, `engaged_at`, `consent_at` and `lists`, the names of the lists that
    the contact is on.
    """
    found = stream(
        session,
        """SELECT c.id AS contact_id, c.address, r.rule, r.outcome, c.engaged_at, c.consent_at,
                  (SELECT string_agg(a.name, '; ' ORDER BY a.name) FROM audience_member m
                   JOIN audience a ON a.tenant_id = m.tenant_id AND a.id = m.audience_id
                   WHERE m.tenant_id = c.tenant_id AND m.contact_id = c.id) AS lists
           FROM hygiene_removal r
           JOIN contact c ON c.tenant_id = r.tenant_id AND c.recipient_key = r.recipient_key
           WHERE r.tenant_id = :tenant_id AND r.run_id = :run_id""",
        page=PAGE,
        tenant_id=tenant_id,
        run_id=run_id,
    )
    yield from map(dict, found)


def sources(session: Session, *, tenant_id: int, days: int) -> Sequence[Source]:
    """Return what became of the mail of so many days to each import's people, newest import first, those of no import last."""
    found = rows(
        session,
        """WITH told AS (
               SELECT d.contact_id,
                      bool_or(f.fact IN ('delivery', 'bounce_permanent')) AS mailed,
                      bool_or(f.fact = 'bounce_permanent') AS bounced,
                      bool_or(f.fact = 'complaint') AS complained,
                      bool_or(f.fact IN ('open', 'click')) AS opened
               FROM delivery_fact f
               JOIN delivery d ON d.tenant_id = f.tenant_id AND d.id = f.delivery_id
               WHERE f.tenant_id = :tenant_id AND f.last_at > now() - make_interval(days => :days)
                 AND f.fact IN ('delivery', 'bounce_permanent', 'complaint', 'open', 'click')
               GROUP BY d.contact_id
           )
           SELECT c.import_id, count(*) AS contacts, count(*) FILTER (WHERE told.mailed) AS mailed,
                  count(*) FILTER (WHERE told.bounced) AS bounced,
                  count(*) FILTER (WHERE told.complained AND told.mailed) AS complained,
                  count(*) FILTER (WHERE told.opened AND told.mailed) AS opened,
                  (SELECT format('%s, %s (import %s)', i.file_name, to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), i.id)
                   FROM contact_import i WHERE i.tenant_id = :tenant_id AND i.id = c.import_id) AS name
           FROM contact c LEFT JOIN told ON told.contact_id = c.id
           WHERE c.tenant_id = :tenant_id
           GROUP BY c.import_id ORDER BY c.import_id DESC NULLS LAST""",
        tenant_id=tenant_id,
        days=days,
    )
    numbers = ("contacts", "mailed", "bounced", "complained", "opened")
    return [Source(name=row["name"] or OTHER, **{name: int(row[name]) for name in numbers}) for row in found]
