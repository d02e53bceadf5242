"""The ledger: claim, begin, record. Every statement is a compare-and-set on state, claim or attempt.

A batch names the tenant of each of its rows, and is `MATERIALIZED`, so that its rows are found by primary key. With the
tenant as a constant the planner may read all of the tenant's deliveries for each window, as long as statistics do not
know them: a campaign of 20,000, planned a second ago, was recorded at 7.6 ms a window in place of 0.5.

`is_pending` and `is_leased` are what the partial indexes follow, so that an intent, which changes neither, writes no index
entry. `state` is named beside them all the same: of a boolean that it has no statistics of, the planner expects a half.

A moment until which an index is walked is `statement_timestamp()`: `clock_timestamp()` may be another for each row, so that
every claim would walk on over all who wait for a later one.

All times are the database's: leases of a worker with a wrong clock end when everybody else thinks they do. Rows are
always taken in order of id, so that two transactions never wait for each other in a circle.

See:
    core/deliveries.py for the states and moves; store/leases.py and store/doubt.py for what becomes of a dead worker's
    deliveries; docs/sending.md for what a crash at each beat leaves behind.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlmodel import Session

from core.campaigns import CampaignState
from core.deliveries import Move, State, sources
from core.outcomes import LONGER_THAN_ANY_RETRY
from core.tenants import TenantState
from store.session import count, one, rows, run


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery reserved for this worker, with what rendering needs."""

    delivery_id: int
    contact_id: int
    address: str
    attributes: Mapping[str, Any]
    provider: str
    position: "Position"


class Position(NamedTuple):
    """A place in the order in which one mailbox provider's messages leave."""

    send_after: datetime
    tier: int
    delivery_id: int


BEGINNING: Final = Position(datetime(1970, 1, 1, tzinfo=UTC), -1, 0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A committed intent: the one call that may now be made for this delivery."""

    delivery_id: int
    attempt_id: str


def claim(
    session: Session,
    *,
    tenant_id: int,
    campaign_id: int,
    token: str,
    shares: Mapping[str, int],
    lease: timedelta,
    after: Mapping[str, Position] | None = None,
) -> list[Claimed]:
    """Reserve due deliveries; those that another worker is reserving are passed over.

    Args:
        session: The caller's transaction.
        tenant_id: Whose campaign.
        campaign_id: The campaign.
        token: The claim's name; only its holder may begin or release what it reserves.
        shares: The most of each mailbox provider. Of each the most engaged people come first.
        lease: How long they are reserved.
        after: Where the last claim of a provider ended: from there the index has no entries of deliveries that are gone.
            They stay in it until the next vacuum, and every claim from the beginning would walk over all of them.
    """
    after = after or {}
    starts = [after.get(provider, BEGINNING) for provider in shares]
    claimed = run(
        session,
        """WITH share AS MATERIALIZED (
               SELECT * FROM unnest(CAST(:providers AS text[]), CAST(:most AS int[]), CAST(:moments AS timestamptz[]),
                                    CAST(:tiers AS int[]), CAST(:ids AS bigint[]))
                      AS s (provider, most, after_moment, after_tier, after_id)
           ), due AS MATERIALIZED (
               SELECT walked.tenant_id, walked.id FROM share s, LATERAL (
                   SELECT tenant_id, id FROM delivery
                   WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND provider = s.provider
                     AND state = 'pending' AND is_pending AND send_after <= statement_timestamp()
                     AND (send_after, tier, id) > (s.after_moment, s.after_tier, s.after_id)
                     AND (not_before IS NULL OR not_before <= clock_timestamp()
                          OR not_before > clock_timestamp() + :too_long)
                   ORDER BY send_after, tier, id LIMIT s.most FOR UPDATE SKIP LOCKED
               ) AS walked
           )
           UPDATE delivery d SET state = :claimed, claim_token = :token, lease_until = clock_timestamp() + :lease
           FROM due, contact c
           WHERE d.tenant_id = due.tenant_id AND d.id = due.id AND c.tenant_id = d.tenant_id AND c.id = d.contact_id
           RETURNING d.id, d.contact_id, d.provider, d.send_after, d.tier, c.address, c.attributes""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        token=token,
        providers=list(shares),
        most=list(shares.values()),
        moments=[position.send_after for position in starts],
        tiers=[position.tier for position in starts],
        ids=[position.delivery_id for position in starts],
        lease=lease,
        too_long=LONGER_THAN_ANY_RETRY,
        claimed=State.CLAIMED,
    )
    return [
        Claimed(
            row.id,
            row.contact_id,
            row.address,
            row.attributes,
            row.provider,
            Position(row.send_after, row.tier, row.id),
        )
        for row in claimed
    ]


