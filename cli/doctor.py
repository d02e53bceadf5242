"""`posthouse doctor`: is everything there, and what to do when it is not; and the canary of SES's two calls."""

import getpass
from typing import Annotated, Any

import typer

from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stdout
from core.errors import InputError
from tasks import canary, doctoring
from tasks.resources import resources


_MARKS = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "error": "[red]✗[/red]"}


def doctor(
    *,
    ses_canary: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Send one mail there by both of SES's calls, to be compared."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose mail the canary is.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check runtime, database, migrations, SES, queues and Prefect. Exit 1 if one of them is missing."""
    with errors_as_answers(as_json=as_json):
        if ses_canary is not None:
            _run_canary(ses_canary, tenant, as_json=as_json)
            return
        if tenant is not None:
            raise InputError("a tenant for what?", hint="It belongs to --ses-canary ADDRESS.")
        checks = [check.as_json() for check in doctoring.examine(resources())]
        answer({"checks": checks}, as_json=as_json, show=lambda: _show(checks))
        if any(check["severity"] == "error" for check in checks):
            raise Failed


def _show(checks: list[dict[str, str]]) -> None:
    for check in checks:
        stdout.print(f"{_MARKS[check['severity']]} {check['id']:17} {check['message']}", highlight=False)
        if check["hint"]:
            stdout.print(f"  {'':17} [dim]{check['hint']}[/dim]", highlight=False)


def _run_canary(address: str, tenant: str | None, *, as_json: bool) -> None:
    found = canary.run(resources(), address=address, tenant_slug=tenant, actor=getpass.getuser())
    document = {"canary": found.as_json()}
    answer(document, as_json=as_json, show=lambda: _show_canary(document["canary"]))
    if not found.ok:
        raise Failed


def _show_canary(told: dict[str, Any]) -> None:
    columns = ("delivery_api", "state", "why", "ses_message_id")
    lines = [[message[column] for column in columns] for message in told["messages"]]
    stdout.print(listing(("sent by", "", "why", "SES message id"), lines))
    for advice in told["compare"]:
        stdout.print(advice, highlight=False, markup=False)
