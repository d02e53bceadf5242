"""Planning: an audience becomes deliveries, and a stated reason for everybody who is left out.

The recipient keys are uniformly distributed hashes, so an audience is cut into slices of the key space: a slice is one
set-based statement and one transaction, two spellings of one address always fall into the same slice, and a planner
that was killed begins again without harm.

Both statements here join without nested loops. Of contacts that were imported a minute ago, of a new tenant, or of the
first slice's rows the statistics know nothing, so the planner expects one row and compares everybody with everybody:
a preview of 10,000 took 3 s, and of 20,000 four times that. Hash and merge joins take as long as the rows that there are.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise

from sqlmodel import Session

from core.campaigns import CampaignState
from core.engagement import NEVER, TIER_DAYS
from core.providers import OTHER
from core.suppression import SKIP_REASONS
from store.session import count, one, rows, run


SLICE_MEMBERS = 250_000
_KEYS = 16**8  # slices are cut at the first eight hex digits of the 128-bit key


def slices(session: Session, *, tenant_id: int, audience_id: int) -> Iterator[tuple[str, str]]:
    """Yield the bounds (from, below) of key slices that hold about `SLICE_MEMBERS` members each."""
    row = one(
        session,
        "SELECT count(*) AS members FROM audience_member WHERE tenant_id = :tenant_id AND audience_id = :audience_id",
        tenant_id=tenant_id,
        audience_id=audience_id,
    )
    assert row is not None
    parts = max(-(-row["members"] // SLICE_MEMBERS), 1)
    # "g" sorts behind every hex digit.
    edges = [*(f"{_KEYS * part // parts:08x}" for part in range(parts)), "g"]
    yield from pairwise(edges)


# The strongest reason wins; the order is that of `core.suppression.Reason`.
_SUPPRESSED_AS = " ".join(f"WHEN '{reason}' THEN '{skip}'" for reason, skip in SKIP_REASONS.items())
_STRENGTH = " ".join(f"WHEN '{reason}' THEN {rank}" for rank, reason in enumerate(SKIP_REASONS))

# Who lapses is active again with the first sign of life, whether or not a night has seen it. On the win-back list only those are
# sent to who have had no win-back since they lapsed; of any other list that look-up has no row to begin with.
_JUDGED = f"""
WITH candidate AS (
    SELECT c.id, c.recipient_key, c.address, c.state_at, greatest(c.engaged_at, c.consent_at) AS engaged_at,
           CASE WHEN c.state = 'lapsing' AND greatest(c.engaged_at, c.consent_at) > c.state_at THEN 'active'
                ELSE c.state END AS state,
           row_number() OVER (PARTITION BY c.recipient_key ORDER BY c.state = 'retired', c.id) AS nth
    FROM audience_member m
    JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
    WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id
      AND c.recipient_key >= :key_from AND c.recipient_key < :key_below
), suppressed AS (
    SELECT DISTINCT ON (recipient_key) recipient_key, CASE reason {_SUPPRESSED_AS} END AS reason
    FROM (
        SELECT recipient_key, reason, expires_at FROM suppression
        WHERE tenant_id = :tenant_id AND (audience_id IS NULL OR audience_id = :audience_id)
          AND recipient_key >= :key_from AND recipient_key < :key_below
        UNION ALL
        SELECT recipient_key, reason, expires_at FROM global_suppression
        WHERE recipient_key >= :key_from AND recipient_key < :key_below) AS found
    WHERE expires_at IS NULL OR expires_at > now()
    ORDER BY recipient_key, CASE reason {_STRENGTH} END
), paused AS (
    SELECT recipient_key FROM preference
    WHERE tenant_id = :tenant_id AND paused_until > now() AND recipient_key >= :key_from AND recipient_key < :key_below
), winback AS (
    SELECT d.recipient_key, max(k.planned_at) AS at
    FROM audience a
    JOIN campaign k ON k.tenant_id = a.tenant_id AND k.audience_id = a.id
    JOIN delivery d ON d.tenant_id = k.tenant_id AND d.campaign_id = k.id
    WHERE a.tenant_id = :tenant_id AND a.id = :audience_id AND a.purpose = 'winback'
      AND k.id <> :campaign_id AND d.state NOT IN ('skipped', 'failed')
      AND d.recipient_key >= :key_from AND d.recipient_key < :key_below
    GROUP BY d.recipient_key
), judged AS (
    SELECT candidate.id, candidate.recipient_key, candidate.address, candidate.engaged_at,
           CASE WHEN suppressed.reason IS NOT NULL THEN suppressed.reason
                WHEN candidate.state = 'retired' THEN 'retired'
                WHEN candidate.state = 'lapsing' AND NOT EXISTS (
                    SELECT FROM audience WHERE tenant_id = :tenant_id AND id = :audience_id AND purpose = 'winback')
                    THEN 'lapsing'
                WHEN winback.at > candidate.state_at THEN 'winback_sent'
                WHEN candidate.nth > 1 THEN 'duplicate'
                WHEN paused.recipient_key IS NOT NULL THEN 'paused' END AS reason
    FROM candidate LEFT JOIN suppressed USING (recipient_key) LEFT JOIN paused USING (recipient_key)
         LEFT JOIN winback USING (recipient_key)
)"""  # noqa: S608  # the only text put in is our own enums


# As `core.engagement.tier` says it of an expression that is put in.
_TIERS = " ".join(
    f"WHEN {{engaged_at}} >= now() - interval '{days} days' THEN {number}"
    for number, days in enumerate(TIER_DAYS)
)
TIER = f"CASE {_TIERS} ELSE {NEVER} END"


# Under the lock nobody else adds deliveries, so that who has one is left out beforehand: ON CONFLICT would cost each
# new delivery an eighth more. In the order of the contacts, and not of the keys, because the foreign key's checks, and
# later the claims, then walk through the contacts instead of jumping: a sixth less.
_INSERT = f"""{_JUDGED}, planned AS (
    SELECT recipient_key, contact_id FROM delivery
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
      AND recipient_key >= :key_from AND recipient_key < :key_below
), excluded AS (
    INSERT INTO campaign_exclusion (tenant_id, campaign_id, contact_id, reason)
    SELECT :tenant_id, :campaign_id, j.id, j.reason FROM judged j
    WHERE j.reason IS NOT NULL AND NOT EXISTS (
        SELECT FROM planned p WHERE p.recipient_key = j.recipient_key AND p.contact_id = j.id)
    ON CONFLICT DO NOTHING
)
INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, provider, tier)
SELECT :tenant_id, :campaign_id, j.id, j.recipient_key, coalesce(mailbox.provider, '{OTHER}'), {TIER.format(engaged_at="j.engaged_at")}
FROM judged j LEFT JOIN mailbox_domain mailbox ON mailbox.domain = lower(split_part(j.address, '@', -1))
WHERE j.reason IS NULL
  AND NOT EXISTS (SELECT FROM planned p WHERE p.recipient_key = j.recipient_key)
  AND NOT EXISTS (SELECT FROM campaign_exclusion e WHERE e.tenant_id = :tenant_id
                  AND e.campaign_id = :campaign_id AND e.contact_id = j.id)
