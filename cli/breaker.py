"""`posthouse breaker`: what bounces and complaints are evidence of."""

from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from tasks import breakers
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.callback()
def breaker() -> None:
    """Keep `show` a sub-command, though it is the only one."""


@app.command()
def show(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug, such as acme.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what is counted now of a tenant, of it at each mailbox provider, and of its campaigns that are not done."""
    with errors_as_answers(as_json=as_json):
        found = breakers.show(resources(), tenant)
        lines = [(each["scope"], each["subject"], each["state"], each["why"]) for each in found]
        answer(
            {"tenant": tenant, "breakers": found},
            as_json=as_json,
            show=lambda: stdout.print(listing(("of", "which", "state", "why"), lines)),
        )
