"""`posthouse suppressions`: who must not be mailed."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from core.suppression import Reason
from store import tenants
from tasks.resources import resources
from tasks.suppressions import (
    add_suppression,
    check_suppression,
    export_suppressions,
    import_suppressions,
)


app = typer.Typer(no_args_is_help=True)


def _tenant_id(slug: str) -> int:
    with resources().database.begin() as session:
        tenant_id = tenants.by_slug(session, slug).id
    assert tenant_id is not None
    return tenant_id


@app.command()
def add(
    tenant: str,
    address: str,
    *,
    reason: Annotated[Reason, typer.Option(help="Why.")],
    audience: Annotated[str | None, typer.Option(help="Only this list, not the whole tenant.")] = None,
    as_json: AsJson = False,
) -> None:
    """Suppress one person."""
    with errors_as_answers(as_json=as_json):
        document = add_suppression(
            resources(), tenant_id=_tenant_id(tenant), address=address, reason=reason, audience=audience
        )
        answer(document, as_json=as_json, show=lambda: _show(document))


@app.command()
def check(tenant: str, address: str, *, as_json: AsJson = False) -> None:
    """Say whether a person is suppressed, and why."""
    with errors_as_answers(as_json=as_json):
        document = check_suppression(resources(), tenant_id=_tenant_id(tenant), address=address)
        answer(document, as_json=as_json, show=lambda: _show(document))


def _show(document: dict[str, Any]) -> None:
    if not document["suppressed"]:
        stdout.print("not suppressed")
        return
    columns = ("reason", "scope", "audience", "source", "detail", "created_at", "expires_at")
    stdout.print(listing(columns, [[row[name] for name in columns] for row in document["suppressions"]]))


@app.command("import")
def import_(
    tenant: str,
    file: Annotated[str, typer.Argument(help="A CSV file, or s3://bucket/key.")],
    *,
    reason: Annotated[Reason, typer.Option(help="Of the rows that do not say.")] = Reason.IMPORT,
    as_json: AsJson = False,
) -> None:
    """Suppress everybody in a file."""
    with errors_as_answers(as_json=as_json):
        document = import_suppressions(
            resources(), tenant_id=_tenant_id(tenant), location=file, reason=reason
        )
        answer(document, as_json=as_json)


@app.command()
def export(
    tenant: str,
    *,
    output: Annotated[Path | None, typer.Option(help="Where to write the CSV; stdout without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write all suppressions as CSV that is safe to open in a spreadsheet."""
    with errors_as_answers(as_json=as_json):
        tenant_id = _tenant_id(tenant)
        if output is None and not as_json:
            export_suppressions(resources(), tenant_id=tenant_id, target=sys.stdout)
            return
        path = output or Path(f"{tenant}-suppressions.csv")
        with path.open("w", encoding="utf-8", newline="") as target:
            written = export_suppressions(resources(), tenant_id=tenant_id, target=target)
        answer({"file": str(path), "suppressions": written}, as_json=as_json)
