"""Suppressions: who must not be mailed. They are added, ended and looked up; nothing here deletes one.

Triggers of the database write down every change (`suppression_change`), whoever makes it; `acting` lets it say who and why.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core.suppression import Reason, Scope
from store.session import Row, count, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSuppression:
    """One reason for one person; `audience_id` belongs to the scope `audience` alone. Without `expires_at` it never ends."""

    recipient_key: str
    address: str | None
    reason: Reason
    scope: Scope = Scope.TENANT
    audience_id: int | None = None
    source: str = ""
    detail: str = ""
    expires_at: datetime | None = None


def acting(session: Session, *, actor: str, why: str = "") -> None:
    """Let the history say who makes the changes of this transaction from here on, and why.

    Without an actor it names the rows' own source.
    """
    run(
        session,
        "SELECT set_config('posthouse.actor', :actor, true), set_config('posthouse.why', :why, true)",
        actor=actor,
        why=why,
    )


# A suppression that holds stays as it is, unless the new one lasts longer; one that has ended begins again.
_BEGINS_OR_LENGTHENS = """DO UPDATE SET expires_at = EXCLUDED.expires_at, source = EXCLUDED.source, detail = EXCLUDED.detail
    WHERE {0}.expires_at IS NOT NULL AND (EXCLUDED.expires_at IS NULL OR EXCLUDED.expires_at > {0}.expires_at)"""

_ADD = f"""
    INSERT INTO suppression (tenant_id, recipient_key, address, scope, audience_id, reason, source, detail, expires_at)
    SELECT DISTINCT ON (recipient_key, scope, audience_id, reason) :tenant_id, given.*
    FROM unnest(
        CAST(:keys AS text[]), CAST(:addresses AS text[]), CAST(:scopes AS text[]),
        CAST(:audience_ids AS bigint[]), CAST(:reasons AS text[]), CAST(:sources AS text[]),
        CAST(:details AS text[]), CAST(:ends AS timestamptz[])
    ) AS given (recipient_key, address, scope, audience_id, reason, source, detail, expires_at)
    ORDER BY recipient_key, scope, audience_id, reason, expires_at DESC NULLS FIRST
    ON CONFLICT ON CONSTRAINT suppression_once {_BEGINS_OR_LENGTHENS.format("suppression")}
"""  # noqa: S608  # our own text


def add(session: Session, *, tenant_id: int, suppressions: Iterable[NewSuppression]) -> int:
    """Add suppressions in one statement and return how many are new, begin again or last longer."""
    found = list(suppressions)
    if not found:
        return 0
    return count(
        session,
        _ADD,
        tenant_id=tenant_id,
        keys=[one.recipient_key for one in found],
        addresses=[one.address for one in found],
        scopes=[str(one.scope) for one in found],
        audience_ids=[one.audience_id for one in found],
        reasons=[str(one.reason) for one in found],
        sources=[one.source for one in found],
        details=[one.detail for one in found],
        ends=[one.expires_at for one in found],
    )


def add_global(session: Session, suppression: NewSuppression) -> int:
    """Suppress a person at all tenants, those to come included; return 1 if that is new, begins again or lasts longer."""
    return count(
        session,
        f"""INSERT INTO global_suppression (recipient_key, address, reason, source, detail, expires_at)
            VALUES (:key, :address, :reason, :source, :detail, :expires_at)
            ON CONFLICT (recipient_key, reason) {_BEGINS_OR_LENGTHENS.format("global_suppression")}""",  # noqa: S608  # see above
        key=suppression.recipient_key,
        address=suppression.address,
        reason=str(suppression.reason),
        source=suppression.source,
        detail=suppression.detail,
        expires_at=suppression.expires_at,
    )


def end(session: Session, *, tenant_id: int, recipient_key: str, ids: Collection[int]) -> int:
    """End suppressions of a person in this tenant now; return how many held. They stay for their history."""
    return count(
        session,
        """UPDATE suppression SET expires_at = now()
           WHERE tenant_id = :tenant_id AND recipient_key = :key AND id = ANY(CAST(:ids AS bigint[]))
             AND (expires_at IS NULL OR expires_at > now())""",
        tenant_id=tenant_id,
        key=recipient_key,
        ids=list(ids),
    )


def end_global(session: Session, *, recipient_key: str, reasons: Collection[Reason]) -> int:
    """End a person's suppressions at all tenants now; return how many held."""
    return count(
        session,
        """UPDATE global_suppression SET expires_at = now()
           WHERE recipient_key = :key AND reason = ANY(CAST(:reasons AS text[]))
             AND (expires_at IS NULL OR expires_at > now())""",
        key=recipient_key,
        reasons=[str(reason) for reason in reasons],
    )


