"""Vanguards: the first messages of a campaign that go ahead, counted by calls that are begun; see `core.breakers`.

A call takes its place in the transaction of its intent and gives it back when it is known that nothing was sent. What a killed
sender has begun keeps its place: it may have been sent.
"""

from datetime import timedelta

from sqlmodel import Session

from core import breakers as rule
from core.breakers import Vanguard
from store.session import Row, one, run


_FIND = """SELECT v.audience, v.used, clock_timestamp() - v.used_at AS waited, (
               SELECT coalesce(sum(c.resolved), 0)::bigint FROM breaker_count c
               WHERE c.tenant_id = v.tenant_id AND c.campaign_id = v.campaign_id) AS resolved
           FROM campaign_vanguard v
           WHERE v.tenant_id = :tenant_id AND v.campaign_id = :campaign_id AND v.over_at IS NULL"""


def form(session: Session, *, tenant_id: int, campaign_id: int, audience: int) -> None:
    """Let a planned campaign wait for its first messages. It has a vanguard once, however often it is planned."""
    run(
        session,
        """INSERT INTO campaign_vanguard (tenant_id, campaign_id, audience)
           VALUES (:tenant_id, :campaign_id, :audience) ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        audience=audience,
    )


def find(session: Session, *, tenant_id: int, campaign_id: int) -> tuple[Vanguard, timedelta] | None:
    """Return how the vanguard stands and how long it has waited; None when the campaign has none, or it is over."""
    row = one(session, _FIND, tenant_id=tenant_id, campaign_id=campaign_id)
    return _standing(row) if row else None


def in_words(session: Session, *, tenant_id: int, campaign_id: int) -> str:
    """Return what a campaign waits for whose first messages have left; empty when it does not."""
    found = find(session, tenant_id=tenant_id, campaign_id=campaign_id)
    return found[0].why if found and found[0].room == 0 else ""


def room(session: Session, *, tenant_id: int, campaign_id: int) -> int | None:
    """Return how many calls may still be begun, and keep others from beginning them until the transaction ends."""
    row = one(session, f"{_FIND} FOR UPDATE OF v", tenant_id=tenant_id, campaign_id=campaign_id)
    return max(rule.vanguard_size(row["audience"]) - row["used"], 0) if row else None


def _standing(row: Row) -> tuple[Vanguard, timedelta]:
    waited = row["waited"] or timedelta(0)
    found = rule.vanguard(audience=row["audience"], sent=row["used"], resolved=row["resolved"], waited=waited)
    return found, waited


def use(session: Session, *, tenant_id: int, campaign_id: int, calls: int) -> None:
    """Count calls that are begun, or, below zero, those of which it is known that nothing was sent."""
    run(
        session,
        """UPDATE campaign_vanguard SET used = greatest(used + :calls, 0),
               used_at = CASE WHEN :calls > 0 THEN clock_timestamp() ELSE used_at END
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND over_at IS NULL""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        calls=calls,
    )


def end(session: Session, *, tenant_id: int, campaign_id: int) -> None:
    """Let the others go."""
    run(
        session,
        """UPDATE campaign_vanguard SET over_at = clock_timestamp()
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND over_at IS NULL""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
