"""Overview: how many campaigns stand where, tenant by tenant, for the operator's page."""

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
