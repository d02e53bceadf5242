"""What a campaign run leaves in Prefect for people to read: a name, a progress, a report, a table of reasons."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from core import preview_report, reporting, results_report
from core.campaigns import Status
from core.forecast import Forecast
from core.preflight import Finding
from core.preview import Sample
from core.results import Results
from flows.reporter import Reporter
from models import Campaign
from tasks import forecasts, masked_previews, rollups
from tasks.messages import Job
from tasks.preflight import Preflight
from tasks.resources import resources


class Progress:
    """The progress artifact of a run, and the run's name, which tells the same."""

    def __init__(self, job: Job, reporter: Reporter) -> None:
        self._job = job
        self._reporter = reporter
        self._artifact: UUID | None = None

    def update(self, status: Status) -> None:
        """Show soon how the campaign stands now; never wait for it."""
        self._reporter.tell("progress", lambda: self._show(status))

    def _show(self, status: Status) -> None:
        percent = reporting.percent(status)
        if self._artifact is None:
            self._artifact = self._create(percent)
        else:
            update_progress_artifact(self._artifact, progress=percent)
        name_run(reporting.run_name(self._job.tenant.slug, self._job.campaign.name, status))

    def _create(self, percent: float) -> UUID:
        artifact = create_progress_artifact(
            progress=percent,
            key=f"campaign-{self._job.campaign_id}-progress",
            description=f"{self._job.tenant.slug} · {self._job.campaign.name}",
        )
        assert isinstance(artifact, UUID), "in a thread without an event loop it is the id, not a coroutine"
        return artifact


def name_run(name: str) -> None:
    """Give the current flow run a name; outside a run there is none to name."""
    if flow_run.id:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, name=name)


def publish_report(
    job: Job, status: Status, forecast: Forecast | None, summary: str, findings: Sequence[Finding]
) -> None:
    """Leave the report and the table of skipped people, by reason."""
    results = rollups.results(resources(), job.campaign_id)
    create_markdown_artifact(
        reporting.report(
            tenant=job.tenant.slug,
            campaign=job.campaign.name,
            status=status,
            events=results.rollup.totals,
            forecast=forecast,
            summary=summary,
            findings=findings,
            results=results_report.sections(results),
            foretold=forecasts.told(resources(), job.campaign_id),
        ),
        key=f"campaign-{job.campaign_id}-report",
        description=summary,
    )
    _publish_skipped(job.campaign_id, status.skipped_by_reason)


def publish_results(results: Results) -> None:
    """Leave the report of a campaign again, with what was reported since its run has ended."""
    status = results.status
    forecast = forecasts.newest(resources(), status.campaign_id) if status.pending else None
    create_markdown_artifact(
        reporting.report(
            tenant=results.tenant,
            campaign=results.campaign,
            status=status,
            events=results.rollup.totals,
            forecast=forecast,
            summary=reporting.standing(status),
            results=results_report.sections(results),
            foretold=forecasts.told(resources(), status.campaign_id),
        ),
        key=f"campaign-{status.campaign_id}-report",
        description=reporting.standing(status),
    )


def publish_preview(job: Job, samples: Sequence[Sample], findings: Sequence[Finding]) -> None:
    """Leave what some contacts would get, with pictures where Chromium is installed; nothing personal is in it."""
    create_markdown_artifact(
        preview_report.report(
            tenant=job.tenant.slug,
            campaign=job.campaign.name,
            shown=masked_previews.pictured(samples),
            findings=findings,
        ),
        key=f"campaign-{job.campaign_id}-preview",
        description="What some contacts would get",
    )


def publish_check(tenant: str, campaign: Campaign, result: Preflight, summary: str, *, what: str) -> None:
    """Leave the report of a run that sent nothing, and the table of those who would be skipped."""
    assert campaign.id is not None, "it came from the database"
    create_markdown_artifact(
        reporting.check_report(
            tenant=tenant,
            campaign=campaign.name,
            summary=summary,
            findings=result.findings,
            will_be_sent=result.will_be_sent,
            skipped=result.skipped,
            forecast=result.forecast,
            what=what,
        ),
        key=f"campaign-{campaign.id}-check",
        description=summary,
    )
    _publish_skipped(campaign.id, result.skipped)


def _publish_skipped(campaign_id: int, by_reason: Mapping[str, int]) -> None:
    create_table_artifact(
        [{"reason": reason.replace("_", " "), "people": count} for reason, count in by_reason.items()]
        or [{"reason": "nobody was skipped", "people": 0}],
        key=f"campaign-{campaign_id}-skipped",
        description="Who gets no message, by reason",
    )
