"""`posthouse hygiene`: keep the lists clean."""

from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers
from tasks import hygiene, tenants
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command()
def run(
    *,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant, by its slug.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Suppress whom bounces and complaints demand, and retire those who never open or click."""
    with errors_as_answers(as_json=as_json):
        tenant_id = tenants.id_of(resources(), tenant) if tenant else None
        report = hygiene.run(resources(), tenant_id=tenant_id, dry_run=dry_run)
        answer({**report.as_json(), "dry_run": dry_run}, as_json=as_json)
