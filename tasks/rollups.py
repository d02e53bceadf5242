"""Rollups: bring the sums of facts up to date, and read a campaign's results from them."""

from core.results import Results
from store import campaigns, rollups, tenants
from store.rollups import Counted
from tasks.resources import Resources


def refresh(resources: Resources, *, tenant_id: int) -> Counted:
    """Count what the sums of a tenant do not hold yet, a transaction for each twenty thousand facts.

    A process that dies in between has lost nothing: what it has not committed was not counted.
    """
    facts, changed = 0, set[int]()
    while True:
        with resources.database.begin() as session:
            counted = rollups.refresh(session, tenant_id=tenant_id)
        facts += counted.facts
        changed |= counted.campaigns
        if counted.facts < rollups.BATCH:
            return Counted(facts, frozenset(changed))


def results(resources: Resources, campaign_id: int) -> Results:
    """Return what became of a campaign, with everything that is known now.

    Raises:
        NotFoundError: There is no such campaign.
    """
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
    refresh(resources, tenant_id=tenant_id)
    key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    with resources.database.begin() as session:
        return Results(
            tenant=tenants.by_id(session, tenant_id=tenant_id).slug,
            campaign=campaigns.find(session, **key).name,
            status=campaigns.status(session, **key),
            rollup=rollups.of_campaign(session, **key),
        )
