"""Send one campaign: check, plan, send chunk by chunk until it is done or cannot go on now, report.

A campaign longer than a day ends its run cleanly; `dispatch-campaigns` carries it on. So it does after a crash, and
two runs of one campaign at once are harmless: the ledger, not Prefect, decides what may be sent.
"""

import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from core import reporting
from core.campaigns import STARTABLE, CampaignState, Status
from core.errors import InputError
from core.runs import Ending, Tally
from core.windows import Hours, Timing, window_of
from flows import forms, steps
from flows.artifacts import Progress, name_run, publish_check, publish_preview, publish_report
from flows.refusals import refused, told_in_words
from flows.reporter import Reporter
from models import Campaign
from tasks import campaigns, masked_previews
from tasks.log import run_logger
from tasks.messages import load_job
from tasks.preflight import Preflight
from tasks.resources import resources


PATIENCE_SECONDS = 600.0  # how long a run waits for an SES that cannot be reached, before dispatch takes over


class Mode(StrEnum):
    """What a run does."""

    LIVE = "live"
    DRY_RUN = "dry-run"


class Approval(StrEnum):
    """Whether a person must say yes before the first message."""

    NONE = "none"
    ASK = "ask"


class Decision(RunInput):
    """What the person who approves fills in; kept in the audit."""

    approver: str = Field(title="Your name", description="Who approves; Prefect itself knows no users.")
    approved: bool = Field(False, title="Send it", description="Off means: do not send.")


@flow(name="send-campaign", flow_run_name="{tenant} · campaign", persist_result=False)
@told_in_words
def send_campaign(
    tenant: str = forms.field("Tenant", "The tenant's slug, such as acme.", pattern=forms.SLUG),
    campaign_id: int | None = forms.field(
        "Campaign",
        "The id of an existing campaign. With None a new one is made of the next four fields.",
        None,
    ),
    template: str = forms.field("Template", "Such as newsletter; its text is taken as it is now.", ""),
    audience: str = forms.field("Audience", "The name of the list that gets the new campaign.", ""),
    name: str = forms.field("Name", "What people will know the new campaign by.", ""),
    subject: str = forms.field("Subject", "Instead of the template's own subject.", ""),
    mode: Mode = forms.field("Mode", "dry-run checks everything, reports, and sends nothing.", Mode.LIVE),
    start: datetime | None = forms.field(
        "Not before", "The campaign starts by itself at this time. With None it starts at once.", None
    ),
    hours: str = forms.field(
        "Hours",
        "Of a new campaign: when its messages may leave, such as 09:00-18:00 mon-fri; empty is always.",
        "",
    ),
    spread_hours: float = forms.field(
        "Spread over hours",
        "Of a new campaign: its messages leave evenly over so many hours.",
        0,
        minimum=0,
        maximum=720,
    ),
    give_up: datetime | None = forms.field(
        "Give up at",
        "Of a new campaign: whoever still waits at this time is skipped. With None nobody is.",
        None,
    ),
    approval: Approval = forms.field(
        "Approval", "ask suspends the run until a person has seen the numbers and says yes.", Approval.NONE
    ),
    override: list[str] = forms.field(
        "Override",
        "Findings of preflight that shall not forbid the start; needs the next two fields.",
        [],
        items=forms.OVERRIDABLE,
        uniqueItems=True,
    ),
    reason: str = forms.field("Reason", "Why these are overridden; kept in the audit.", ""),
    operator: str = forms.field("Your name", "Who overrides them; Prefect itself knows no users.", ""),
    *,
    by_reader: bool = forms.field(
        "By the readers' clocks",
        "On: the hours are meant by each reader's time zone, if the contact has one.",
        False,
    ),
) -> State[None]:
    """Send one campaign of one tenant, until it is done or out of today's allowance."""
    if campaign_id is None:
        timing = Timing(
            hours=Hours(windows=(window_of(hours),) if hours.strip() else ()),
            by_reader=by_reader,
            spread=timedelta(hours=spread_hours),
            give_up_at=_utc(give_up) if give_up else None,
        )
        campaign_id = _create(tenant, template, audience, name, subject, timing)
    campaign = campaigns.find(resources(), tenant_slug=tenant, campaign_id=campaign_id)
    name_run(f"{tenant} · {campaign.name}")
    steps.read_quota()
    if override:
        _override(campaign_id, override, reason, operator)
    if mode is Mode.DRY_RUN:
        return _dry_run(tenant, campaign, campaign_id)
    if campaign.state not in STARTABLE:
        return Completed(message=f"campaign {campaign_id} is {campaign.state}: nothing was sent by this run")
    started = campaign.state == CampaignState.SENDING
    if approval is Approval.ASK and not started and not _approved(campaign, campaign_id):
        return Completed(message=f"campaign {campaign_id} was not approved: nothing was sent")
    if start and not started and _utc(start) > datetime.now(UTC):
        campaigns.schedule(resources(), campaign_id, start_at=_utc(start))
        return Completed(message=f"campaign {campaign_id} starts at {_utc(start):%Y-%m-%d %H:%M} UTC")
    return _send(tenant, campaign, campaign_id, is_shown=started or approval is Approval.ASK)


