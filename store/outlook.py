"""Outlook: when a campaign will be done, from what the ledger knows now. The same for every door."""

from sqlmodel import Session

from core import forecast as forecasting
from core import pacing
from core.errors import ConfigurationError
from core.forecast import Forecast
from models import Campaign
from store import accounts, allowances, deliveries, mailbox_domains, sending_domains


def of_campaign(
    session: Session, campaign: Campaign, *, tenant_id: int, region: str, waiting: int
) -> Forecast | None:
    """Say when `waiting` messages of a campaign will have left; None before the quota of the region was ever read."""
    domain = {"tenant_id": tenant_id, "sending_domain_id": campaign.sending_domain_id}
    try:
        account, now = accounts.find(session, region=region)
    except ConfigurationError:
        return None
    unlimited = account.max_24_hour_send < 0
    return forecasting.forecast(
        waiting=waiting,
        left_today=allowances.left_today(
            session, **domain, planned=by_provider(session, campaign, tenant_id=tenant_id)
        ),
        rung=sending_domains.rung_of(session, **domain),
        quota_left=pacing.quota_left(account),
        quota_per_day=None if unlimited else int(account.max_24_hour_send * pacing.QUOTA_SHARE),
        rate=pacing.rate(account, now),
        now=sending_domains.local_now(session, tenant_id=tenant_id),
    )


def by_provider(session: Session, campaign: Campaign, *, tenant_id: int) -> dict[str, int]:
    """Count who waits by mailbox provider; before the plan, whom the audience has."""
    assert campaign.id is not None
    if campaign.planned_at:
        return deliveries.waiting(session, tenant_id=tenant_id, campaign_id=campaign.id)
    return mailbox_domains.of_audience(session, tenant_id=tenant_id, audience_id=campaign.audience_id)
