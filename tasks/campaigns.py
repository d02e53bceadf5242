"""Campaigns: create, start, plan, pause, resume, cancel, settle, conclude."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core import forecast as forecasting
from core import headers, reporting
from core.campaigns import RESUMABLE, STARTABLE, Action, CampaignState, Status
from core.deliveries import Policy
from core.errors import ConflictError, InputError, PreflightError
from core.forecast import Forecast
from core.runs import Ending, Tally
from core.windows import Timing
from models import Campaign
from store import audiences, campaigns, control, doubt, leases, planning, sending_domains, tenants, vanguards
from store.session import Session
from tasks import evidence, forecasts, mailbox_domains, preflight, vanguard
from tasks import timing as timings
from tasks.preflight import Preflight
from tasks.resources import Resources
from tasks.templates import sources_for


def create(
    resources: Resources,
    *,
    tenant_slug: str,
    name: str,
    audience: str,
    template: str,
    subject: str | None = None,
    start_at: datetime | None = None,
    policy: Policy = Policy.EVIDENCE,
    timing: Timing | None = None,
    origin: str | None = None,
) -> int:
    """Create a campaign that pins the template as it is now, or a published version of it (`name@3`); return its id.

    Raises:
        NotFoundError: There is no such tenant, audience, template or version.
        InputError: The name is empty, the subject cannot stand in a header, or its hours are never open together with the
            tenant's.
    """
    if not name.strip():
        raise InputError("a campaign needs a name", hint="Give one that a person recognises in a list.")
    if subject:
        headers.check_header_value("Subject", subject)
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        assert tenant.id is not None
        its_timing = timing or Timing()
        timings.check_ever_open(tenant, its_timing, datetime.now(UTC))
        if origin and (earlier := campaigns.by_origin(session, tenant_id=tenant.id, origin=origin)):
            return earlier
        domain = sending_domains.by_name(
            session, tenant_id=tenant.id, domain=tenant.from_address.rpartition("@")[2]
        )
        sources = sources_for(resources, session, tenant_id=tenant.id, template=template)
        if subject:
            sources = replace(sources, subject=subject)
        return campaigns.add(
            session,
            Campaign(
                tenant_id=tenant.id,
                name=name.strip(),
                audience_id=audiences.find(session, tenant_id=tenant.id, name=audience),
                sending_domain_id=domain["id"],
                template_digest=campaigns.pin_template(session, tenant_id=tenant.id, sources=sources),
                subject=subject,
                policy=policy,
                origin=origin,
                timing=its_timing.as_json(),
                start_at=start_at,
                state=CampaignState.SCHEDULED if start_at else CampaignState.DRAFT,
            ),
        )


def find(resources: Resources, *, tenant_slug: str, campaign_id: int) -> Campaign:
    """Return a campaign of the tenant; another tenant's is not there.

    Raises:
        NotFoundError: The tenant has no such campaign, or there is no such tenant.
    """
    with resources.database.begin() as session:
        tenant_id = tenants.by_slug(session, tenant_slug).id
        assert tenant_id is not None
        return campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)


def schedule(resources: Resources, campaign_id: int, *, start_at: datetime) -> None:
    """Let dispatch start a campaign by itself at a time; one that is scheduled already gets the new time.

    Raises:
        ConflictError: It has started before.
    """
    waiting = [CampaignState.DRAFT, CampaignState.SCHEDULED]
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id).start_at = start_at
        campaigns.move(
            session, tenant_id=tenant_id, campaign_id=campaign_id, to=CampaignState.SCHEDULED, since=waiting
        )


def start(resources: Resources, campaign_id: int) -> Preflight:
    """Check a campaign and, if nothing forbids it, let it be sent; one that is being sent already goes on.

    What a worker that died has left behind is settled first, so that nothing needs another program to carry it on.

    Raises:
        PreflightError: Findings forbid the start.
        ConflictError: It is paused, done or cancelled.
    """
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
    settle(resources, tenant_id=tenant_id)
    result = preflight.check_campaign(resources, campaign_id)
    with resources.database.begin() as session:
        state = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id).state
        if state not in STARTABLE:
            raise ConflictError(f"campaign {campaign_id} is {state}", hint=_next_step(state, campaign_id))
        if state == CampaignState.SENDING:
            return result
        if not result.ok:
            _refuse(campaign_id, result)
        campaigns.move(
            session,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            to=CampaignState.SENDING,
            since=[*STARTABLE],
        )
    return result


def _next_step(state: CampaignState, campaign_id: int) -> str:
    if state in RESUMABLE:
        return f"posthouse campaign resume {campaign_id}"
    return "A campaign that has ended stays ended; create another."


def _refuse(campaign_id: int, result: Preflight) -> None:
    blocking = preflight.blocking(result.findings)
    raise PreflightError(
        f"campaign {campaign_id} may not start: {blocking[0].message}",
        findings=[finding.as_json() for finding in blocking],
        hint=f"posthouse campaign preflight {campaign_id} shows all findings.",
    )


def plan(resources: Resources, campaign_id: int) -> int:
    """Give everybody of the audience a delivery or a reason, slice by slice; return how many deliveries are new.

    Who keeps the mailboxes is asked first, and what the DNS does not tell in time is no reason to wait.
    """
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
    if campaign.planned_at:
        forecasts.note(resources, campaign_id)
        return 0
    mailbox_domains.resolve(resources, tenant_id=tenant_id, audience_id=campaign.audience_id)
    with resources.database.begin() as session:
        cuts = list(planning.slices(session, tenant_id=tenant_id, audience_id=campaign.audience_id))
    planned = 0
    for key_from, key_below in cuts:
        with resources.database.begin() as session:
            planned += planning.plan_slice(
                session,
                tenant_id=tenant_id,
                campaign_id=campaign_id,
                audience_id=campaign.audience_id,
                key_from=key_from,
                key_below=key_below,
            )
    with resources.database.begin() as session:
        timings.lay_out(session, tenant_id=tenant_id, campaign_id=campaign_id)
        planning.finish_plan(session, tenant_id=tenant_id, campaign_id=campaign_id)
        _form_vanguard(resources, session, tenant_id, campaign_id)
    forecasts.note(resources, campaign_id)
    return planned


def _form_vanguard(resources: Resources, session: Session, tenant_id: int, campaign_id: int) -> None:
    """Let a large campaign wait for what becomes of its first messages."""
    key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    audience = sum(planning.planned(session, **key).values())
    policies = tenants.by_id(session, tenant_id=tenant_id).policies
    if vanguard.is_wanted(audience, setting=resources.settings.vanguard_from, policies=policies):
        vanguards.form(session, **key, audience=audience)


def act(resources: Resources, campaign_id: int, action: Action, *, reason: str, actor: str) -> Status:
    """Pause, resume or cancel a campaign, as a person wants it.

    A pause is effective within one window of calls and cancels nothing. After a resume dispatch takes it up within
    minutes. A cancel is for good: who waits is skipped, doubt and calls in flight are still settled.

    Raises:
        NotFoundError: There is no such campaign.
        ConflictError: It is in a state in which this cannot be done.
    """
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        return control.act(
            session,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            action=action,
            reason=reason,
            actor=actor,
        )


def pause(resources: Resources, campaign_id: int, *, reason: str, actor: str) -> Status:
    """Stop a campaign within one window of calls; nothing is cancelled."""
    return act(resources, campaign_id, Action.PAUSE, reason=reason, actor=actor)


def resume(resources: Resources, campaign_id: int, *, reason: str, actor: str) -> Status:
    """Let a paused campaign go on; dispatch takes it up within minutes. Resuming twice is harmless."""
    return act(resources, campaign_id, Action.RESUME, reason=reason, actor=actor)


def cancel(resources: Resources, campaign_id: int, *, reason: str, actor: str) -> Status:
    """End a campaign for good; who waits is skipped, doubt and calls in flight are still settled."""
    return act(resources, campaign_id, Action.CANCEL, reason=reason, actor=actor)


def settle(resources: Resources, *, tenant_id: int, queues_are_clear: bool = False) -> dict[str, int]:
    """End leases that are over and doubt by each campaign's policy, and close the campaigns that have nothing open.

    Args:
        resources: Of this process.
        tenant_id: Whose campaigns.
        queues_are_clear: Whether all events were just drained (`tasks.evidence`); otherwise silence proves nothing.
    """
    settings = resources.settings
    with resources.database.begin() as session:
        freed, doubtful = leases.reap(session, tenant_id=tenant_id)
        guard = timedelta(seconds=settings.doubt_guard_seconds)
        again = doubt.send_again(session, tenant_id=tenant_id, after=guard)
    again += evidence.send_again(resources, tenant_id=tenant_id, queues_are_clear=queues_are_clear)
    with resources.database.begin() as session:
        window = timedelta(seconds=settings.doubt_window_seconds)
        unconfirmed = doubt.give_up(session, tenant_id=tenant_id, after=window)
        done = sum(
            campaigns.finish(session, tenant_id=tenant_id, campaign_id=campaign_id)
            for campaign_id in campaigns.open_ones(session, tenant_id=tenant_id)
        )
    return {"freed": freed, "in_doubt": doubtful, "again": again, "unconfirmed": unconfirmed, "done": done}


def note_approval(resources: Resources, campaign_id: int, *, approver: str, approved: bool) -> None:
    """Keep a person's decision in the audit, so that it outlives the run that asked for it."""
    with resources.database.begin() as session:
        tenants.audit(
            session,
            tenant_id=campaigns.tenant_of(session, campaign_id),
            actor=approver,
            action="campaign.approved" if approved else "campaign.not_approved",
            subject=f"campaign {campaign_id}",
        )