def _utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is taken as UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _create(tenant: str, template: str, audience: str, name: str, subject: str, timing: Timing) -> int:
    """Create the campaign of this run, once, however often the run starts over. It is a draft until it may start."""
    if not template or not audience:
        raise InputError(
            "there is nothing to send", hint="Give the id of a campaign, or a template and an audience."
        )
    return campaigns.create(
        resources(),
        tenant_slug=tenant,
        name=name or f"{template} {datetime.now(UTC):%Y-%m-%d}",
        audience=audience,
        template=template,
        subject=subject or None,
        timing=timing,
        origin=f"prefect:{flow_run.id}" if flow_run.id else None,
    )


def _override(campaign_id: int, rules: list[str], reason: str, operator: str) -> None:
    """Override findings, with a person's name and reason; a run that starts over changes nothing more."""
    if not reason.strip() or not operator.strip():
        raise InputError(
            "an override needs a reason and a name",
            hint="Both are kept in the audit.",
            code="override_refused",
        )
    steps.override(campaign_id, rules, reason, operator)


def _dry_run(tenant: str, campaign: Campaign, campaign_id: int) -> State[None]:
    """Check the campaign and leave the report; the campaign stays as it is."""
    name_run(f"{tenant} · {campaign.name} · dry run")
    result = steps.check(campaign_id)
    skipped = sum(result.skipped.values())
    summary = reporting.dry_run(campaign_id, ok=result.ok, will_be_sent=result.will_be_sent, skipped=skipped)
    publish_check(tenant, campaign, result, summary, what="dry run")
    steps.show(campaign_id, result.findings)
    return Completed(message=summary)


def _approved(campaign: Campaign, campaign_id: int) -> bool:
    """Suspend until a person has decided; the process ends, and the run starts over when it is resumed."""
    result = steps.check(campaign_id)
    if flow_run.run_count <= 1:  # the run that is resumed has shown it before
        steps.show(campaign_id, result.findings)
    decision = suspend_flow_run(
        wait_for_input=Decision.with_initial_data(
            description=reporting.question(
                campaign.name,
                will_be_sent=result.will_be_sent,
                skipped=result.skipped,
                forecast=result.forecast,
            )
        ),
        key=f"approve-{campaign_id}",
    )
    campaigns.note_approval(resources(), campaign_id, approver=decision.approver, approved=decision.approved)
    return decision.approved


def _send(tenant: str, campaign: Campaign, campaign_id: int, *, is_shown: bool) -> State[None]:
    """Start, plan, send and conclude; leave the artifacts and end in words."""
    checked, refusal = steps.start(campaign_id)
    if refusal:
        publish_check(tenant, campaign, checked, refusal, what="may not start")
        steps.show(campaign_id, checked.findings)
        return refused(refusal)
    with Reporter() as reporter:
        if not is_shown:
            _show(campaign_id, checked, reporter)
        tally = _send_chunks(campaign_id, steps.plan(campaign_id), reporter)
        status, forecast = steps.conclude(campaign_id, tally)
        summary = campaigns.in_words(status, tally, forecast)
        job = load_job(resources(), campaign_id)
        reporter.tell("report", lambda: publish_report(job, status, forecast, summary, checked.findings))
        run_logger().info("Campaign %d: %s", campaign_id, summary)
    return Completed(message=summary)


def _show(campaign_id: int, checked: Preflight, reporter: Reporter) -> None:
    """Have one message shown beside what is being sent."""
    job = load_job(resources(), campaign_id)
    samples = masked_previews.of_campaign(resources(), job, limit=1)
    reporter.tell("preview", lambda: publish_preview(job, samples, checked.findings))


def _send_chunks(campaign_id: int, status: Status, reporter: Reporter) -> Tally:
    """Send chunk by chunk, waiting out a short absence of SES; return what the run came to."""
    total, waited = Tally(), 0.0
    progress = Progress(load_job(resources(), campaign_id), reporter)
    progress.update(status)
    for number in count(1):
        tally = steps.send_chunk(campaign_id, number)
        total.add(tally)
        progress.update(campaigns.status_of(resources(), campaign_id))
        pause = tally.wait.total_seconds()
        waited = 0.0 if tally.accepted else waited
        if tally.ending is Ending.BLOCKED and waited + pause <= PATIENCE_SECONDS:
            run_logger().warning("Campaign %d: %s; next try in %.0f s", campaign_id, tally.reason, pause)
            time.sleep(pause)
            waited += pause
        elif tally.ending is not Ending.MORE:
            break
    return total
