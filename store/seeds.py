"""Seeds: a tenant's named lists of its own people's mailboxes, and who of them must not be mailed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from core.errors import InputError, NotFoundError
from core.seeds import MOST
from core.suppression import Reason, strongest
from store.session import Row, count, one, rows


@dataclass(frozen=True, slots=True)
class Seed:
    """A mailbox of our own."""

    recipient_key: str
    address: str


def add(session: Session, *, tenant_id: int, name: str, seeds: Sequence[Seed]) -> int:
    """Add seeds to a list, which is made if there is none of that name; return how many are new.

    Raises:
        InputError: The list would have more than fifty.
    """
    row = one(
        session,
        """INSERT INTO seed_list (tenant_id, name) VALUES (:tenant_id, :name)
           ON CONFLICT ON CONSTRAINT seed_list_once DO UPDATE SET name = excluded.name RETURNING id""",
        tenant_id=tenant_id,
        name=name,
    )
    assert row is not None
    added = count(
        session,
        """INSERT INTO seed_address (tenant_id, seed_list_id, recipient_key, address)
           SELECT :tenant_id, :list_id, * FROM unnest(CAST(:keys AS text[]), CAST(:addresses AS text[]))
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        list_id=row["id"],
        keys=[seed.recipient_key for seed in seeds],
        addresses=[seed.address for seed in seeds],
    )
    if len(members(session, tenant_id=tenant_id, name=name)) > MOST:
        raise InputError(
            f"seed list {name!r} would have more than {MOST} addresses",
            hint="A test is for people who look at it; for more there are campaigns.",
        )
    return added


def remove(session: Session, *, tenant_id: int, name: str, recipient_keys: Collection[str]) -> int:
    """Take seeds from a list, and the list with its last one; return how many there were.

    Raises:
        NotFoundError: The tenant has no such list.
    """
    members(session, tenant_id=tenant_id, name=name)
    removed = count(
        session,
        """DELETE FROM seed_address a USING seed_list l
           WHERE l.tenant_id = :tenant_id AND l.name = :name AND a.tenant_id = l.tenant_id
             AND a.seed_list_id = l.id AND a.recipient_key = ANY(CAST(:keys AS text[]))""",
        tenant_id=tenant_id,
        name=name,
        keys=list(recipient_keys),
    )
    count(
        session,
        """DELETE FROM seed_list l WHERE l.tenant_id = :tenant_id AND l.name = :name AND NOT EXISTS (
               SELECT FROM seed_address a WHERE a.tenant_id = l.tenant_id AND a.seed_list_id = l.id)""",
        tenant_id=tenant_id,
        name=name,
    )
    return removed


def lists(session: Session, *, tenant_id: int) -> Sequence[Row]:
    """Return the tenant's lists by name: name, addresses (their number)."""
    return rows(
        session,
        """SELECT l.name, count(a.recipient_key) AS addresses FROM seed_list l
           LEFT JOIN seed_address a ON a.tenant_id = l.tenant_id AND a.seed_list_id = l.id
           WHERE l.tenant_id = :tenant_id GROUP BY l.name ORDER BY l.name""",
        tenant_id=tenant_id,
    )


def members(session: Session, *, tenant_id: int, name: str) -> list[Seed]:
    """Return the seeds of a list in the order in which they were added.

    Raises:
        NotFoundError: The tenant has no such list.
    """
    found = rows(
        session,
        """SELECT a.recipient_key, a.address FROM seed_list l
           LEFT JOIN seed_address a ON a.tenant_id = l.tenant_id AND a.seed_list_id = l.id
           WHERE l.tenant_id = :tenant_id AND l.name = :name ORDER BY a.created_at, a.address""",
        tenant_id=tenant_id,
        name=name,
    )
    if not found:
        known = ", ".join(row["name"] for row in lists(session, tenant_id=tenant_id)) or "none"
        raise NotFoundError(f"there is no seed list {name!r}", hint=f"seed lists: {known}")
    return [Seed(row["recipient_key"], row["address"]) for row in found if row["recipient_key"]]


def sample(session: Session, *, tenant_id: int, audience_id: int, contact_id: int | None) -> Row:
    """Return whom a test is shown for: this active member of an audience, or its first: id, address, attributes.

    Raises:
        NotFoundError: There is no such member, or nobody.
    """
    found = one(
        session,
        """SELECT c.id, c.address, c.attributes FROM audience_member m
           JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
           WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id AND c.state = 'active'
             AND (CAST(:contact_id AS bigint) IS NULL OR c.id = CAST(:contact_id AS bigint))
           ORDER BY m.contact_id LIMIT 1""",
        tenant_id=tenant_id,
        audience_id=audience_id,
        contact_id=contact_id,
    )
    if found is None:
        who = "no active contact" if contact_id is None else f"no active contact {contact_id}"
        raise NotFoundError(f"there is {who} in this audience", hint="Import one, or name another.")
    return found


def suppressed(
    session: Session, *, tenant_id: int, recipient_keys: Collection[str], audience_id: int | None
) -> dict[str, Reason]:
    """Return who must not be mailed, in the whole tenant or in this audience, with the strongest reason."""
    found = rows(
        session,
        """SELECT recipient_key, array_agg(reason) AS reasons FROM (
               SELECT recipient_key, reason, expires_at FROM suppression
               WHERE tenant_id = :tenant_id AND recipient_key = ANY(CAST(:keys AS text[]))
                 AND (audience_id IS NULL OR audience_id = CAST(:audience_id AS bigint))
               UNION ALL
               SELECT recipient_key, reason, expires_at FROM global_suppression
               WHERE recipient_key = ANY(CAST(:keys AS text[]))) AS found
           WHERE expires_at IS NULL OR expires_at > now()
           GROUP BY recipient_key""",
        tenant_id=tenant_id,
        keys=list(recipient_keys),
        audience_id=audience_id,
    )
    strong = {row["recipient_key"]: strongest(map(Reason, row["reasons"])) for row in found}
    return {key: reason for key, reason in strong.items() if reason}
