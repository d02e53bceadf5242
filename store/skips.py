"""Skips: who gets no message after all, although the plan gave a delivery; each with the reason.

Whoever is skipped is claimed by the sender that skips, or waits: a call that may have happened is never skipped.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session

from core.deliveries import State
from core.preferences import APART
from core.suppression import SKIP_REASONS
from store.session import count, rows


_SKIPPED_AS = " ".join(f"WHEN '{reason}' THEN '{skip}'" for reason, skip in SKIP_REASONS.items())
_STRENGTH = " ".join(f"WHEN '{reason}' THEN {rank}" for rank, reason in enumerate(SKIP_REASONS))


def skip_suppressed(
    session: Session, *, tenant_id: int, audience_id: int, token: str, delivery_ids: Sequence[int]
) -> set[int]:
    """Skip the claimed deliveries whose person was suppressed after planning, for the strongest reason; return their ids."""
    skipped = rows(
        session,
        f"""WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, id FROM unnest(CAST(:delivery_ids AS bigint[])) AS id
           ), suppressed AS MATERIALIZED (
               SELECT DISTINCT ON (d.id) d.tenant_id, d.id, s.reason
               FROM wanted w JOIN delivery d ON d.tenant_id = w.tenant_id AND d.id = w.id
               CROSS JOIN LATERAL (
                   SELECT reason, expires_at FROM suppression
                   WHERE tenant_id = d.tenant_id AND recipient_key = d.recipient_key
                     AND (audience_id IS NULL OR audience_id = :audience_id)
                   UNION ALL
                   SELECT reason, expires_at FROM global_suppression WHERE recipient_key = d.recipient_key) AS s
               WHERE s.expires_at IS NULL OR s.expires_at > now()
               ORDER BY d.id, CASE s.reason {_STRENGTH} END
           )
           UPDATE delivery d SET state = :skipped, skip_reason = CASE suppressed.reason {_SKIPPED_AS} END,
               claim_token = NULL, lease_until = NULL, resolved_by = 'policy', resolved_at = clock_timestamp()
           FROM suppressed
           WHERE d.tenant_id = suppressed.tenant_id AND d.id = suppressed.id AND d.state = 'claimed' AND d.claim_token = :token
           RETURNING d.id""",  # noqa: S608  # our own enums
        tenant_id=tenant_id,
        audience_id=audience_id,
        token=token,
        delivery_ids=list(delivery_ids),
        skipped=State.SKIPPED,
    )
    return {row["id"] for row in skipped}


def skip_retired(
    session: Session, *, tenant_id: int, audience_id: int, token: str, delivery_ids: Sequence[int]
) -> set[int]:
    """Skip the claimed deliveries whose contact hygiene has retired since the plan, or has let lapse; return their ids.

    Who lapses is still sent a win-back, and everything else once there was a sign of life.
    """
    skipped = rows(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, id FROM unnest(CAST(:delivery_ids AS bigint[])) AS id
           ), away AS MATERIALIZED (
               SELECT d.tenant_id, d.id, c.state
               FROM wanted w
               JOIN delivery d ON d.tenant_id = w.tenant_id AND d.id = w.id
               JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
               WHERE c.state = 'retired' OR (
                   c.state = 'lapsing' AND coalesce(greatest(c.engaged_at, c.consent_at), '-infinity') <= c.state_at
                   AND NOT EXISTS (SELECT FROM audience a WHERE a.tenant_id = :tenant_id AND a.id = :audience_id
                                   AND a.purpose = 'winback'))
           )
           UPDATE delivery d SET state = 'skipped', skip_reason = away.state, claim_token = NULL, lease_until = NULL,
               resolved_by = 'policy', resolved_at = clock_timestamp()
           FROM away
           WHERE d.tenant_id = away.tenant_id AND d.id = away.id AND d.state = 'claimed' AND d.claim_token = :token
           RETURNING d.id""",
        tenant_id=tenant_id,
        audience_id=audience_id,
        token=token,
        delivery_ids=list(delivery_ids),
    )
    return {row["id"] for row in skipped}