def of(session: Session, *, tenant_id: int, recipient_key: str) -> Sequence[Row]:
    """Return a person's suppressions in this tenant and in all, oldest first; `holds` is false of those that have ended.

    The `id` of one that holds for all tenants is None.
    """
    return rows(
        session,
        """SELECT found.*, expires_at IS NULL OR expires_at > now() AS holds FROM (
               SELECT s.id, s.scope, audience.name AS audience, s.reason, s.source, s.detail, s.created_at, s.expires_at
               FROM suppression s LEFT JOIN audience ON audience.tenant_id = s.tenant_id AND audience.id = s.audience_id
               WHERE s.tenant_id = :tenant_id AND s.recipient_key = :recipient_key
               UNION ALL
               SELECT NULL, 'global', NULL, reason, source, detail, created_at, expires_at
               FROM global_suppression WHERE recipient_key = :recipient_key) AS found
           ORDER BY created_at, id""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    )


def history(session: Session, *, tenant_id: int, recipient_key: str) -> Sequence[Row]:
    """Return every change of a person's suppressions in this tenant and in all, oldest first."""
    return rows(
        session,
        """SELECT change.at, change.what, change.scope, audience.name AS audience, change.reason, change.source,
                  change.detail, change.expires_at, change.actor, change.why
           FROM suppression_change AS change
           LEFT JOIN audience ON audience.tenant_id = change.tenant_id AND audience.id = change.audience_id
           WHERE change.recipient_key = :recipient_key AND (change.tenant_id = :tenant_id OR change.tenant_id IS NULL)
           ORDER BY change.id""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    )


def counts(session: Session, *, tenant_id: int) -> Sequence[Row]:
    """Count a tenant's suppressions by reason, scope and source: those that hold, and those that have ended."""
    return rows(
        session,
        """SELECT reason, scope, source,
                  count(*) FILTER (WHERE expires_at IS NULL OR expires_at > now()) AS holding,
                  count(*) FILTER (WHERE expires_at <= now()) AS ended
           FROM suppression WHERE tenant_id = :tenant_id GROUP BY reason, scope, source ORDER BY holding DESC, reason, source""",
        tenant_id=tenant_id,
    )


def newest(session: Session, *, tenant_id: int, reason: Reason | None, limit: int) -> Sequence[Row]:
    """Return a tenant's newest suppressions that hold, with addresses, of one reason or of all."""
    return rows(
        session,
        """SELECT s.recipient_key, s.address, s.reason, s.scope, audience.name AS audience, s.source, s.detail,
                  s.created_at, s.expires_at
           FROM suppression s LEFT JOIN audience ON audience.tenant_id = s.tenant_id AND audience.id = s.audience_id
           WHERE s.tenant_id = :tenant_id AND (CAST(:reason AS text) IS NULL OR s.reason = :reason)
             AND (s.expires_at IS NULL OR s.expires_at > now())
           ORDER BY s.id DESC LIMIT :limit""",
        tenant_id=tenant_id,
        reason=None if reason is None else str(reason),
        limit=limit,
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
    """Erase a person's address from the suppressions, which go on to hold by recipient key; return how many.

    One that holds for all tenants keeps its address as long as another tenant knows the person.
    """
    return run(
        session,
        """WITH everywhere AS (
               UPDATE global_suppression SET address = NULL
               WHERE recipient_key = :recipient_key AND address IS NOT NULL AND NOT EXISTS (
                   SELECT FROM contact WHERE contact.recipient_key = :recipient_key AND contact.tenant_id <> :tenant_id)
           )
           UPDATE suppression SET address = NULL
           WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key AND address IS NOT NULL
        """,
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    ).rowcount
