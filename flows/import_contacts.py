"""Import a file of contacts into an audience."""

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from core.import_formats import FileFormat
from flows import forms
from flows.refusals import told_in_words
from flows.steps import RETRIED
from tasks import contacts, tenants
from tasks.contacts import ImportReport
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="import-contacts", flow_run_name="{tenant} · import into {audience}", persist_result=False)
@told_in_words
def import_contacts(
    tenant: str = forms.field("Tenant", "The tenant's slug, such as acme.", pattern=forms.SLUG),
    location: str = forms.field("File", "A path on the worker, or s3://bucket/key.", minLength=1),
    audience: str = forms.field(
        "Audience", "The list they join; it is made if there is none of that name.", minLength=1
    ),
    file_format: FileFormat = forms.field(
        "Format", "Whose export it is; generic is any CSV with a header.", FileFormat.GENERIC
    ),
) -> State[None]:
    """Import contacts; a run that was killed goes on where it stopped, the same file again changes nothing."""
    report = run_import(tenant, location, audience, file_format)
    # The messages of the refused lines stay on the worker: they may quote what stands in the file.
    create_table_artifact(
        [{"line": error["line"], "code": error["code"]} for error in report.errors]
        or [{"line": "–", "code": "every line became a contact"}],
        key=f"import-{report.import_id}-errors",
        description="The first lines that could not become contacts",
    )
    return Completed(message=_in_words(report))


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
    run_logger().info("Tenant %s, audience %s: %s", tenant, audience, _in_words(report))
    return report


def _in_words(report: ImportReport) -> str:
    told = [f"{count:,} {name}" for name, count in report.counts.items() if count]
    return ", ".join(told) or "an empty file"
