"""Campaigns: what an operator sees of them and does with them, from a browser without scripts.

What is done is `store.control.act`, as from the command line and from Prefect. Each form is answered with a redirect to
the campaign's page, so that reloading it repeats nothing, and a form that is sent twice finds done what it asks for.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from core import forecast_picture, operators
from core.campaigns import FINAL, Action, CampaignState, Status, possible
from core.errors import ConflictError, InputError, NotFoundError
from core.recipients import Outcome
from models import Campaign
from store import allowances, campaigns, control, outlook, overview, prospects, sending_domains, tenants
from store.session import Session
from web import words
from web.doors import Doors, Given
from web.operators import ROOM, NoSuchPageError, Operator, SignedForm, SignedIn, shown


router = APIRouter()

PER_PAGE = 25


def _id(text: str) -> int:
    """Return an id as PostgreSQL's bigint takes it."""
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 18):
        raise NoSuchPageError
    return int(text)


def _campaign_id(number: str) -> int:
    return _id(number)


def _action(verb: str) -> Action:
    try:
        return Action(verb)
    except ValueError as error:
        raise NoSuchPageError from error


Id = Annotated[int, Depends(_campaign_id)]
Chosen = Annotated[Action, Depends(_action)]


@router.get(ROOM)
def list_(operator: SignedIn, doors: Given, tenant: str = "", below: str = "") -> Response:
    """Show campaigns, newest first."""
    with doors.database.begin() as session:
        owners = tenants.everyone(session)
        if tenant and tenant not in {owner.slug for owner in owners}:
            raise NoSuchPageError
        found = overview.newest_campaigns(
            session, slug=tenant or None, below=_id(below) if below else None, limit=PER_PAGE + 1
        )
    older = found[PER_PAGE - 1]["id"] if len(found) > PER_PAGE else None
    return shown(
        "campaigns",
        operator=operator,
        tenants=owners,
        chosen=tenant,
        campaigns=found[:PER_PAGE],
        older=older,
        is_first=not below,
    )


@router.get(f"{ROOM}/{{number}}")
def show(operator: SignedIn, campaign_id: Id, doors: Given, done: str = "") -> Response:
    """Show one campaign."""
    return _page(doors, operator, campaign_id, done=done)


@router.get(f"{ROOM}/{{number}}/cancel")
def ask_to_cancel(operator: SignedIn, campaign_id: Id, doors: Given) -> Response:
    """Ask whether to cancel, for it is for good."""
    return _question(doors, operator, campaign_id)


@router.post(f"{ROOM}/{{number}}/{{verb}}")
def act(operator: SignedIn, form: SignedForm, campaign_id: Id, action: Chosen, doors: Given) -> Response:
    """Pause, resume or cancel a campaign."""
    typed = {"reason": form.get("reason", ""), "confirm": form.get("confirm", "")}
    try:
        reason = operators.checked_reason(typed["reason"])
        if action is Action.CANCEL:
            _check_confirmation(doors, campaign_id, typed["confirm"])
    except InputError as error:
        problem = f"{error.message[0].upper()}{error.message[1:]}. {error.hint}"
        again = _question if action is Action.CANCEL else _page
        return again(doors, operator, campaign_id, status=422, typed=typed, problem=problem, action=action)
    return _done(doors, operator, campaign_id, action, reason)


def _done(doors: Doors, operator: Operator, campaign_id: int, action: Action, reason: str) -> Response:
    def step(session: Session) -> bool:
        tenant_id = _tenant_of(session, campaign_id)
        before = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id).state
        control.act(
            session,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            action=action,
            reason=reason,
            actor=operator.visit.actor,
        )
        return before != action.leads_to

    try:
        changed = doors.database.again(step)
    except ConflictError:
        return _conflict(doors, operator, campaign_id, action)
    return RedirectResponse(f"{ROOM}/{campaign_id}?done={action if changed else f'{action}-before'}", 303)


def _tenant_of(session: Session, campaign_id: int) -> int:
    try:
        return campaigns.tenant_of(session, campaign_id)
    except NotFoundError as error:
        raise NoSuchPageError from error


def _find(session: Session, campaign_id: int) -> Campaign:
    return campaigns.find(session, tenant_id=_tenant_of(session, campaign_id), campaign_id=campaign_id)


