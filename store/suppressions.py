"""Suppressions: who must not be mailed. They are added and looked up; nothing here takes one away."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from core.suppression import Reason, Scope
from store.session import Row, count, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSuppression:
    """One reason for one person; `audience_id` belongs to the scope `audience` alone."""

    recipient_key: str
    address: str | None
    reason: Reason
    scope: Scope = Scope.TENANT
    audience_id: int | None = None
    source: str = ""
    detail: str = ""


def add(session: Session, *, tenant_id: int, suppressions: Iterable[NewSuppression]) -> int:
    """Add suppressions in one statement and return how many are new; one that exists stays as it is."""
    found = list(suppressions)
    if not found:
        return 0
    return count(
        session,
        """
        INSERT INTO suppression
            (tenant_id, recipient_key, address, scope, audience_id, reason, source, detail)
        SELECT :tenant_id, given.*
        FROM unnest(
            CAST(:keys AS text[]), CAST(:addresses AS text[]), CAST(:scopes AS text[]),
            CAST(:audience_ids AS bigint[]), CAST(:reasons AS text[]), CAST(:sources AS text[]),
            CAST(:details AS text[])
        ) AS given
        ON CONFLICT ON CONSTRAINT suppression_once DO NOTHING
        """,
        tenant_id=tenant_id,
        keys=[one.recipient_key for one in found],
        addresses=[one.address for one in found],
        scopes=[str(one.scope) for one in found],
        audience_ids=[one.audience_id for one in found],
        reasons=[str(one.reason) for one in found],
        sources=[one.source for one in found],
        details=[one.detail for one in found],
    )


def of(session: Session, *, tenant_id: int, recipient_key: str) -> Sequence[Row]:
    """Return a person's suppressions in this tenant, oldest first; `holds` is false of those that have ended."""
    return rows(
        session,
        """
        SELECT suppression.id, suppression.scope, audience.name AS audience, suppression.reason,
               suppression.source, suppression.detail, suppression.created_at, suppression.expires_at,
               suppression.expires_at IS NULL OR suppression.expires_at > now() AS holds
        FROM suppression
        LEFT JOIN audience
            ON audience.tenant_id = suppression.tenant_id AND audience.id = suppression.audience_id
        WHERE suppression.tenant_id = :tenant_id AND suppression.recipient_key = :recipient_key
        ORDER BY suppression.id
        """,
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    )


def export(session: Session, *, tenant_id: int, page: int = 10_000) -> Iterator[Row]:
    """Yield all suppressions of a tenant in order of id, read page by page; `address` is None once erased."""
    after = 0
    while found := rows(
        session,
        """
        SELECT suppression.id, suppression.address, suppression.recipient_key, suppression.reason,
               suppression.scope, audience.name AS audience, suppression.source, suppression.detail,
               suppression.created_at, suppression.expires_at
        FROM suppression
        LEFT JOIN audience
            ON audience.tenant_id = suppression.tenant_id AND audience.id = suppression.audience_id
        WHERE suppression.tenant_id = :tenant_id AND suppression.id > :after
        ORDER BY suppression.id
        LIMIT :page
        """,
        tenant_id=tenant_id,
        after=after,
        page=page,
    ):
        yield from found
        after = found[-1]["id"]


def forget_address(session: Session, *, tenant_id: int, recipient_key: str) -> int:
    """Erase a person's address from the suppressions, which go on to hold by recipient key; return how many."""
    return run(
        session,
        """
        UPDATE suppression SET address = NULL
        WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key AND address IS NOT NULL
        """,
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    ).rowcount
