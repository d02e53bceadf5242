"""`posthouse db`: bring the schema up to date, and say where it stands."""

import typer

from cli.output import AsJson, answer, errors_as_answers
from gateways import postgres
from gateways.settings import settings
from store import migrations


app = typer.Typer(no_args_is_help=True)


@app.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Bring the database's schema to the newest revision."""
    with errors_as_answers(as_json=as_json):
        url = postgres.database_url(settings())
        before = migrations.current(url)
        migrations.upgrade(url)
        answer({"before": before, "after": migrations.current(url)}, as_json=as_json)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say which revision the database has and which one this code is written for."""
    with errors_as_answers(as_json=as_json):
        current = migrations.current(postgres.database_url(settings()))
        answer(
            {"revision": current, "head": migrations.head(), "ok": current == migrations.head()},
            as_json=as_json,
        )
