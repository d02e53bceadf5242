"""Prospects: who of a campaign has no message yet, by mailbox provider and engagement; before the plan, whom the audience has."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlmodel import Session

from models import Campaign
from store import mailbox_domains, waits
from store.planning import TIER
from store.session import rows


_TIER: Final = TIER.format(engaged_at="greatest(c.engaged_at, c.consent_at)")


def by_provider(session: Session, campaign: Campaign, *, tenant_id: int) -> dict[str, int]:
    """Count who waits by mailbox provider; before the plan, whom the audience has."""
    assert campaign.id is not None
    if campaign.planned_at:
        return waits.by_provider(session, tenant_id=tenant_id, campaign_id=campaign.id)
    return mailbox_domains.of_audience(session, tenant_id=tenant_id, audience_id=campaign.audience_id)


def expected(
    session: Session, campaign: Campaign, *, tenant_id: int, waiting: int, without_tiers: Collection[int]
) -> dict[str, int]:
    """Return who waits by mailbox provider; before the plan, the audience's shares of `waiting`.

    Args:
        session: The caller's transaction.
        campaign: Which.
        tenant_id: Whose.
        waiting: How many it would be sent to, if it started now; of a planned one the ledger tells.
        without_tiers: Who is left out, by tier of engagement.
    """
    people = by_provider(session, campaign, tenant_id=tenant_id)
    waiting = sum(people.values()) if campaign.planned_at else waiting
    if without_tiers:
        tiers = _by_tier(session, campaign, tenant_id)
        everybody = sum(tiers.values()) or 1
        kept = {
            provider: sum(
                number
                for (one_provider, tier), number in tiers.items()
                if one_provider == provider and tier not in without_tiers
            )
            for provider in people
        }
        waiting, people = waiting * sum(kept.values()) // everybody, kept
    return _scaled(people, waiting)


def _scaled(people: Mapping[str, int], total: int) -> dict[str, int]:
    """Return shares of a total that are in proportion to these numbers, and add up to it."""
    everybody, before, passed, shares = sum(people.values()), 0, 0, {}
    for provider, number in people.items():
        passed += number
        until = total * passed // everybody if everybody else 0
        shares[provider], before = until - before, until
    return {provider: share for provider, share in shares.items() if share}


def _by_tier(session: Session, campaign: Campaign, tenant_id: int) -> dict[tuple[str, int], int]:
    """Count who waits, before the plan the audience, by mailbox provider and tier."""
    if campaign.planned_at:
        found = rows(
            session,
            """SELECT provider, tier, count(*) AS people FROM delivery
               WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND state IN ('pending', 'claimed')
               GROUP BY provider, tier""",
            tenant_id=tenant_id,
            campaign_id=campaign.id,
        )
    else:
        found = rows(
            session,
            f"""SELECT coalesce(k.provider, 'other') AS provider, {_TIER} AS tier,
                       count(*) AS people
                FROM audience_member m JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
                LEFT JOIN mailbox_domain k ON k.domain = lower(split_part(c.address, '@', -1))
                WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id GROUP BY 1, 2""",  # noqa: S608  # our own numbers
            tenant_id=tenant_id,
            audience_id=campaign.audience_id,
        )
    return {(row["provider"], row["tier"]): row["people"] for row in found}
