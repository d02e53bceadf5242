"""Correlation: whose event it is, and which delivery it is about; by our tags first, then by SES's message id.

A batch names the tenant of each of its rows and is `MATERIALIZED`, as in `store.facts`, for the same reason.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from store.session import rows


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantIdentity:
    """By what SES and our tags know a tenant."""

    id: int
    configuration_set: str | None
    ses_tenant_name: str | None


def tenants(session: Session, slugs: Collection[str]) -> dict[str, TenantIdentity]:
    """Return the tenants that tags name, by slug."""
    found = rows(
        session,
        """SELECT slug, id, configuration_set, ses_tenant_name FROM tenant
           WHERE slug = ANY(CAST(:slugs AS text[]))""",
        slugs=list(slugs),
    )
    return {row["slug"]: TenantIdentity(**{k: v for k, v in row.items() if k != "slug"}) for row in found}


def of_attempts(session: Session, *, tenant_id: int, attempts: Collection[str]) -> dict[str, int]:
    """Return the delivery ids of a tenant's attempts, by attempt id."""
    found = rows(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, unnest(CAST(:attempts AS text[])) AS attempt_id
           )
           SELECT a.attempt_id, a.delivery_id
           FROM wanted w JOIN delivery_attempt a ON a.tenant_id = w.tenant_id AND a.attempt_id = w.attempt_id""",
        tenant_id=tenant_id,
        attempts=list(attempts),
    )
    return {row["attempt_id"]: row["delivery_id"] for row in found}


def owners_of_attempts(session: Session, attempts: Collection[str]) -> dict[str, int]:
    """Return the tenants of attempts, by attempt id: whose tags stand on a message that names another tenant."""
    # One index probe per tenant and attempt; it is asked only for attempts that the named tenant does not have.
    found = rows(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT tenant.id AS tenant_id, attempt_id
               FROM tenant CROSS JOIN unnest(CAST(:attempts AS text[])) AS attempt_id
           )
           SELECT a.attempt_id, a.tenant_id
           FROM wanted w CROSS JOIN LATERAL (
               SELECT attempt_id, tenant_id FROM delivery_attempt
               WHERE tenant_id = w.tenant_id AND attempt_id = w.attempt_id LIMIT 1) AS a""",
        attempts=list(attempts),
    )
    return {row["attempt_id"]: row["tenant_id"] for row in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A call that an event tells of, and that the ledger does not know. `mailed_at` is when SES accepted it."""

    attempt_id: str
    delivery_id: int
    campaign_id: int
    mailed_at: datetime


def learn_attempts(session: Session, *, tenant_id: int, unknown: Sequence[Unknown]) -> dict[str, int]:
    """Store lost calls of a tenant's own deliveries, marked as learnt; return their delivery ids, by attempt id.

    A delivery must be of the named campaign, which must be older than the call: a database that was restored gives the
    same ids a second time.
    """
    found = rows(
        session,
        """WITH told AS MATERIALIZED (
               SELECT DISTINCT ON (attempt_id) * FROM unnest(
                   CAST(:attempts AS text[]), CAST(:deliveries AS bigint[]), CAST(:campaigns AS bigint[]),
                   CAST(:mailed AS timestamptz[])) AS t (attempt_id, delivery_id, campaign_id, mailed_at)
               ORDER BY attempt_id, mailed_at
           )
           INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id, started_at, outcome)
           SELECT d.tenant_id, told.attempt_id, d.id, told.mailed_at, 'learnt_from_event'
           FROM told JOIN delivery d ON d.tenant_id = :tenant_id AND d.id = told.delivery_id
                                    AND d.campaign_id = told.campaign_id
           JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
           WHERE told.mailed_at >= c.created_at
           ON CONFLICT DO NOTHING RETURNING attempt_id, delivery_id""",
        tenant_id=tenant_id,
        attempts=[one.attempt_id for one in unknown],
        deliveries=[one.delivery_id for one in unknown],
        campaigns=[one.campaign_id for one in unknown],
        mailed=[one.mailed_at for one in unknown],
    )
    return {row["attempt_id"]: row["delivery_id"] for row in found}


def of_ses_messages(session: Session, ses_message_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return tenant and delivery of SES message ids; the second way, for events that carry no tags of ours."""
    if not ses_message_ids:
        return {}
    found = rows(
        session,
        """SELECT w.ses_message_id, d.tenant_id, d.id
           FROM unnest(CAST(:ids AS text[])) AS w (ses_message_id) CROSS JOIN LATERAL (
               SELECT tenant_id, id FROM delivery WHERE ses_message_id = w.ses_message_id LIMIT 1) AS d""",
        ids=list(ses_message_ids),
    )
    return {row["ses_message_id"]: (row["tenant_id"], row["id"]) for row in found}
