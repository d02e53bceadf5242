"""Import a file of contacts into an audience."""

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from core.import_formats import FileFormat
from flows.steps import RETRIED
from tasks import contacts, tenants
from tasks.contacts import ImportReport
from tasks.resources import resources


@flow(name="import-contacts", flow_run_name="{tenant} · import into {audience}", persist_result=False)
def import_contacts(
    tenant: str = Field(title="Tenant", description="The tenant's slug, such as `acme`."),
    location: str = Field(title="File", description="A path on the worker, or `s3://bucket/key`."),
    audience: str = Field(
        title="Audience", description="The list they join; made if there is none of that name."
    ),
    file_format: FileFormat = Field(
        FileFormat.GENERIC,
        title="Format",
        description="Whose export it is; `generic` is any CSV with a header.",
    ),
) -> State[None]:
    """Import contacts; a run that was killed goes on where it stopped, the same file again changes nothing."""
    report = run_import(tenant, location, audience, file_format)
    counts = {name: count for name, count in report.counts.items() if count}
    create_table_artifact(
        [{"line": error["line"], "code": error["code"]} for error in report.errors]
        or [{"line": "–", "code": "none"}],
        key=f"import-{report.import_id}-errors",
        description="The first lines that could not become contacts",
    )
    return Completed(
        message=", ".join(f"{count:,} {name}" for name, count in counts.items()) or "an empty file"
    )


@task(name="Import the file", **RETRIED)
def run_import(tenant: str, location: str, audience: str, file_format: FileFormat) -> ImportReport:
    """Read the file and store its contacts, batch by batch."""
    report = contacts.import_contacts(
        resources(),
        tenant_id=tenants.id_of(resources(), tenant),
        location=location,
        audience=audience,
        file_format=file_format,
    )
    get_run_logger().info("Tenant %s, audience %s: %s", tenant, audience, dict(report.counts))
    return report
