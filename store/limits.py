"""An operator's limits on a tenant's rates: set, list, clear; locked and used in the transaction of an intent.

Whoever locks a limit has locked the account before, or locks nothing else, so that nobody waits in a circle.
"""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from core.limits import Limit
from store.session import Row, count, rows, run


def locked(session: Session, *, tenant_id: int) -> dict[str, Limit]:
    """Return a tenant's limits by mailbox provider, and keep others from using them until the transaction ends."""
    return _limits(session, tenant_id, lock="FOR UPDATE")


def find(session: Session, *, tenant_id: int) -> dict[str, Limit]:
    """Return a tenant's limits by mailbox provider."""
    return _limits(session, tenant_id, lock="")


def _limits(session: Session, tenant_id: int, *, lock: str) -> dict[str, Limit]:
    found = rows(
        session,
        f"SELECT provider, per_second, due_at FROM rate_limit WHERE tenant_id = :tenant_id ORDER BY provider {lock}",  # noqa: S608  # our own words
        tenant_id=tenant_id,
    )
    return {row["provider"]: Limit(per_second=row["per_second"], due_at=row["due_at"]) for row in found}


def use(session: Session, *, tenant_id: int, moved: Mapping[str, Limit]) -> None:
    """Store when limits that are locked are due again."""
    run(
        session,
        """UPDATE rate_limit r SET due_at = m.due_at
           FROM unnest(CAST(:providers AS text[]), CAST(:due AS timestamptz[])) AS m (provider, due_at)
           WHERE r.tenant_id = :tenant_id AND r.provider = m.provider""",
        tenant_id=tenant_id,
        providers=list(moved),
        due=[limit.due_at for limit in moved.values()],
    )


def put(
    session: Session, *, tenant_id: int, provider: str, per_second: float, actor: str, reason: str
) -> None:
    """Set a limit, or change it; what it has let through until now goes on counting."""
    run(
        session,
        """INSERT INTO rate_limit (tenant_id, provider, per_second, set_by, reason)
           VALUES (:tenant_id, :provider, :per_second, :actor, :reason)
           ON CONFLICT (tenant_id, provider) DO UPDATE SET per_second = excluded.per_second,
               set_by = excluded.set_by, reason = excluded.reason, set_at = now()""",
        tenant_id=tenant_id,
        provider=provider,
        per_second=per_second,
        actor=actor,
        reason=reason,
    )


def clear(session: Session, *, tenant_id: int, provider: str) -> bool:
    """End a limit; return whether there was one."""
    return bool(
        count(
            session,
            "DELETE FROM rate_limit WHERE tenant_id = :tenant_id AND provider = :provider",
            tenant_id=tenant_id,
            provider=provider,
        )
    )


def standing(session: Session, *, tenant_id: int) -> Sequence[Row]:
    """Return a tenant's limits with who has set them, when and why."""
    return rows(
        session,
        """SELECT provider, per_second, set_by, reason, set_at FROM rate_limit
           WHERE tenant_id = :tenant_id ORDER BY provider""",
        tenant_id=tenant_id,
    )