def may_send(session: Session, *, tenant_id: int, campaign_id: int) -> bool:
    """Whether the campaign is being sent and its tenant is active; asked in the transaction of every intent."""
    row = one(
        session,
        """SELECT FROM campaign c JOIN tenant t ON t.id = c.tenant_id
           WHERE c.tenant_id = :tenant_id AND c.id = :campaign_id AND c.state = :sending AND t.state = :active
             AND c.planned_at IS NOT NULL""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        sending=CampaignState.SENDING,
        active=TenantState.ACTIVE,
    )
    return row is not None


def begin(
    session: Session, *, tenant_id: int, token: str, attempts: Sequence[Attempt], lease: timedelta
) -> list[Attempt]:
    """Write the intents: from the commit on, each returned attempt may be called once. The others were lost."""
    begun = rows(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
               FROM unnest(CAST(:delivery_ids AS bigint[]), CAST(:attempt_ids AS text[])) AS w (id, attempt_id)
           ), begun AS (
               UPDATE delivery d SET state = :submitting, attempt_no = d.attempt_no + 1, attempt_id = w.attempt_id,
                   submitted_at = clock_timestamp(), lease_until = clock_timestamp() + :lease
               FROM wanted w
               WHERE d.tenant_id = w.tenant_id AND d.id = w.id AND d.state = 'claimed' AND d.claim_token = :token
               RETURNING d.tenant_id, d.id, d.attempt_id
           )
           INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id)
           SELECT tenant_id, attempt_id, id FROM begun RETURNING delivery_id, attempt_id""",
        tenant_id=tenant_id,
        token=token,
        delivery_ids=[attempt.delivery_id for attempt in attempts],
        attempt_ids=[attempt.attempt_id for attempt in attempts],
        lease=lease,
        submitting=State.SUBMITTING,
    )
    return [Attempt(row["delivery_id"], row["attempt_id"]) for row in begun]


def release(session: Session, *, tenant_id: int, token: str, delivery_ids: Collection[int]) -> int:
    """Give back those of these deliveries that this claim still holds; return how many."""
    # By their ids: the index of leases is full of entries of deliveries that are gone, until the next vacuum.
    return count(
        session,
        """UPDATE delivery SET state = 'pending', claim_token = NULL, lease_until = NULL
           WHERE tenant_id = :tenant_id AND id = ANY(:delivery_ids) AND state = 'claimed' AND claim_token = :token""",
        tenant_id=tenant_id,
        token=token,
        delivery_ids=list(delivery_ids),
    )


def fail_claimed(
    session: Session, *, tenant_id: int, token: str, delivery_ids: Sequence[int], code: str
) -> int:
    """End claimed deliveries that can never be rendered; no call was made for them."""
    return count(
        session,
        """UPDATE delivery SET state = 'failed', outcome_code = :code, claim_token = NULL, lease_until = NULL,
               resolved_by = 'policy', resolved_at = clock_timestamp()
           WHERE tenant_id = :tenant_id AND id = ANY(:delivery_ids) AND state = 'claimed' AND claim_token = :token""",
        tenant_id=tenant_id,
        token=token,
        delivery_ids=list(delivery_ids),
        code=code,
    )


