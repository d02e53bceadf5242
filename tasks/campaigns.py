"""Campaigns: create, check, start, plan, pause, resume, cancel, settle; and the numbers of a report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from core import headers, pacing, preflight
from core.campaigns import RESUMABLE, STARTABLE, CampaignState, Status
from core.deliveries import Policy
from core.errors import ConfigurationError, ConflictError, InputError, PreflightError, TemplateError
from core.forecast import Forecast, forecast
from core.preflight import Finding
from core.rendering import CompiledTemplate
from core.runs import Ending, Tally
from core.tenants import TenantState
from gateways import templates
from models import Campaign, Tenant
from store import accounts, audiences, campaigns, deliveries, planning, sending_domains, tenants
from tasks.messages import Job, context, load_job, unsubscribe_url
from tasks.resources import Resources


SAMPLES: Final = 20  # real contacts whose message is rendered before the first one leaves
DOUBT_WINDOW: Final = timedelta(hours=24)  # then doubt that no evidence settled is called `unconfirmed`


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
    origin: str | None = None,
) -> int:
    """Create a campaign that pins the template as it is now; return its id.

    Raises:
        NotFoundError: There is no such tenant, audience or template.
        InputError: The name is empty, or the subject cannot stand in a header.
    """
    if not name.strip():
        raise InputError("a campaign needs a name", hint="Give one that a person recognises in a list.")
    if subject:
        headers.check_header_value("Subject", subject)
    sources = templates.load(resources.settings.templates_dir, template)
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        assert tenant.id is not None
        if origin and (earlier := campaigns.by_origin(session, tenant_id=tenant.id, origin=origin)):
            return earlier
        domain = sending_domains.by_name(
            session, tenant_id=tenant.id, domain=tenant.from_address.rpartition("@")[2]
        )
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
                start_at=start_at,
                state=CampaignState.SCHEDULED if start_at else CampaignState.DRAFT,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What is known before the first message leaves."""

    findings: Sequence[Finding]
    selected: int
    will_be_sent: int
    skipped: dict[str, int]
    forecast: Forecast | None

    @property
    def ok(self) -> bool:
        """Whether nothing forbids the start."""
        return not any(finding.severity == "block" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `campaign preflight`."""
        return {
            "ok": self.ok,
            "findings": [finding.as_json() for finding in self.findings],
            "audience": {
                "selected": self.selected,
                "will_be_sent": self.will_be_sent,
                "skipped": self.skipped,
            },
            "forecast": self.forecast.as_json() if self.forecast else None,
        }


def check(resources: Resources, campaign_id: int) -> Preflight:
    """Answer, without changing anything, whether a campaign may start, who gets it, and when it will be done."""
    findings: list[Finding] = []
    try:
        job = load_job(resources, campaign_id)
        findings += _template_findings(resources, job)
    except TemplateError as error:
        findings.append(_finding(error.code, error.message, "template"))
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        people = planning.preview(session, tenant_id=tenant_id, audience_id=campaign.audience_id)
        will_be_sent = people.pop(None, 0)
        outlook = forecast_of(session, resources, campaign, waiting=will_be_sent)
    findings += _standing_findings(tenant, will_be_sent)
    return Preflight(
        findings=findings,
        selected=will_be_sent + sum(people.values()),
        will_be_sent=will_be_sent,
        skipped={str(reason): number for reason, number in sorted(people.items(), key=str)},
        forecast=outlook,
    )


def _standing_findings(tenant: Tenant, will_be_sent: int) -> list[Finding]:
    findings = []
    if will_be_sent == 0:
        findings.append(_finding("audience_empty", "nobody of the audience may be sent to", "audience"))
    if tenant.state is not TenantState.ACTIVE:
        findings.append(_finding("tenant_paused", f"the tenant is paused: {tenant.state_reason}", "tenant"))
    if not tenant.postal_address.strip():
        findings.append(_finding("LAW-US-01", "the tenant has no postal address", "tenant"))
    return findings


def _finding(identifier: str, message: str, where: str) -> Finding:
    return Finding(id=identifier, severity="block", message=message, where=where)


def _template_findings(resources: Resources, job: Job) -> list[Finding]:
    """Render the messages of real contacts, among them some that lack each field the template names."""
    with resources.database.begin() as session:
        audience = {"tenant_id": job.tenant_id, "audience_id": job.campaign.audience_id}
        samples = {row["id"]: row for row in campaigns.sample_contacts(session, **audience, limit=SAMPLES)}
        for attribute in _contact_fields(job.template):
            _, lacking = campaigns.contacts_without(session, **audience, attribute=attribute)
            samples |= {row["id"]: row for row in lacking}
    found: dict[tuple[str, str], list[int]] = {}
    first: dict[tuple[str, str], Finding] = {}
    for contact_id, row in samples.items():
        for finding in _sample_findings(resources, job, row["address"], row["attributes"]):
            found.setdefault((finding.id, finding.message), []).append(contact_id)
            first.setdefault((finding.id, finding.message), finding)
    return [_with_contacts(first[key], contact_ids) for key, contact_ids in found.items()]


def _contact_fields(template: CompiledTemplate) -> list[str]:
    names = (field.removeprefix("contact.") for field in template.fields if field.startswith("contact."))
    return sorted(name for name in names if name != "email")


def _sample_findings(
    resources: Resources, job: Job, address: str, attributes: dict[str, Any]
) -> list[Finding]:
    url = unsubscribe_url(resources, tenant_id=job.tenant_id, delivery_id=0)
    try:
        content = job.template.render(context(job, address, attributes, url))
    except (TemplateError, InputError) as error:
        return [_finding(error.code, error.message, "template")]
    return preflight.check_message(
        content,
        headers=headers.list_headers(url),
        postal_address=job.tenant.postal_address,
        unsubscribe_url=url,
    )


def _with_contacts(finding: Finding, contact_ids: Sequence[int]) -> Finding:
    """Name three contacts, by id, whose message shows the finding."""
    some = ", ".join(str(contact_id) for contact_id in contact_ids[:3])
    return replace(finding, message=f"{finding.message} (contacts {some})")


def forecast_of(
    session: Session, resources: Resources, campaign: Campaign, *, waiting: int
) -> Forecast | None:
    """Say when a campaign will be done; None before the account's quota was ever read."""
    domain_of = {"tenant_id": campaign.tenant_id, "sending_domain_id": campaign.sending_domain_id}
    try:
        account, now = accounts.find(session, region=resources.ses.region)
    except ConfigurationError:
        return None
    rung = next(
        row["rung"]
        for row in sending_domains.of_tenant(session, tenant_id=campaign.tenant_id)
        if row["id"] == campaign.sending_domain_id
    )
    unlimited = account.max_24_hour_send < 0
    return forecast(
        waiting=waiting,
        left_today=sending_domains.left_or_allowed(session, **domain_of),
        rung=rung,
        quota_left=pacing.quota_left(account),
        quota_per_day=None if unlimited else int(account.max_24_hour_send * pacing.QUOTA_SHARE),
        rate=pacing.rate(account, now),
        now=sending_domains.local_now(session, tenant_id=campaign.tenant_id),
    )


def start(resources: Resources, campaign_id: int) -> Preflight:
    """Check a campaign and, if nothing forbids it, let it be sent; one that is being sent already goes on.

    Raises:
        PreflightError: Findings forbid the start.
        ConflictError: It is paused, done or cancelled.
    """
    result = check(resources, campaign_id)
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        state = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id).state
        if state not in STARTABLE:
            raise ConflictError(f"campaign {campaign_id} is {state}", hint=_next_step(state, campaign_id))
        if state is CampaignState.SENDING:
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
    blocking = [finding for finding in result.findings if finding.severity == "block"]
    raise PreflightError(
        f"campaign {campaign_id} may not start: {blocking[0].message}",
        findings=[finding.as_json() for finding in blocking],
        hint=f"posthouse campaign preflight {campaign_id} shows all findings.",
    )


