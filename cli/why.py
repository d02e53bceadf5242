"""`posthouse why`: what happened to one person's mail, and why."""

from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from tasks import history
from tasks.resources import resources


def why(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")],
    address: Annotated[str, typer.Argument(help="The address that somebody asks about.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what was sent to an address, what became of it, and why anything was not."""
    with errors_as_answers(as_json=as_json):
        document = history.why(resources(), tenant_slug=tenant, address_text=address)
        answer(document, as_json=as_json, show=lambda: _show(document))


def _show(document: dict[str, Any]) -> None:
    stdout.print(document["summary"])
    for suppression in document["suppressions"]:
        stdout.print(
            f"  suppressed: {suppression['reason']} ({suppression['source']}) since {suppression['created_at']:%Y-%m-%d %H:%M}"
        )
    for rejection in document["imports"]:
        stdout.print(
            f"  refused in {rejection['file_name']}, line {rejection['line']}: {rejection['message']}"
        )
    for delivery in document["deliveries"]:
        stdout.print(
            f"campaign {delivery['campaign_id']} {delivery['campaign']}: {delivery['state']}. {delivery['why']}"
        )
        lines = [(f"{step['at']:%Y-%m-%d %H:%M:%S}", step["what"]) for step in delivery["timeline"]]
        if lines:
            stdout.print(listing(("at", "what"), lines))