def _check_confirmation(doors: Doors, campaign_id: int, typed: str) -> None:
    """Hold what was typed to the campaign's name and its id.

    Raises:
        InputError: It is neither.
    """
    with doors.database.begin() as session:
        name = _find(session, campaign_id).name
    wanted = {" ".join(name.split()).casefold(), str(campaign_id), f"#{campaign_id}"}
    if " ".join(typed.split()).casefold() not in wanted:
        raise InputError(
            "that is not this campaign", hint=f"To cancel it, type its name, or its number {campaign_id}."
        )


def _page(
    doors: Doors,
    operator: Operator,
    campaign_id: int,
    *,
    done: str = "",
    status: int = 200,
    typed: dict[str, str] | None = None,
    problem: str = "",
    action: Action | None = None,
) -> Response:
    with doors.database.begin() as session:
        campaign = _find(session, campaign_id)
        key = {"tenant_id": campaign.tenant_id, "campaign_id": campaign_id}
        stand = campaigns.status(session, **key)
        values = {
            "tenant": tenants.by_id(session, tenant_id=campaign.tenant_id),
            "trail": control.trail(session, **key),
            "today": _today(doors, session, campaign, stand),
        }
    return shown(
        "campaign",
        status,
        operator=operator,
        campaign=campaign,
        stand=stand,
        parts=words.parts(stand),
        bar=words.bar(stand),
        possible=possible(stand.state),
        outcomes=list(Outcome),
        said=_said(done, stand),
        typed=typed or {"reason": ""},
        problem=problem,
        action=action,
        as_of=datetime.now(UTC),
        **values,
    )


def _today(doors: Doors, session: Session, campaign: Campaign, stand: Status) -> dict[str, object] | None:
    """Return what binds a campaign that still has people to call, and when it will be done."""
    if stand.state in FINAL or not campaign.planned_at:
        return None
    domain = {"tenant_id": campaign.tenant_id, "sending_domain_id": campaign.sending_domain_id}
    waiting = stand.pending + stand.claimed
    expected = None
    if doors.region:
        expected = outlook.of_campaign(
            session, campaign, tenant_id=campaign.tenant_id, region=doors.region, waiting=waiting
        )
    days = forecast_picture.bars(expected) if expected else []
    return {
        "left": allowances.left_today(
            session, **domain, planned=prospects.by_provider(session, campaign, tenant_id=campaign.tenant_id)
        ),
        "rung": sending_domains.rung_of(session, **domain),
        "forecast": expected,
        "days": days if len(days) > 1 else [],
    }


def _said(done: str, stand: Status) -> tuple[str, str] | None:
    """Return what the last form came to, while it is still so: an old link must not tell what is no longer true."""
    verb, _, before = done.partition("-")
    if verb not in set(Action) or Action(verb).leads_to != stand.state:
        return None
    title, text = words.DONE[Action(verb)]
    return (f"{title} already", "Nothing was changed by asking again.") if before else (title, text)


def _question(
    doors: Doors,
    operator: Operator,
    campaign_id: int,
    *,
    status: int = 200,
    typed: dict[str, str] | None = None,
    problem: str = "",
    action: Action = Action.CANCEL,
) -> Response:
    with doors.database.begin() as session:
        campaign = _find(session, campaign_id)
        stand = campaigns.status(session, tenant_id=campaign.tenant_id, campaign_id=campaign_id)
        tenant = tenants.by_id(session, tenant_id=campaign.tenant_id)
    if action not in possible(stand.state) and stand.state is not CampaignState.CANCELLED:
        return _conflict(doors, operator, campaign_id, action)
    if stand.state is CampaignState.CANCELLED:
        return RedirectResponse(f"{ROOM}/{campaign_id}?done={action}-before", 303)
    return shown(
        "cancel",
        status,
        operator=operator,
        campaign=campaign,
        tenant=tenant,
        stand=stand,
        typed=typed or {"reason": "", "confirm": ""},
        problem=problem,
    )


def _conflict(doors: Doors, operator: Operator, campaign_id: int, action: Action) -> Response:
    """Say in words why it cannot be done, and what to do."""
    with doors.database.begin() as session:
        campaign = _find(session, campaign_id)
    why, remedy = words.refusal(action, campaign.state)
    return shown(
        "refused",
        409,
        operator=operator,
        title=f"Campaign {campaign_id} cannot be {words.DONE[action][0].lower()}",
        why=why,
        remedy=f"Nothing was changed. {remedy}",
        way=f"{ROOM}/{campaign_id}",
        way_name=f"Back to {campaign.name}",
    )
