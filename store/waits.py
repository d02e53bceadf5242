"""Waiting: who of a campaign has no message yet, for which mailbox provider, until when.

A moment until which an index is walked is `statement_timestamp()`, as in `store/deliveries.py`.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from store.session import count, one, rows


def by_provider(session: Session, *, tenant_id: int, campaign_id: int) -> dict[str, int]:
    """Count who waits for their message, by mailbox provider; by the two indexes that hold nobody whose message has left."""
    found = rows(
        session,
        """SELECT provider, count(*) AS people FROM delivery
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
             AND (is_pending AND state = 'pending' OR is_leased AND state = 'claimed')
           GROUP BY provider""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return {row["provider"]: row["people"] for row in found}


def pending_at(
    session: Session, *, tenant_id: int, campaign_id: int, providers: Collection[str]
) -> list[str]:
    """Return those of these mailbox providers for whom somebody waits, be it for a time that has not come."""
    found = rows(
        session,
        """SELECT asked.provider FROM unnest(CAST(:providers AS text[])) AS asked (provider), LATERAL (
               SELECT FROM delivery WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
                 AND provider = asked.provider AND state = 'pending' AND is_pending LIMIT 1) AS found""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        providers=list(providers),
    )
    return [row["provider"] for row in found]


def due_in(
    session: Session, *, tenant_id: int, campaign_id: int, providers: Collection[str]
) -> timedelta | None:
    """Return how long until the next delivery of these mailbox providers is due that waits for its time; None when none does.

    One that has become due since somebody looked is due in no time, and not nobody: a sender that asks after a claim that
    found nobody would else end with a message left.
    """
    row = one(
        session,
        """SELECT least(
               (SELECT min(greatest(not_before, send_after)) FROM delivery
                WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND provider = ANY(:providers)
                  AND state = 'pending' AND is_pending AND not_before IS NOT NULL
                  AND send_after <= statement_timestamp()),
               (SELECT min(soonest.send_after) FROM unnest(CAST(:providers AS text[])) AS asked (provider), LATERAL (
                    SELECT send_after FROM delivery
                    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND provider = asked.provider
                      AND state = 'pending' AND is_pending AND send_after > statement_timestamp()
                    ORDER BY send_after LIMIT 1) AS soonest)) AS next_at, clock_timestamp() AS now""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        providers=list(providers),
    )
    assert row is not None
    return None if row["next_at"] is None else max(row["next_at"] - row["now"], timedelta(0))


def postpone(session: Session, *, tenant_id: int, token: str, until: Mapping[int, datetime]) -> int:
    """Give claimed deliveries back, each with the moment before which it waits; return how many."""
    return count(
        session,
        """WITH early AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
               FROM unnest(CAST(:delivery_ids AS bigint[]), CAST(:moments AS timestamptz[])) AS w (id, send_after)
           )
           UPDATE delivery d SET state = 'pending', claim_token = NULL, lease_until = NULL, send_after = w.send_after
           FROM early w
           WHERE d.tenant_id = w.tenant_id AND d.id = w.id AND d.state = 'claimed' AND d.claim_token = :token""",
        tenant_id=tenant_id,
        token=token,
        delivery_ids=list(until),
        moments=list(until.values()),
    )
