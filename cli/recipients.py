"""`posthouse campaign recipients`: who got a campaign, who did not, and why."""

import getpass
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, answer, errors_as_answers
from core.recipients import Outcome
from gateways import csv_files
from tasks import recipients
from tasks.resources import resources


def of_campaign(
    campaign_id: Annotated[int, typer.Argument(help="The campaign's id.", metavar="ID")],
    *,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="Only these; may be repeated. All without it.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write the CSV; stdout without it.")] = None,
    bom: Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for Excel.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write everybody of the audience as CSV: who got it, who did not, and why. Kept in the audit: addresses are in it."""
    with errors_as_answers(as_json=as_json):
        path = output or (Path(f"campaign-{campaign_id}-recipients.csv") if as_json else None)
        write = partial(
            recipients.write,
            resources(),
            campaign_id,
            outcomes=outcome or (),
            with_mark=bom,
            actor=getpass.getuser(),
        )
        if path is None:
            write(sys.stdout.buffer)
            return
        with csv_files.whole(path) as target:
            counts = write(target)
        answer({"file": str(path), "recipients": sum(counts.values()), **counts}, as_json=as_json)