def plan(resources: Resources, campaign_id: int) -> int:
    """Give everybody of the audience a delivery or a reason, slice by slice; return how many deliveries are new."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
        if campaign.planned_at:
            return 0
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
        planning.finish_plan(session, tenant_id=tenant_id, campaign_id=campaign_id)
    return planned


def pause(resources: Resources, campaign_id: int, *, reason: str, actor: str) -> Status:
    """Stop a campaign within one window of calls; nothing is cancelled."""
    return _move(resources, campaign_id, CampaignState.PAUSED, [CampaignState.SENDING], reason, actor)


def resume(resources: Resources, campaign_id: int, *, reason: str, actor: str) -> Status:
    """Let a paused campaign go on; dispatch takes it up within minutes. Resuming twice is harmless."""
    return _move(resources, campaign_id, CampaignState.SENDING, [*RESUMABLE], reason, actor)


def cancel(resources: Resources, campaign_id: int, *, reason: str, actor: str) -> Status:
    """End a campaign for good; who waits is skipped, doubt and calls in flight are still settled."""
    since = [state for state in CampaignState if state not in {CampaignState.DONE, CampaignState.CANCELLED}]
    return _move(resources, campaign_id, CampaignState.CANCELLED, since, reason, actor)


def _move(
    resources: Resources,
    campaign_id: int,
    to: CampaignState,
    since: Sequence[CampaignState],
    reason: str,
    actor: str,
) -> Status:
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        campaigns.move(session, **key, to=to, since=since, reason=reason)
        campaigns.wait_for(session, **key, pause=timedelta(0))
        if to is CampaignState.CANCELLED:
            deliveries.cancel_waiting(session, **key)
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action=f"campaign.{to}",
            subject=f"campaign {campaign_id}",
            reason=reason,
        )
        return campaigns.status(session, **key)


def settle(resources: Resources, *, tenant_id: int) -> dict[str, int]:
    """End leases that are over and doubt that is too old, and close the campaigns that have nothing open."""
    with resources.database.begin() as session:
        freed, doubtful = deliveries.reap(session, tenant_id=tenant_id)
        unconfirmed = deliveries.give_up(session, tenant_id=tenant_id, after=DOUBT_WINDOW)
        done = sum(
            campaigns.finish(session, tenant_id=tenant_id, campaign_id=campaign_id)
            for campaign_id in campaigns.open_ones(session, tenant_id=tenant_id)
        )
    return {"freed": freed, "in_doubt": doubtful, "unconfirmed": unconfirmed, "done": done}


def conclude(resources: Resources, campaign_id: int, tally: Tally) -> tuple[Status, Forecast | None]:
    """Close a run: finish the campaign if it is done, else note when dispatch should go on; return how it stands."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        campaigns.finish(session, **key)
        if tally.ending is Ending.ALLOWANCE:
            campaigns.wait_until_tomorrow(session, **key)
        elif tally.ending in {Ending.QUOTA, Ending.BLOCKED}:
            campaigns.wait_for(session, **key, pause=tally.wait)
        status = campaigns.status(session, **key)
        campaign = campaigns.find(session, **key)
        return status, forecast_of(session, resources, campaign, waiting=status.pending + status.claimed)


def status_of(resources: Resources, campaign_id: int) -> Status:
    """Return how a campaign stands."""
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        return campaigns.status(session, tenant_id=tenant_id, campaign_id=campaign_id)
