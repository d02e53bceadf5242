"""`posthouse audience`: the lists of a tenant, and what readers know them as."""

import getpass
from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from store import audiences, tenants
from tasks.audiences import set_title
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(tenant: str, *, as_json: AsJson = False) -> None:
    """List a tenant's audiences with their members and the titles that readers see."""
    with errors_as_answers(as_json=as_json):
        with resources().database.begin() as session:
            tenant_id = tenants.by_slug(session, tenant).id
            assert tenant_id is not None
            found = [
                {"audience": row["name"], "title": row["title"], "members": row["members"]}
                for row in audiences.everyone(session, tenant_id=tenant_id)
            ]
        table = listing(("audience", "title", "members"), [list(line.values()) for line in found])
        answer({"audiences": found}, as_json=as_json, show=lambda: stdout.print(table))


@app.command()
def title(
    tenant: str,
    name: Annotated[str, typer.Argument(help="The audience.")],
    words: Annotated[
        str, typer.Argument(metavar="TITLE", help="What readers know it as; `none` takes it away.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Name a list for its readers, so that they may leave it and come back on their preference page."""
    with errors_as_answers(as_json=as_json):
        chosen = "" if words == "none" else words
        document = set_title(resources(), tenant, name, title=chosen, actor=getpass.getuser())
        answer(document, as_json=as_json)
