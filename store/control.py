"""Control: what a person does with a campaign, and the audit of it. The same for every door."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlmodel import Session

from core.breakers import Scope
from core.campaigns import Action, CampaignState, Status
from core.errors import InputError
from store import breakers, campaigns, skips, tenants
from store.session import Row, one, rows


def act(
    session: Session,
    *,
    tenant_id: int,
    campaign_id: int,
    action: Action,
    reason: str,
    actor: str,
    detail: Mapping[str, object] | None = None,
) -> Status:
    """Pause, resume or cancel a campaign and return how it stands; what is so already is no error.

    Every intent reads the state in its own transaction: from the commit on, at most the window that is being called
    goes out.

    Raises:
        NotFoundError: The tenant has no such campaign.
        ConflictError: It is in a state in which this cannot be done.
        InputError: A breaker has tripped, and whoever resumes gives no reason.
    """
    key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    if action is Action.RESUME:
        _let_go_on(session, tenant_id, campaign_id, reason)
    campaigns.move(session, **key, to=action.leads_to, since=[*action.starts_from], reason=reason)
    campaigns.wait_for(session, **key, pause=timedelta(0))
    if action.leads_to is CampaignState.CANCELLED:
        skips.cancel_waiting(session, **key)
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor=actor,
        action=f"campaign.{action.leads_to}",
        subject=_subject(campaign_id),
        reason=reason,
        detail=detail,
    )
    return campaigns.status(session, **key)


def _let_go_on(session: Session, tenant_id: int, campaign_id: int, reason: str) -> None:
    """Begin to count anew if a breaker has tripped; before the campaign's row is locked (`store.breakers`)."""
    said = breakers.find(session, tenant_id=tenant_id).get((Scope.CAMPAIGN, str(campaign_id)))
    if said is None or said.tripped_at is None:
        return
    if not reason.strip():
        raise InputError(
            f"a breaker has stopped campaign {campaign_id}: say why it shall go on",
            hint="--reason is kept in the audit.",
        )
    breakers.begin_epoch(session, tenant_id=tenant_id, scope=Scope.CAMPAIGN, subject=str(campaign_id))


def trail(session: Session, *, tenant_id: int, campaign_id: int, limit: int = 10) -> Sequence[Row]:
    """Return what people did with a campaign, newest first: `created_at`, `actor`, `action`, `reason`."""
    return rows(
        session,
        """SELECT created_at, actor, action, reason FROM audit_entry
           WHERE tenant_id = :tenant_id AND subject = :subject ORDER BY id DESC LIMIT :limit""",
        tenant_id=tenant_id,
        subject=_subject(campaign_id),
        limit=limit,
    )


def _subject(campaign_id: int) -> str:
    return f"campaign {campaign_id}"


def was_heeded(session: Session, *, tenant_id: int, flow_run: str) -> bool:
    """Whether the end that a person made of this flow run has been acted upon already."""
    found = one(
        session,
        "SELECT FROM audit_entry WHERE tenant_id = :tenant_id AND detail ->> 'flow_run' = :flow_run LIMIT 1",
        tenant_id=tenant_id,
        flow_run=flow_run,
    )
    return found is not None