ORDER BY j.id"""  # noqa: S608  # see above


def plan_slice(
    session: Session, *, tenant_id: int, campaign_id: int, audience_id: int, key_from: str, key_below: str
) -> int:
    """Give everybody of a slice a delivery or a reason; return how many deliveries are new.

    Harmless when run again: who has a delivery gets no reason, who has a reason gets no delivery. A plan that is
    complete, or whose campaign is not being sent any more, takes nobody.
    """
    if not _lock_open_plan(session, tenant_id, campaign_id):
        return 0
    with _sets_joined(session):
        return count(
            session,
            _INSERT,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            audience_id=audience_id,
            key_from=key_from,
            key_below=key_below,
        )


@contextmanager
def _sets_joined(session: Session) -> Iterator[None]:
    """Keep PostgreSQL's planner from nested loops, and sorts and hashes from the disk; the transaction's rest is as always."""
    run(session, "SET LOCAL enable_nestloop = off")
    run(session, "SET LOCAL work_mem = '64MB'")
    yield
    run(session, "SET LOCAL enable_nestloop TO DEFAULT")
    run(session, "SET LOCAL work_mem TO DEFAULT")


def _lock_open_plan(session: Session, tenant_id: int, campaign_id: int) -> bool:
    """Keep other planners and a cancellation out until the transaction ends; return whether people may be added.

    Without the lock two planners who see different suppressions give one person a delivery and a reason, and who is
    added after a cancellation waits for ever.
    """
    row = one(
        session,
        """SELECT id FROM campaign WHERE tenant_id = :tenant_id AND id = :campaign_id
           AND state = :sending AND planned_at IS NULL FOR NO KEY UPDATE""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        sending=CampaignState.SENDING,
    )
    return row is not None