def in_words(status: Status, tally: Tally, outlook: Forecast | None) -> str:
    """Return the sentence with which a run ends."""
    if status.state == CampaignState.DONE or outlook is None:
        return reporting.standing(status)
    if tally.ending in {Ending.ALLOWANCE, Ending.HOURS} and tally.wait:
        return f"{tally.reason}: {status.sent:,} sent, {status.pending:,} wait, goes on in {tally.wait.total_seconds() / 60:.0f} min"
    if tally.ending in {Ending.STOPPED, Ending.BLOCKED}:
        return f"{status.state}, {tally.reason}: {status.sent:,} sent, {status.pending:,} wait"
    if status.pending == 0:
        return f"{status.sent:,} sent, {status.in_doubt + status.submitting:,} in doubt until SES's events settle them"
    return forecasting.in_words(status.sent, outlook)


def conclude(resources: Resources, campaign_id: int, tally: Tally) -> tuple[Status, Forecast | None]:
    """Close a run: finish the campaign if it is done, else note when dispatch should go on; return how it stands."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        campaigns.finish(session, **key)
        if tally.ending in {Ending.ALLOWANCE, Ending.HOURS} and tally.wait:
            campaigns.wait_for(session, **key, pause=tally.wait)
        elif tally.ending is Ending.ALLOWANCE:
            campaigns.wait_until_tomorrow(session, **key)
        elif tally.ending in {Ending.QUOTA, Ending.BLOCKED}:
            campaigns.wait_for(session, **key, pause=tally.wait)
        status = campaigns.status(session, **key)
        campaign = campaigns.find(session, **key)
        expected = preflight.outlook_of(session, resources, campaign, waiting=status.pending + status.claimed)
        forecasts.keep(session, campaign, expected)
        return status, expected


def status_of(resources: Resources, campaign_id: int) -> Status:
    """Return how a campaign stands."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        return campaigns.status(session, tenant_id=tenant_id, campaign_id=campaign_id)


def event_counts(resources: Resources, campaign_id: int) -> dict[str, int]:
    """Count a campaign's deliveries by what SES reported of them, one by one; `tasks.rollups` reads sums."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        return campaigns.event_counts(session, tenant_id=tenant_id, campaign_id=campaign_id)
