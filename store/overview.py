"""Overview: which campaigns there are and where they stand, over all tenants, for the operator's pages."""

from collections.abc import Sequence

from sqlmodel import Session

from store.session import Row, rows


def campaigns_by_tenant(session: Session) -> Sequence[Row]:
    """Return one row per tenant, by slug: `slug`, `name`, `state` and the number of campaigns in each state."""
    return rows(
        session,
        """SELECT tenant.slug, tenant.name, tenant.state,
                  count(campaign.id) FILTER (WHERE campaign.state IN ('draft', 'scheduled')) AS waiting,
                  count(campaign.id) FILTER (WHERE campaign.state = 'sending') AS sending,
                  count(campaign.id) FILTER (WHERE campaign.state = 'paused') AS paused,
                  count(campaign.id) FILTER (WHERE campaign.state IN ('done', 'cancelled')) AS finished
           FROM tenant LEFT JOIN campaign ON campaign.tenant_id = tenant.id
           GROUP BY tenant.id ORDER BY tenant.slug""",
    )


def newest_campaigns(
    session: Session, *, slug: str | None = None, below: int | None = None, limit: int = 25
) -> Sequence[Row]:
    """Return campaigns, newest first: `id`, `name`, `state`, `created_at`, `start_at`, `slug` and `tenant`, its name.

    Args:
        session: Of the caller's transaction.
        slug: Only this tenant's.
        below: Only those that were created before the campaign of this id.
        limit: At most so many.
    """
    return rows(
        session,
        """SELECT c.id, c.name, c.state, c.created_at, c.start_at, t.slug, t.name AS tenant
           FROM campaign c JOIN tenant t ON t.id = c.tenant_id
           WHERE (CAST(:slug AS text) IS NULL OR t.slug = :slug)
             AND (CAST(:below AS bigint) IS NULL OR c.id < :below)
           ORDER BY c.id DESC LIMIT :limit""",
        slug=slug,
        below=below,
        limit=limit,
    )
