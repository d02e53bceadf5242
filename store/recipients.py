"""Recipients: what the ledger says of every contact of a campaign's audience, row by row, however many there are."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlmodel import Session

from core.deliveries import State
from core.errors import ConflictError
from store import campaigns, tenants
from store.session import run, stream


PAGE: Final = 5_000

# Whoever reads slower than this, or stops reading, loses the list: a snapshot that is held for ever keeps PostgreSQL from
# cleaning up behind a campaign that is being sent.
PATIENCE: Final = "5min"

# A contact has a delivery or an exclusion, never both, so that everybody is in it once. The facts of a delivery are looked up by
# their key, one delivery at a time: the first row comes at once, and nothing is sorted or kept.
_RECIPIENTS: Final = """
    SELECT d.contact_id, c.address, c.state_reason, d.state, d.skip_reason, d.outcome_code, d.provider,
           d.submitted_at, d.ses_message_id, coalesce(d.resolved_at, d.submitted_at, k.planned_at) AS at,
           (SELECT jsonb_object_agg(f.fact, jsonb_build_object('at', f.first_at, 'reason', f.detail ->> 'reason'))
            FROM delivery_fact f WHERE f.tenant_id = d.tenant_id AND f.delivery_id = d.id) AS facts
    FROM campaign k
    JOIN delivery d ON d.tenant_id = k.tenant_id AND d.campaign_id = k.id
    LEFT JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
    WHERE k.tenant_id = :tenant_id AND k.id = :campaign_id AND d.state = ANY(:states)
    UNION ALL
    SELECT e.contact_id, c.address, c.state_reason, 'skipped', e.reason, NULL, NULL, NULL, NULL, k.planned_at, NULL
    FROM campaign k
    JOIN campaign_exclusion e ON e.tenant_id = k.tenant_id AND e.campaign_id = k.id
    LEFT JOIN contact c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    WHERE k.tenant_id = :tenant_id AND k.id = :campaign_id AND 'skipped' = ANY(:states)"""


def of_campaign(
    session: Session, *, tenant_id: int, campaign_id: int, states: Sequence[State]
) -> Iterator[dict[str, Any]]:
    """Yield what became of each contact, as of one moment, in no order.

    A row has `contact_id`, `address` (None of an erased contact), `state_reason` of the contact, `state`, `skip_reason`,
    `outcome_code`, `provider`, `submitted_at`, `ses_message_id`, `at` (the last thing that is known) and `facts`: of each kind
    its first time and its reason, or None.

    Args:
        session: A transaction of its own; it lasts until the last row was read.
        tenant_id: Whose campaign it is.
        campaign_id: A campaign that is planned; another one has no rows.
        states: Those of deliveries; an exclusion counts as skipped.
    """
    run(session, f"SET LOCAL idle_in_transaction_session_timeout = '{PATIENCE}'")
    found = stream(
        session,
        _RECIPIENTS,
        page=PAGE,
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        states=[str(state) for state in states],
    )
    yield from map(dict, found)


def note_taken(
    session: Session, *, tenant_id: int, campaign_id: int, outcomes: Sequence[str], actor: str
) -> None:
    """Write down that somebody takes the list, before the first line leaves: there are addresses in it.

    Raises:
        NotFoundError: The tenant has no such campaign.
        ConflictError: The campaign is not planned, so that nobody knows yet who gets it.
    """
    campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
    if campaign.planned_at is None:
        raise ConflictError(
            f"campaign {campaign_id} is not planned yet, so there is no list of who got it",
            hint=f"posthouse campaign preflight {campaign_id}",
        )
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor=actor,
        action="campaign.recipients_taken",
        subject=f"campaign {campaign_id}",
        reason="the list of " + (", ".join(outcomes) or "everybody"),
    )
