"""Nightly: suppress who cannot be reached, let the silent lapse, and ask a person where too many would leave."""

from typing import Any, Final

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from core import hygiene_report
from core.hygiene_report import Night
from flows import runs
from flows.steps import RETRIED
from tasks import hygiene, hygiene_lists, ses_suppressions, tenants
from tasks.log import run_logger
from tasks.resources import resources


# At one call a second: what is left over is told the next night.
LIST_SECONDS: Final = 1800


@flow(name="update-hygiene", flow_run_name="hygiene", persist_result=False)
def update_hygiene() -> State[None]:
    """Apply every tenant's hygiene rules; a tenant that would lose too many waits for its approval, and holds up nobody."""
    everyone = tenants.everyone(resources())
    lines: list[dict[str, Any]] = []
    waiting: list[str] = []
    people = 0
    for tenant_id, slug in everyone:
        night = update(tenant_id, slug)
        lines += hygiene_report.rules_table(night)
        people += 0 if night.waits else night.people
        if night.waits and night.run_id is not None:
            waiting.append(f"{slug} (run {night.run_id})")
            runs.ask_for_approval(slug, night.run_id)
    create_table_artifact(
        lines or [{"tenant": "–", "rule": "nobody", "people": 0}],
        key="hygiene",
        description="Who was suppressed or retired tonight, by rule",
    )
    for tenant_id, slug in everyone:
        sync_list(tenant_id, slug, seconds=max(LIST_SECONDS / len(everyone), 30))
    told = f"; waiting for approval: {', '.join(waiting)}" if waiting else ""
    return Completed(message=f"{people:,} people suppressed or retired{told}")


@task(name="Apply a tenant's hygiene", **RETRIED)
def update(tenant_id: int, slug: str) -> Night:
    """Have the night of one tenant, and leave its report."""
    (night,) = hygiene.run(resources(), tenant_id=tenant_id).nights
    run_logger().info("Tenant %s: %s", slug, hygiene_report.in_words(night))
    publish(night)
    return night


@task(name="Bring SES's suppression list up to date", **RETRIED)
def sync_list(tenant_id: int, slug: str, *, seconds: float) -> None:
    """Tell SES's list of one tenant who must not be mailed, as a backstop; what is left over is told the next night."""
    done = ses_suppressions.sync(resources(), tenant_id=tenant_id, seconds=seconds)
    run_logger().info("SES's suppression list of tenant %s: %s", slug, done.as_json())


def publish(night: Night) -> None:
    """Leave a night's report; counts, never an address."""
    create_markdown_artifact(
        hygiene_lists.report(resources(), night),
        key=f"hygiene-{night.tenant}",
        description=hygiene_report.in_words(night),
    )