def preview(session: Session, *, tenant_id: int, audience_id: int) -> dict[str | None, int]:
    """Count, without changing anything, who would be left out and why; the key None holds who would be sent to."""
    with _sets_joined(session):
        found = run(
            session,
            f"{_JUDGED} SELECT reason, count(*) AS people FROM judged GROUP BY reason",  # noqa: S608  # see above
            tenant_id=tenant_id,
            audience_id=audience_id,
            campaign_id=0,  # none: every win-back counts
            key_from="0",
            key_below="g",
        )
    return {row.reason: row.people for row in found}


def finish_plan(session: Session, *, tenant_id: int, campaign_id: int) -> None:
    """Mark the plan as complete, and count it by mailbox provider: from now on the campaign's messages may leave."""
    if not _lock_open_plan(session, tenant_id, campaign_id):
        return
    run(
        session,
        """INSERT INTO campaign_provider (tenant_id, campaign_id, provider, planned)
           SELECT :tenant_id, :campaign_id, provider, count(*) FROM delivery
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id GROUP BY provider""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    run(
        session,
        """UPDATE campaign SET planned_at = now(), started_at = coalesce(started_at, now())
           WHERE tenant_id = :tenant_id AND id = :campaign_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )


def planned(session: Session, *, tenant_id: int, campaign_id: int) -> dict[str, int]:
    """Return how many deliveries were planned for each mailbox provider; nobody before the plan is complete."""
    found = rows(
        session,
        """SELECT provider, planned FROM campaign_provider
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return {row["provider"]: int(row["planned"]) for row in found}


def zones(session: Session, *, tenant_id: int, campaign_id: int) -> list[str]:
    """Return the time zones that the readers of a campaign have said, as they were written; "" for those who said none."""
    found = rows(
        session,
        """SELECT DISTINCT coalesce(c.attributes ->> 'time_zone', '') AS zone
           FROM delivery d JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
           WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id AND d.state = 'pending'""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return [row["zone"] for row in found]


def send_zones_after(
    session: Session, *, tenant_id: int, campaign_id: int, moments: Mapping[str, datetime]
) -> None:
    """Let the readers who wrote these time zones wait, each until the zone's moment; one walk, however many zones there are."""
    run(
        session,
        """UPDATE delivery d SET send_after = greatest(d.send_after, w.moment)
           FROM contact c JOIN unnest(CAST(:zones AS text[]), CAST(:moments AS timestamptz[])) AS w (zone, moment)
                ON coalesce(c.attributes ->> 'time_zone', '') = w.zone
           WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id AND d.state = 'pending'
             AND c.tenant_id = d.tenant_id AND c.id = d.contact_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        zones=list(moments),
        moments=list(moments.values()),
    )


def spread(session: Session, *, tenant_id: int, campaign_id: int, over: timedelta) -> None:
    """Give each waiting delivery a moment of its own, evenly over a time from now on, the most engaged people first."""
    run(
        session,
        """WITH placed AS MATERIALIZED (
               SELECT tenant_id, id, (row_number() OVER (PARTITION BY provider ORDER BY tier, id) - 1)::float
                   / count(*) OVER (PARTITION BY provider) AS part
               FROM delivery WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND state = 'pending'
           )
           UPDATE delivery d SET send_after = clock_timestamp() + placed.part * CAST(:over AS interval) FROM placed
           WHERE d.tenant_id = placed.tenant_id AND d.id = placed.id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        over=over,
    )
