"""`posthouse events`: what SES reports about messages."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers
from tasks import events
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Files = Annotated[
    list[Path],
    typer.Argument(exists=True, dir_okay=False, help="SES events, SNS envelopes or SQS bodies as JSON."),
]


@app.command()
def drain(*, as_json: AsJson = False) -> None:
    """Take what is on the queues now and apply it."""
    with errors_as_answers(as_json=as_json):
        answer(events.drain(resources()).as_json(), as_json=as_json)


@app.command()
def ingest(files: Files, *, as_json: AsJson = False) -> None:
    """Apply events from files: one JSON document in each file, or one on each line."""
    with errors_as_answers(as_json=as_json):
        answer(events.ingest_files(resources(), files).as_json(), as_json=as_json)
