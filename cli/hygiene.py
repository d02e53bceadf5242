"""`posthouse hygiene`: keep the lists clean."""

import getpass
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, pairs, stdout
from core.errors import InputError
from core.hygiene_report import Night, in_words
from gateways import csv_files
from tasks import hygiene, hygiene_decisions, hygiene_lists, tenants
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="The tenant's slug.")]
Run = Annotated[int, typer.Argument(help="The number of the night.", metavar="RUN")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the audit with your name.")]
Bom = Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, for Excel.")]
Output = Annotated[Path | None, typer.Option(help="Where to write the CSV; stdout without it.")]


@app.command()
def run(
    *,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant, by its slug.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have a night of hygiene now. Where too many would leave, nobody does before somebody approves."""
    with errors_as_answers(as_json=as_json):
        tenant_id = tenants.id_of(resources(), tenant) if tenant else None
        report = hygiene.run(resources(), tenant_id=tenant_id, dry_run=dry_run)
        answer(
            {**report.as_json(), "dry_run": dry_run},
            as_json=as_json,
            show=lambda: _show_nights(report.nights),
        )


def _show_nights(nights: Sequence[Night]) -> None:
    for night in nights:
        stdout.print(f"{night.tenant}: {in_words(night)}", highlight=False)


@app.command()
def approve(tenant: Slug, run_id: Run, *, reason: Why, as_json: AsJson = False) -> None:
    """Let the people of a night leave that waits for approval."""
    _decide(tenant, run_id, reason, approved=True, as_json=as_json)


@app.command()
def refuse(tenant: Slug, run_id: Run, *, reason: Why, as_json: AsJson = False) -> None:
    """Let nobody of a night leave that waits for approval; the next night looks anew."""
    _decide(tenant, run_id, reason, approved=False, as_json=as_json)


def _decide(tenant: str, run_id: int, reason: str, *, approved: bool, as_json: bool) -> None:
    with errors_as_answers(as_json=as_json):
        night = hygiene_decisions.decide(
            resources(),
            tenant_slug=tenant,
            run_id=run_id,
            approved=approved,
            actor=getpass.getuser(),
            reason=reason,
        )
        answer(_as_json(night), as_json=as_json)


def _as_json(night: Night) -> dict[str, Any]:
    return {
        "tenant": night.tenant,
        "run": night.run_id,
        "state": str(night.state),
        "people": {str(rule): people for rule, people in night.counts.items()},
        "spared": night.spared,
    }


@app.command()
def status(tenant: Slug, *, as_json: AsJson = False) -> None:
    """Show a tenant's last nights, which of them waits, and how many contacts lapse and are retired."""
    with errors_as_answers(as_json=as_json):
        document = hygiene_decisions.status(resources(), tenant_slug=tenant)
        answer(document, as_json=as_json, show=lambda: _show_status(document))


def _show_status(document: dict[str, Any]) -> None:
    stdout.print(pairs({name: value for name, value in document.items() if name != "nights"}))
    columns = ("run", "state", "counts", "created_at", "waits_until", "decided_by", "decided_why")
    stdout.print(listing(columns, [[night[name] for name in columns] for night in document["nights"]]))


@app.command()
def people(
    tenant: Slug,
    *,
    run_id: Annotated[
        int | None, typer.Option("--run", help="Of this night. Without it, whom a night would take now.")
    ] = None,
    hints: Annotated[
        bool, typer.Option("--hints", help="Whose address deserves a look: role, disposable, slip, alike.")
    ] = False,
    output: Output = None,
    bom: Bom = False,
    as_json: AsJson = False,
) -> None:
    """Write who leaves, and why, as CSV. Kept in the audit: addresses are in it."""
    with errors_as_answers(as_json=as_json):
        if hints and run_id is not None:
            raise InputError("hints belong to no night", hint="Leave out --run, or --hints.")
        write = partial(
            hygiene_lists.write_hints if hints else partial(hygiene_lists.write_leaving, run_id=run_id),
            resources(),
            tenant_slug=tenant,
            actor=getpass.getuser(),
            with_mark=bom,
        )
        path = output or (Path(f"{tenant}-hygiene.csv") if as_json else None)
        if path is None:
            write(sys.stdout.buffer)
            return
        with csv_files.whole(path) as target:
            written = write(target)
        answer({"file": str(path), "lines": written}, as_json=as_json)


@app.command()
def sources(tenant: Slug, *, as_json: AsJson = False) -> None:
    """Show how good each import's addresses are, and how many addresses deserve a look."""
    with errors_as_answers(as_json=as_json):
        document = hygiene_lists.hints_of(resources(), tenant_slug=tenant)
        answer(document, as_json=as_json, show=lambda: _show_sources(document))


def _show_sources(document: dict[str, Any]) -> None:
    hints = dict(document["hints"])
    slips = hints.pop("slips")
    stdout.print(pairs({**hints, "disposable list of": document["disposable_list"]}))
    for slip in slips:
        stdout.print(f"{slip['people']:,} at {slip['typed']}: is {slip['meant']} meant?", highlight=False)
    found = document["imports"]
    lines = [[_share(cell) if isinstance(cell, list) else cell for cell in one.values()] for one in found]
    stdout.print(listing(tuple(found[0]), lines) if found else "no contacts")


def _share(rate: list[float]) -> str:
    """Return a rate with its bounds."""
    value, low, high = rate
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


@app.command()
def policy(
    tenant: Slug,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=N", help="A threshold; may be repeated.")
    ] = None,
    *,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Show the thresholds of a tenant's hygiene, or change some."""
    with errors_as_answers(as_json=as_json):
        chosen = dict(_change(text) for text in changes or [])
        now = hygiene_decisions.set_policy(
            resources(), tenant_slug=tenant, changes=chosen, actor=getpass.getuser(), reason=reason
        )
        answer({"tenant": tenant, "policy": now}, as_json=as_json, show=lambda: stdout.print(pairs(now)))


def _change(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if not value.strip().isdecimal():
        raise InputError(
            f"{text!r} is no threshold", hint="Such as --set sunset_days=365. 0 turns a rule off."
        )
    return name.strip(), int(value)
