"""Leases: who is at work, and how the dead are relieved of what they held, by the clock or by their run.

A claim's token begins with the flow run that made it, and a dot. One that was made outside of a flow run begins with
the dot: nobody can be asked about it, so it ends by the clock alone.
"""

from collections.abc import Collection

from sqlmodel import Session

from core.campaigns import CampaignState
from store.session import count, one, rows, run


def runs_at_work(session: Session, *, tenant_id: int) -> set[str]:
    """Return the flow runs that hold a live lease."""
    found = rows(
        session,
        """SELECT DISTINCT split_part(claim_token, '.', 1) AS run FROM delivery
           WHERE tenant_id = :tenant_id AND is_leased AND state IN ('claimed', 'submitting') AND lease_until > clock_timestamp()
             AND claim_token NOT LIKE '.%'""",
        tenant_id=tenant_id,
    )
    return {row["run"] for row in found}


def end(session: Session, *, tenant_id: int, dead_runs: Collection[str]) -> int:
    """End the leases of runs that are dead, and return how many; `reap` does the rest.

    A run that is alive after all loses nothing but its turn: its token is a fence before a call, its attempt behind one.
    """
    return count(
        session,
        """UPDATE delivery SET lease_until = clock_timestamp()
           WHERE tenant_id = :tenant_id AND is_leased AND state IN ('claimed', 'submitting') AND lease_until > clock_timestamp()
             AND split_part(claim_token, '.', 1) = ANY(:dead_runs)""",
        tenant_id=tenant_id,
        dead_runs=list(dead_runs),
    )


def reap(session: Session, *, tenant_id: int) -> tuple[int, int]:
    """End the leases that are over: claims become pending, calls become doubt. Anyone may do it at any time.

    Who waits in a cancelled campaign is skipped: a call that was in flight when it was cancelled may turn out unsent.

    Returns:
        How many claims were freed, and how many calls are now in doubt.
    """
    reaped = one(
        session,
        """WITH over AS (
               SELECT id, state FROM delivery
               WHERE tenant_id = :tenant_id AND is_leased AND state IN ('claimed', 'submitting')
                 AND lease_until < clock_timestamp()
               ORDER BY id FOR UPDATE SKIP LOCKED
           ), moved AS (
               UPDATE delivery d SET claim_token = NULL,
                   state = CASE over.state WHEN 'claimed' THEN 'pending' ELSE 'in_doubt' END,
                   lease_until = CASE over.state WHEN 'claimed' THEN NULL ELSE d.lease_until END,
                   outcome_code = CASE over.state WHEN 'submitting' THEN 'lease_over' ELSE d.outcome_code END
               FROM over WHERE d.tenant_id = :tenant_id AND d.id = over.id RETURNING over.state
           )
           SELECT count(*) FILTER (WHERE state = 'claimed') AS freed,
                  count(*) FILTER (WHERE state = 'submitting') AS doubtful FROM moved""",
        tenant_id=tenant_id,
    )
    assert reaped is not None
    _skip_cancelled(session, tenant_id)
    return reaped["freed"], reaped["doubtful"]


def _skip_cancelled(session: Session, tenant_id: int) -> None:
    run(
        session,
        """UPDATE delivery d SET state = 'skipped', skip_reason = 'cancelled', resolved_by = 'operator',
               resolved_at = clock_timestamp()
           FROM campaign c
           WHERE c.tenant_id = :tenant_id AND c.state = :cancelled
             AND d.tenant_id = c.tenant_id AND d.campaign_id = c.id AND d.state = 'pending' AND d.is_pending""",
        tenant_id=tenant_id,
        cancelled=CampaignState.CANCELLED,
    )
