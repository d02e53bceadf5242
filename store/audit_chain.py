"""The audit chain: read for verification, and the anchor behind which old entries are taken away."""

from collections.abc import Iterator

from sqlmodel import Session

from core.audit_chain import START, Entry, Link
from store.session import count, one, rows, run


def entries(session: Session, *, tenant_id: int, after: int = 0, page: int = 5_000) -> Iterator[Entry]:
    """Yield a tenant's entries in order of their places, those that were never linked last, read page by page."""
    columns = (
        "tenant_id, id, created_at, actor, action, subject, reason, detail::text AS detail, position, hash"
    )
    while found := rows(
        session,
        f"""SELECT {columns} FROM audit_entry WHERE tenant_id = :tenant_id AND position > :after
            ORDER BY position LIMIT :page""",  # noqa: S608  # our own columns
        tenant_id=tenant_id,
        after=after,
        page=page,
    ):
        yield from (Entry(**row) for row in found)
        after = found[-1]["position"]
    unlinked = rows(
        session,
        f"""SELECT {columns} FROM audit_entry WHERE tenant_id = :tenant_id AND (position IS NULL OR hash IS NULL)
            ORDER BY id LIMIT :page""",  # noqa: S608  # our own columns
        tenant_id=tenant_id,
        page=page,
    )
    yield from (Entry(**row) for row in unlinked)


def ends(session: Session, *, tenant_id: int) -> tuple[Link, Link]:
    """Return the anchor and the head of a tenant's chain; twice the start of one that has no entry."""
    found = one(
        session,
        "SELECT anchor_position, anchor_hash, length, head FROM audit_chain WHERE tenant_id = :tenant_id",
        tenant_id=tenant_id,
    )
    if found is None:
        return START, START
    anchor = Link(position=found["anchor_position"], hash=found["anchor_hash"])
    return anchor, Link(position=found["length"], hash=found["head"])


def older_than(session: Session, *, tenant_id: int, days: int) -> Link | None:
    """Return the newest of the entries that all, with all before them, are older than so many days; None if none is."""
    found = one(
        session,
        """SELECT position, hash FROM audit_entry
           WHERE tenant_id = :tenant_id AND position < coalesce(
               (SELECT min(position) FROM audit_entry WHERE tenant_id = :tenant_id
                AND created_at >= now() - make_interval(days => :days)), 9223372036854775807)
           ORDER BY position DESC LIMIT 1""",
        tenant_id=tenant_id,
        days=days,
    )
    return Link(position=found["position"], hash=found["hash"]) if found else None


def take_away(session: Session, *, tenant_id: int, through: Link) -> int:
    """Move the anchor to a link, and take away the entries up to it; return how many."""
    run(
        session,
        """UPDATE audit_chain SET anchor_position = :position, anchor_hash = :hash, anchored_at = now()
           WHERE tenant_id = :tenant_id AND anchor_position < :position""",
        tenant_id=tenant_id,
        position=through.position,
        hash=through.hash,
    )
    return count(
        session,
        "DELETE FROM audit_entry WHERE tenant_id = :tenant_id AND position <= :position",
        tenant_id=tenant_id,
        position=through.position,
    )
