"""`posthouse campaign forecast`: when a campaign will be done. `posthouse forecast`: whether what was said came true."""

from datetime import date
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, pairs, stdout
from core.errors import InputError
from core.forecast import Forecast
from store.outlook import Changes
from tasks import accounts, forecasts
from tasks.forecasts import Record
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.callback()
def forecast() -> None:
    """Whether what was said of campaigns' ends came true."""


@app.command()
def score(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's campaigns.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare the forecasts of campaigns that are done with what happened."""
    with errors_as_answers(as_json=as_json):
        found = forecasts.record(resources(), tenant_slug=tenant)
        answer(found.as_json(), as_json=as_json, show=lambda: _show(found))


def _show(found: Record) -> None:
    stdout.print(found.words)
    lines = [
        (
            each.campaign_id,
            each.campaign,
            each.made_on,
            each.done_on,
            each.done_on_p90,
            each.happened_on,
            "kept" if each.happened_on <= each.done_on_p90 else "not kept",
        )
        for each in found.kept
    ]
    if lines:
        stdout.print(listing(("id", "campaign", "said on", "P50", "P90", "done on", ""), lines))


def of_campaign(
    campaign_id: Annotated[int, typer.Argument(help="The campaign's id.", metavar="ID")],
    *,
    quota: Annotated[int | None, typer.Option(min=0, help="What if SES let through so many a day?")] = None,
    rate: Annotated[float | None, typer.Option(help="What if SES let through so many a second?")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="What if it began on this day, such as 2026-12-01?")
    ] = None,
    without_tiers: Annotated[
        str, typer.Option(metavar="TIER[,TIER]", help="What if these tiers of engagement were left out?")
    ] = "",
    schedule: Annotated[
        str | None, typer.Option(metavar="NAME", help="What if the domain warmed up in this way?")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="How many leave until then, and when must it begin to be done?"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say when a campaign will be done, how sure that is, what binds it, and what would change it."""
    with errors_as_answers(as_json=as_json):
        accounts.refresh(resources())
        changes = Changes(
            quota=quota,
            rate=rate,
            begins_on=_day(start) if start else None,
            without_tiers=_tiers(without_tiers),
            schedule=schedule,
        )
        usual = forecasts.outlook(resources(), campaign_id)
        document = usual.as_json()
        told = {"as it is": usual}
        if changes != Changes():
            told["what if"] = forecasts.outlook(resources(), campaign_id, changes)
            document["what_if"] = told["what if"].as_json()
        if by:
            asked = forecasts.deadline(resources(), campaign_id, by=_day(by), changes=changes)
            document["deadline"] = asked.as_json()
        answer(document, as_json=as_json, show=lambda: _show_forecasts(told, document))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no day", hint="Such as 2026-12-01.") from error


def _tiers(text: str) -> frozenset[int]:
    try:
        return frozenset(int(tier) for tier in text.split(",") if tier.strip())
    except ValueError as error:
        raise InputError(f"{text!r} are no tiers", hint="Such as --without-tiers 4,5.") from error


def _show_forecasts(told: dict[str, Forecast], document: dict[str, Any]) -> None:
    for name, one in told.items():
        if len(told) > 1:
            stdout.print(f"[bold]{name}[/bold]")
        values = {key: value for key, value in one.as_json().items() if key != "providers"}
        stdout.print(pairs(values))
        lines = [
            (
                each.provider,
                f"{each.waiting:,}",
                f"{each.today:,}",
                each.done_on,
                each.done_on_p90,
                each.binding,
            )
            for each in one.providers
        ]
        if len(lines) > 1:
            stdout.print(listing(("provider", "wait", "fit today", "P50", "P90", "binds"), lines))
    if "deadline" in document:
        stdout.print(pairs(document["deadline"]))
