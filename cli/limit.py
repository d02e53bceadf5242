"""`posthouse limit`: how fast a single tenant may send, altogether or to one mailbox provider."""

import getpass
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from core.allowances import ALL
from tasks import limits
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="The tenant's slug, such as acme.")]
Provider = Annotated[
    str, typer.Option(help="A key as `posthouse provider list` shows them; `all` is all mail.")
]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]


@app.command("set")
def set_(
    tenant: Slug,
    *,
    rate: Annotated[float, typer.Option(help="Messages a second, 0.2 or more.")],
    provider: Provider = ALL,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Let a tenant send no faster than this, from the next window on, also while campaigns run."""
    with errors_as_answers(as_json=as_json):
        found = limits.put(
            resources(), tenant, rate=rate, provider=provider, reason=reason, actor=getpass.getuser()
        )
        _tell(tenant, found, as_json=as_json)


@app.command("list")
def list_(tenant: Slug, *, as_json: AsJson = False) -> None:
    """List a tenant's limits, with who has set them and why."""
    with errors_as_answers(as_json=as_json):
        _tell(tenant, limits.standing(resources(), tenant), as_json=as_json)


@app.command()
def clear(tenant: Slug, *, provider: Provider = ALL, reason: Reason, as_json: AsJson = False) -> None:
    """End a limit."""
    with errors_as_answers(as_json=as_json):
        found = limits.clear(resources(), tenant, provider=provider, reason=reason, actor=getpass.getuser())
        _tell(tenant, found, as_json=as_json)


def _tell(tenant: str, found: list[dict[str, Any]], *, as_json: bool) -> None:
    columns = ("provider", "per_second", "set_by", "reason", "set_at")
    table = listing(columns, [[line[name] for name in columns] for line in found])
    answer({"tenant": tenant, "limits": found}, as_json=as_json, show=lambda: stdout.print(table))
