"""`posthouse account`: what Amazon SES lets all tenants send together, and an operator's own limit below it."""

import getpass
from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers
from core.errors import InputError
from tasks import accounts
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Say how fast the account may send now, and what holds it."""
    with errors_as_answers(as_json=as_json):
        answer(accounts.show(resources()), as_json=as_json)


@app.command()
def limit(
    *,
    rate: Annotated[str, typer.Option(help="Messages a second for all workers together, or `off`.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit of every tenant.")],
    as_json: AsJson = False,
) -> None:
    """Let the account send no faster than this, from the next window on, also while campaigns run."""
    with errors_as_answers(as_json=as_json):
        shown = accounts.limit(resources(), rate=_rate(rate), reason=reason, actor=getpass.getuser())
        answer(shown, as_json=as_json)


@app.command()
def resume(
    *,
    reason: Annotated[str, typer.Option(help="Why it may go on; kept in the audit of every tenant.")],
    as_json: AsJson = False,
) -> None:
    """Let the account go on after the breaker of all tenants together has stopped it."""
    with errors_as_answers(as_json=as_json):
        answer(accounts.resume(resources(), reason=reason, actor=getpass.getuser()), as_json=as_json)


def _rate(text: str) -> float | None:
    """Return the rate that a person means; None is no limit."""
    if text.strip().lower() == "off":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is no rate", hint="A number of messages a second, such as 5, or off."
        ) from error
