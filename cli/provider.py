"""`posthouse provider`: who keeps the mailboxes of a domain."""

from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from tasks import mailbox_domains
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(
    tenant: str,
    *,
    audience: Annotated[str, typer.Option(help="The list.")],
    as_json: AsJson = False,
) -> None:
    """Count an audience's people by mailbox provider."""
    with errors_as_answers(as_json=as_json):
        found = mailbox_domains.of_audience(resources(), tenant_slug=tenant, audience=audience)
        answer(
            {"providers": found},
            as_json=as_json,
            show=lambda: stdout.print(listing(("provider", "people"), list(found.items()))),
        )


@app.command()
def show(domain: str, *, as_json: AsJson = False) -> None:
    """Say who keeps a domain's mailboxes, and how that is known."""
    with errors_as_answers(as_json=as_json):
        _tell(mailbox_domains.show(resources(), domain), as_json=as_json)


@app.command("set")
def set_(
    domain: str,
    provider: Annotated[str, typer.Argument(help="A key as `list` shows them, or `auto`: the DNS decides.")],
    *,
    reason: Annotated[str, typer.Option(help="How you know.")] = "",
    as_json: AsJson = False,
) -> None:
    """Choose a domain's mailbox provider against what the DNS says; campaigns that are planned from now on heed it."""
    with errors_as_answers(as_json=as_json):
        chosen = None if provider == "auto" else provider
        found = mailbox_domains.choose(resources(), domain, provider=chosen, actor="cli", reason=reason)
        _tell(found, as_json=as_json)


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    answer(
        found,
        as_json=as_json,
        show=lambda: stdout.print(listing(("what", "is"), [[name, value] for name, value in found.items()])),
    )