def record_accepted(session: Session, *, tenant_id: int, accepted: Sequence[tuple[Attempt, str]]) -> None:
    """Record answers with a MessageId. They are not fenced: the answer to an older attempt is evidence, too."""
    run(
        session,
        """WITH answered AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
               FROM unnest(CAST(:delivery_ids AS bigint[]), CAST(:message_ids AS text[])) AS w (id, ses_message_id)
           )
           UPDATE delivery d SET state = 'sent', ses_message_id = w.ses_message_id, claim_token = NULL,
               lease_until = NULL, resolved_by = 'api', resolved_at = clock_timestamp()
           FROM answered w
           WHERE d.tenant_id = w.tenant_id AND d.id = w.id AND d.state = ANY(:evidence)""",
        tenant_id=tenant_id,
        delivery_ids=[attempt.delivery_id for attempt, _ in accepted],
        message_ids=[message_id for _, message_id in accepted],
        evidence=[str(state) for state in sources(Move.EVIDENCE)],
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call that was not accepted came to. `retry_in` is how long a delivery known not sent waits."""

    attempt: Attempt
    move: Move  # REFUSED, NOT_SENT or LOST
    code: str
    http_status: int = 0
    request_id: str = ""
    retry_in: timedelta = timedelta(0)


def record_outcomes(session: Session, *, tenant_id: int, outcomes: Sequence[Outcome]) -> Counter[str]:
    """Record calls that were not accepted, fenced by their attempts; count who is pending again by mailbox provider."""
    pending: Counter[str] = Counter()
    for move, after in (
        (Move.REFUSED, State.FAILED),
        (Move.NOT_SENT, State.PENDING),
        (Move.LOST, State.IN_DOUBT),
    ):
        group = [outcome for outcome in outcomes if outcome.move is move]
        if group:
            moved = _settle(session, tenant_id, group, move, after)
            if move is Move.NOT_SENT:
                pending.update(moved)
    if outcomes:
        _settle_attempts(session, tenant_id, outcomes)
    return pending


def _settle(
    session: Session, tenant_id: int, group: Sequence[Outcome], move: Move, after: State
) -> list[str]:
    """Return the mailbox provider of each delivery that was moved."""
    moved = rows(
        session,
        """WITH answered AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
               FROM unnest(CAST(:delivery_ids AS bigint[]), CAST(:attempt_ids AS text[]), CAST(:codes AS text[]),
                           CAST(:retries AS interval[])) AS w (id, attempt_id, code, retry_in)
           )
           UPDATE delivery d SET state = :after, outcome_code = w.code,
               claim_token = NULL, lease_until = CASE WHEN :after = 'in_doubt' THEN d.lease_until END,
               not_before = CASE WHEN :after = 'pending' THEN clock_timestamp() + w.retry_in ELSE d.not_before END,
               resolved_by = CASE WHEN :after = 'failed' THEN 'api' END,
               resolved_at = CASE WHEN :after = 'failed' THEN clock_timestamp() END
           FROM answered w
           WHERE d.tenant_id = w.tenant_id AND d.id = w.id AND d.attempt_id = w.attempt_id
             AND d.state = ANY(:sources)
           RETURNING d.provider""",
        tenant_id=tenant_id,
        after=str(after),
        sources=[str(state) for state in sources(move) if state is not State.CLAIMED],
        delivery_ids=[outcome.attempt.delivery_id for outcome in group],
        attempt_ids=[outcome.attempt.attempt_id for outcome in group],
        codes=[outcome.code for outcome in group],
        retries=[outcome.retry_in for outcome in group],
    )
    return [row["provider"] for row in moved]


def _settle_attempts(session: Session, tenant_id: int, outcomes: Sequence[Outcome]) -> None:
    """Write down what was learnt of the calls that went wrong; of an accepted one the delivery itself tells."""
    run(
        session,
        """WITH answered AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
               FROM unnest(CAST(:attempt_ids AS text[]), CAST(:moves AS text[]), CAST(:codes AS text[]),
                           CAST(:statuses AS int[]), CAST(:request_ids AS text[]))
                   AS w (attempt_id, outcome, code, status, request_id)
           )
           UPDATE delivery_attempt a SET outcome = w.outcome, error_code = w.code,
               http_status = nullif(w.status, 0), request_id = nullif(w.request_id, '')
           FROM answered w
           WHERE a.tenant_id = w.tenant_id AND a.attempt_id = w.attempt_id""",
        tenant_id=tenant_id,
        attempt_ids=[outcome.attempt.attempt_id for outcome in outcomes],
        moves=[str(outcome.move) for outcome in outcomes],
        codes=[outcome.code for outcome in outcomes],
        statuses=[outcome.http_status for outcome in outcomes],
        request_ids=[outcome.request_id for outcome in outcomes],
    )
