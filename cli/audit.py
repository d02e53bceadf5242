"""`posthouse audit`: whether what is written of who did what is still what was written."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stdout
from tasks import audit_chain
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Slug = Annotated[str | None, typer.Argument(help="The tenant's slug; all tenants without it.")]


@app.command()
def verify(
    tenant: Slug = None,
    *,
    anchor: Annotated[
        Path | None, typer.Option(help="A file of `audit anchor --json` that was kept elsewhere.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walk the chain of hashes through the audit, and name the first link that does not hold."""
    with errors_as_answers(as_json=as_json):
        kept = audit_chain.read_anchors(anchor) if anchor else {}
        chains = audit_chain.verify(resources(), slug=tenant, kept=kept)
        lines = [(each["tenant"], each["entries"], _in_words(each["broken"])) for each in chains]
        holds = all(each["ok"] for each in chains)
        answer(
            {"ok": holds, "chains": chains},
            as_json=as_json,
            show=lambda: stdout.print(listing(("tenant", "entries", "chain"), lines)),
        )
        if not holds:
            raise Failed


def _in_words(broken: dict[str, object] | None) -> str:
    return f"broken at entry {broken['position']}: {broken['why']}" if broken else "holds"


@app.command()
def anchor(tenant: Slug = None, *, as_json: AsJson = False) -> None:
    """Give the newest link of the chain: kept where no administrator of the database can reach it, it proves all before it."""
    with errors_as_answers(as_json=as_json):
        anchors = audit_chain.anchors(resources(), slug=tenant)
        columns = ("tenant", "position", "hash", "at")
        table = listing(columns, [[each[name] for name in columns] for each in anchors])
        answer({"anchors": anchors}, as_json=as_json, show=lambda: stdout.print(table))
