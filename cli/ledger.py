"""`posthouse ledger`: whether the ledger may be believed, and a person's word that it may."""

import getpass
from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers
from tasks import quarantine
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say whether sending is held because the ledger may lack calls that were made, and what that rests on."""
    with errors_as_answers(as_json=as_json):
        held = quarantine.status(resources())
        answer({"ok": not held, "quarantines": held}, as_json=as_json)


@app.command()
def confirm(
    *,
    reason: Annotated[
        str, typer.Option(help="How you know that nobody gets a second mail; kept in the record.")
    ],
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Although events wait, or the guard is not over; kept in the record."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End the quarantine: sending goes on from what the ledger knows now."""
    with errors_as_answers(as_json=as_json):
        regions = quarantine.confirm(resources(), reason=reason, actor=getpass.getuser(), anyway=anyway)
        answer({"confirmed": regions}, as_json=as_json)
