"""Doubt: the deliveries whose calls may or may not have been accepted, what is known around them, and how it ends by policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.deliveries import Policy
from core.evidence import CLOCKS_AGREE, SLOT, Neighbourhood
from store.session import Session, count, rows


@dataclass(frozen=True, slots=True)
class Doubt:
    """One doubtful delivery of a campaign that may send again on evidence. `age` is by the clock of `looked_at`."""

    delivery_id: int
    attempt_id: str
    age: timedelta
    looked_at: datetime
    around: Neighbourhood


def waits(session: Session, *, tenant_id: int) -> bool:
    """Whether anybody of the tenant is in doubt, or will be as soon as the leases that are over are ended."""
    found = rows(
        session,
        """SELECT FROM delivery WHERE tenant_id = :tenant_id AND is_leased AND (
               state = 'in_doubt' OR (state = 'submitting' AND lease_until < clock_timestamp())) LIMIT 1""",
        tenant_id=tenant_id,
    )
    return bool(found)


def under_evidence(session: Session, *, tenant_id: int, guard: timedelta, limit: int = 10_000) -> list[Doubt]:
    """Return the doubt past the guard in campaigns with the policy `evidence`, each with its neighbourhood.

    Neighbours are counted by slots of ten minutes: those of the call's own slot and of the two beside it. Calls of before a
    quarantine are left out: their events may have been applied by commits that are lost, and come no second time. So are
    those with neighbours of a time that was told twice: they may be of the other one.
    """
    found = rows(
        session,
        """WITH clock AS MATERIALIZED (
               -- One reading, which is held against Amazon's clock: it may jump while this is running.
               SELECT clock_timestamp() AS now
           ), doubt AS (
               SELECT d.id, d.attempt_id, d.submitted_at,
                      floor(extract(epoch FROM d.submitted_at) / :slot)::bigint AS slot
               FROM delivery d JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
               WHERE d.tenant_id = :tenant_id AND d.is_leased AND d.state = 'in_doubt' AND c.policy = :policy AND c.state = 'sending'
                 AND d.submitted_at < (SELECT now FROM clock) - :guard
                 AND NOT EXISTS (SELECT FROM ledger_quarantine q WHERE q.began_at > d.submitted_at)
                 AND NOT EXISTS (SELECT FROM ses_account a
                                 WHERE a.told_twice_until > d.submitted_at - 2 * make_interval(secs => :slot))
               ORDER BY d.id LIMIT :limit
           ), slots AS (
               SELECT DISTINCT slot + beside AS slot FROM doubt, generate_series(-1, 1) AS beside
           ), neighbour AS (
               SELECT floor(extract(epoch FROM d.submitted_at) / :slot)::bigint AS slot, count(*) AS confirmed,
                      count(f.delivery_id) AS told
               FROM delivery d
               LEFT JOIN delivery_fact f ON f.tenant_id = d.tenant_id AND f.delivery_id = d.id AND f.fact = 'sent'
                    AND f.first_at BETWEEN d.submitted_at - :agree AND d.submitted_at + :agree
               WHERE d.tenant_id = :tenant_id AND d.state IN ('sent', 'failed') AND d.resolved_by = 'api'
                 AND d.ses_message_id IS NOT NULL
                 AND d.submitted_at >= (SELECT to_timestamp(min(slot) * :slot) FROM slots)
                 AND d.submitted_at < (SELECT to_timestamp((max(slot) + 1) * :slot) FROM slots)
               GROUP BY 1
           )
           SELECT doubt.id, doubt.attempt_id, clock.now - doubt.submitted_at AS age, clock.now AS looked_at,
                  coalesce(sum(neighbour.confirmed), 0)::bigint AS confirmed,
                  coalesce(sum(neighbour.told), 0)::bigint AS told
           FROM clock CROSS JOIN doubt LEFT JOIN neighbour ON neighbour.slot BETWEEN doubt.slot - 1 AND doubt.slot + 1
           GROUP BY doubt.id, doubt.attempt_id, doubt.submitted_at, clock.now ORDER BY doubt.id""",
        tenant_id=tenant_id,
        policy=Policy.EVIDENCE,
        guard=guard,
        limit=limit,
        slot=int(SLOT.total_seconds()),
        agree=CLOCKS_AGREE,
    )
    return [
        Doubt(
            row["id"],
            row["attempt_id"],
            row["age"],
            row["looked_at"],
            Neighbourhood(confirmed=row["confirmed"], told=row["told"]),
        )
        for row in found
    ]


def refute(session: Session, *, tenant_id: int, doubts: Sequence[Doubt]) -> int:
    """Let refuted deliveries wait for another call, if their attempt is still the doubtful one; return how many."""
    return count(
        session,
        """UPDATE delivery d SET state = 'pending', lease_until = NULL, not_before = NULL, outcome_code = 'refuted'
           FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS text[])) AS w (id, attempt_id)
           WHERE d.tenant_id = :tenant_id AND d.id = w.id AND d.attempt_id = w.attempt_id AND d.state = 'in_doubt'""",
        tenant_id=tenant_id,
        ids=[doubt.delivery_id for doubt in doubts],
        attempts=[doubt.attempt_id for doubt in doubts],
    )


def send_again(session: Session, *, tenant_id: int, after: timedelta) -> int:
    """Let doubt wait for another call, in the campaigns whose policy is `at_least_once`; return how many deliveries.

    Args:
        session: The caller's transaction.
        tenant_id: Whose campaigns.
        after: The guard: an older request can no longer be accepted, because its signature has expired.
    """
    return count(
        session,
        """UPDATE delivery d SET state = 'pending', lease_until = NULL, not_before = NULL
           FROM campaign c
           WHERE d.tenant_id = :tenant_id AND d.is_leased AND d.state = 'in_doubt' AND d.submitted_at < clock_timestamp() - :after
             AND c.tenant_id = d.tenant_id AND c.id = d.campaign_id AND c.policy = 'at_least_once'
             AND c.state = 'sending'""",
        tenant_id=tenant_id,
        after=after,
    )


def give_up(session: Session, *, tenant_id: int, after: timedelta) -> int:
    """End doubt that no evidence settled in time as `unconfirmed`; return how many deliveries."""
    return count(
        session,
        """UPDATE delivery SET state = 'unconfirmed', lease_until = NULL, resolved_by = 'policy',
               resolved_at = clock_timestamp()
           WHERE tenant_id = :tenant_id AND is_leased AND state = 'in_doubt' AND submitted_at < clock_timestamp() - :after""",
        tenant_id=tenant_id,
        after=after,
    )
