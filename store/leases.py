"""Leases by run: who is at work, and how the dead are relieved of what they held.

A claim's token begins with the flow run that made it, and a dot. One that was made outside of a flow run begins with
the dot: nobody can be asked about it, so it ends by the clock alone.
"""

from collections.abc import Collection

from sqlmodel import Session

from store.session import count, rows


def runs_at_work(session: Session, *, tenant_id: int) -> set[str]:
    """Return the flow runs that hold a live lease."""
    found = rows(
        session,
        """SELECT DISTINCT split_part(claim_token, '.', 1) AS run FROM delivery
           WHERE tenant_id = :tenant_id AND state IN ('claimed', 'submitting') AND lease_until > clock_timestamp()
             AND claim_token NOT LIKE '.%'""",
        tenant_id=tenant_id,
    )
    return {row["run"] for row in found}


def end(session: Session, *, tenant_id: int, dead_runs: Collection[str]) -> int:
    """End the leases of runs that are dead, and return how many; `deliveries.reap` does the rest.

    A run that is alive after all loses nothing but its turn: its token is a fence before a call, its attempt behind one.
    """
    return count(
        session,
        """UPDATE delivery SET lease_until = clock_timestamp()
           WHERE tenant_id = :tenant_id AND state IN ('claimed', 'submitting') AND lease_until > clock_timestamp()
             AND split_part(claim_token, '.', 1) = ANY(:dead_runs)""",
        tenant_id=tenant_id,
        dead_runs=list(dead_runs),
    )
