"""`posthouse contacts`: bring people in."""

from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, pairs, progress, stdout
from core.errors import InputError
from core.import_formats import FileFormat
from store import tenants
from tasks.contacts import ImportReport, import_contacts
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.callback()
def contacts() -> None:
    """Keep `import` a sub-command while it is the only one."""


@app.command("import")
def import_(
    tenant: str,
    file: Annotated[str, typer.Argument(help="A CSV file, or s3://bucket/key.")],
    *,
    audience: Annotated[str, typer.Option(help="The list that they join; made if it is new.")],
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="Whose export it is.")
    ] = FileFormat.GENERIC,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=FIELD",
            help="What a column means: email, status, consent_basis, consent_at, consent_source, "
            "consent_wording, ignore, or the name of an attribute. May be given several times.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import the contacts of a file. A second run of the same file goes on where the first one stopped."""
    with errors_as_answers(as_json=as_json), progress("lines", None) as done:
        tools = resources()
        with tools.database.begin() as session:
            tenant_id = tenants.by_slug(session, tenant).id
        assert tenant_id is not None
        report = import_contacts(
            tools,
            tenant_id=tenant_id,
            location=file,
            audience=audience,
            file_format=file_format,
            mapping=_mapping(mapping or []),
            on_lines=done,
        )
        answer(report.as_json(), as_json=as_json, show=lambda: _show(report))


def _mapping(pairs_given: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs_given:
        # A column's name may hold a sign of equality, a field's may not.
        column, equals, field = pair.rpartition("=")
        if not equals or not column.strip() or not field.strip():
            raise InputError(
                f"--map {pair!r} is not COLUMN=FIELD", hint='Such as --map "E-Mail privat=email".'
            )
        mapping[column.strip()] = field.strip()
    return mapping


def _show(report: ImportReport) -> None:
    document = report.as_json()
    errors = document.pop("errors")
    stdout.print(pairs(document))
    if errors:
        lines = [(error["line"], error["code"], error["message"]) for error in errors[:20]]
        stdout.print(listing(("line", "code", "message"), lines))
