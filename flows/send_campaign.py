"""Send one campaign: check, plan, send chunk by chunk until it is done or cannot go on now, report.

A campaign longer than a day ends its run cleanly; `dispatch-campaigns` carries it on. So it does after a crash, and
two runs of one campaign at once are harmless: the ledger, not Prefect, decides what may be sent.
"""

import time
from datetime import UTC, datetime
from enum import StrEnum

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from core.campaigns import Status
from core.errors import InputError
from core.forecast import Forecast
from core.runs import Ending, Tally
from flows import steps
from flows.artifacts import Progress, publish_report
from tasks import campaigns
from tasks.messages import load_job
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


@flow(name="send-campaign", flow_run_name="{tenant} · campaign", log_prints=False, persist_result=False)
def send_campaign(
    tenant: str = Field(title="Tenant", description="The tenant's slug, such as `acme`."),
    campaign_id: int | None = Field(
        None,
        title="Campaign",
        description="An existing campaign's id. Leave empty to create one from the fields below.",
    ),
    name: str | None = Field(None, title="Name", description="What the new campaign is called."),
    template: str | None = Field(None, title="Template", description="Such as `newsletter`."),
    audience: str | None = Field(None, title="Audience", description="The name of the list."),
    subject: str | None = Field(None, title="Subject", description="Instead of the template's own subject."),
    mode: Mode = Field(Mode.LIVE, title="Mode", description="A dry run checks everything and sends nothing."),
    start: datetime | None = Field(None, title="Not before", description="Empty: at once."),
    approval: Approval = Field(
        Approval.NONE, title="Approval", description="`ask` suspends the run until a person says yes."
    ),
) -> State[None]:
    """Send one campaign of one tenant, until it is done or out of today's allowance."""
    chosen = campaign_id or _create(tenant, name, template, audience, subject, start)
    if mode is Mode.DRY_RUN:
        return _dry_run(chosen)
    if start is not None and start > datetime.now(UTC):
        return Completed(message=f"campaign {chosen} is scheduled for {start:%Y-%m-%d %H:%M %Z}")
    steps.read_quota()
    if approval is Approval.ASK and not _approved(chosen):
        return Completed(message=f"campaign {chosen} was not approved")
    steps.start(chosen)
    status = steps.plan(chosen)
    tally = _send(chosen, status)
    return _report(chosen, tally, *steps.conclude(chosen, tally))


def _create(
    tenant: str,
    name: str | None,
    template: str | None,
    audience: str | None,
    subject: str | None,
    start: datetime | None,
) -> int:
    """Create the campaign of this run, once, however often the run starts over."""
    if template is None or audience is None:
        raise InputError(
            "there is nothing to send", hint="Give the id of a campaign, or a template and an audience."
        )
    return campaigns.create(
        resources(),
        tenant_slug=tenant,
        name=name or f"{template} {datetime.now(UTC):%Y-%m-%d}",
        audience=audience,
        template=template,
        subject=subject,
        start_at=start,
        origin=f"prefect:{flow_run.id}" if flow_run.id else None,
    )


def _dry_run(campaign_id: int) -> State[None]:
    steps.read_quota()
    result = steps.check(campaign_id)
    verdict = "may start" if result.ok else "may not start"
    skipped = result.selected - result.will_be_sent
    return Completed(
        message=f"dry run: campaign {campaign_id} {verdict}, {result.will_be_sent:,} would be sent, {skipped:,} skipped"
    )


def _approved(campaign_id: int) -> bool:
    """Suspend until a person has decided; the process ends, and the run starts over when it is resumed."""
    result = steps.check(campaign_id)
    question = f"**{result.will_be_sent:,}** people would get campaign {campaign_id}."
    decision = suspend_flow_run(
        wait_for_input=Decision.with_initial_data(description=question), key=f"approve-{campaign_id}"
    )
    campaigns.note_approval(resources(), campaign_id, approver=decision.approver, approved=decision.approved)
    return decision.approved


def _send(campaign_id: int, status: Status) -> Tally:
    """Send chunk by chunk, waiting out a short absence of SES."""
    total, waited = Tally(), 0.0
    progress = Progress(load_job(resources(), campaign_id), status)
    while True:
        tally = steps.send_chunk(campaign_id)
        total.add(tally)
        progress.update(campaigns.status_of(resources(), campaign_id))
        if tally.accepted:
            waited = 0.0
        if tally.ending is Ending.BLOCKED and waited < PATIENCE_SECONDS:
            time.sleep(tally.wait.total_seconds())
            waited += tally.wait.total_seconds()
        elif tally.ending is not Ending.MORE:
            return total


def _report(campaign_id: int, tally: Tally, status: Status, forecast: Forecast | None) -> State[None]:
    """Leave the artifacts and end in words."""
    job = load_job(resources(), campaign_id)
    summary = campaigns.in_words(status, tally, forecast)
    publish_report(job, status, forecast, summary)
    get_run_logger().info("Campaign %d: %s", campaign_id, summary)
    return Completed(message=summary)