def skip_too_often(
    session: Session,
    *,
    tenant_id: int,
    token: str,
    delivery_ids: Sequence[int],
    messages: int,
    within: timedelta,
) -> set[int]:
    """Skip the claimed deliveries whose person has had so many messages of the tenant lately; return their ids.

    A call that may have happened counts. In the transaction of an intent nobody else counts at the same time, because the
    row of the SES account is locked.
    """
    skipped = rows(
        session,
        """WITH wanted AS MATERIALIZED (
               SELECT d.tenant_id, d.id, d.contact_id FROM delivery d
               WHERE d.tenant_id = :tenant_id AND d.id = ANY(:delivery_ids) AND d.state = 'claimed'
                 AND d.claim_token = :token
           ), had AS (
               SELECT w.tenant_id, w.id FROM wanted w, LATERAL (
                   SELECT count(*) AS messages FROM delivery o
                   WHERE o.tenant_id = w.tenant_id AND o.contact_id = w.contact_id
                     AND o.state IN ('submitting', 'in_doubt', 'sent', 'unconfirmed')
                     AND o.submitted_at > clock_timestamp() - :within) AS lately
               WHERE lately.messages >= :messages
           )
           UPDATE delivery d SET state = 'skipped', skip_reason = 'too_often', claim_token = NULL, lease_until = NULL,
               resolved_by = 'policy', resolved_at = clock_timestamp()
           FROM had WHERE d.tenant_id = had.tenant_id AND d.id = had.id RETURNING d.id""",
        tenant_id=tenant_id,
        token=token,
        delivery_ids=list(delivery_ids),
        messages=messages,
        within=within,
    )
    return {row["id"] for row in skipped}


_APART = " ".join(f"WHEN '{name}' THEN interval '{apart}'" for name, apart in APART.items())


def skip_unwanted(session: Session, *, tenant_id: int, token: str, delivery_ids: Sequence[int]) -> set[int]:
    """Skip the claimed deliveries whose person has asked for a pause, or wants less than this; return their ids.

    Of a person with several contacts the messages to all of them count; for the rest see `skip_too_often`.
    """
    skipped = rows(
        session,
        f"""WITH wanted AS MATERIALIZED (
               SELECT CAST(:tenant_id AS bigint) AS tenant_id, id FROM unnest(CAST(:delivery_ids AS bigint[])) AS id
           ), preferring AS MATERIALIZED (
               SELECT d.tenant_id, d.id, d.recipient_key, p.paused_until > now() AS is_paused,
                      CASE p.frequency {_APART} END AS apart
               FROM wanted w JOIN delivery d ON d.tenant_id = w.tenant_id AND d.id = w.id
               JOIN preference p ON p.tenant_id = d.tenant_id AND p.recipient_key = d.recipient_key
           ), unwanted AS (
               SELECT r.tenant_id, r.id, CASE WHEN r.is_paused THEN 'paused' ELSE 'wants_less' END AS reason
               FROM preferring r
               WHERE r.is_paused OR EXISTS (
                   SELECT FROM contact k JOIN delivery o ON o.tenant_id = k.tenant_id AND o.contact_id = k.id
                   WHERE k.tenant_id = r.tenant_id AND k.recipient_key = r.recipient_key
                     AND o.state IN ('submitting', 'in_doubt', 'sent', 'unconfirmed')
                     AND o.submitted_at > clock_timestamp() - r.apart)
           )
           UPDATE delivery d SET state = 'skipped', skip_reason = unwanted.reason, claim_token = NULL, lease_until = NULL,
               resolved_by = 'policy', resolved_at = clock_timestamp()
           FROM unwanted
           WHERE d.tenant_id = unwanted.tenant_id AND d.id = unwanted.id AND d.state = 'claimed' AND d.claim_token = :token
           RETURNING d.id""",  # noqa: S608  # our own numbers
        tenant_id=tenant_id,
        token=token,
        delivery_ids=list(delivery_ids),
    )
    return {row["id"] for row in skipped}


def give_up_waiting(session: Session, *, tenant_id: int, campaign_id: int) -> int:
    """Skip everybody who still waits, because the campaign's end has come; who is claimed is left to the claim's holder."""
    return count(
        session,
        """UPDATE delivery SET state = 'skipped', skip_reason = 'too_late', resolved_by = 'policy',
               resolved_at = clock_timestamp()
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND state = 'pending' AND is_pending""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )


def cancel_waiting(session: Session, *, tenant_id: int, campaign_id: int) -> int:
    """Skip everybody whose message has not begun; doubt and calls in flight are still settled."""
    return count(
        session,
        """UPDATE delivery SET state = 'skipped', skip_reason = 'cancelled', claim_token = NULL, lease_until = NULL,
               resolved_by = 'operator', resolved_at = clock_timestamp()
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND state IN ('pending', 'claimed')""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
