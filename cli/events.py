"""`posthouse events`: what SES reports about messages."""

import logging
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stdout
from core.gaps import Severity
from store.reconciliation import Kept
from tasks import event_queues, events, polling, reconciliation
from tasks.reconciliation import Report, Wish
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
def poll(
    *,
    pollers: Annotated[
        int, typer.Option(min=1, max=32, help="How many threads share the engagement queue.")
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Follow the queues until SIGTERM or Ctrl-C, and apply what comes; a complaint waits for no open."""
    with errors_as_answers(as_json=as_json):
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        polling.poll(resources(), stop=stop, pollers=pollers)


@app.command()
def waiting(*, as_json: AsJson = False) -> None:
    """Say what waits on the queues, in the inbox, among the dead letters and in quarantine, and how old it is."""
    with errors_as_answers(as_json=as_json):
        found = event_queues.show(resources())
        answer(found, as_json=as_json, show=lambda: _show_waiting(found))


@app.command()
def redrive(
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what could be read of the first thousand, and change nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take the dead letters of both queues: apply what can be read by now, and keep the rest in quarantine."""
    with errors_as_answers(as_json=as_json):
        done = [one.as_json() for one in event_queues.redrive(resources(), dry_run=dry_run)]
        answer({"dry_run": dry_run, "queues": done}, as_json=as_json, show=lambda: _show_redriven(done))


@app.command()
def ingest(files: Files, *, as_json: AsJson = False) -> None:
    """Apply events from files: one JSON document in each file, or one on each line."""
    with errors_as_answers(as_json=as_json):
        answer(events.ingest_files(resources(), files).as_json(), as_json=as_json)


@app.command()
def reconcile(
    *,
    canary: Annotated[
        bool,
        typer.Option(
            "--canary",
            help="Send a message of every tenant to Amazon's mailbox simulator, and wait for its events.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take what is on the queues, then say what SES should have reported and has not. Exit 1 if anything is missing."""
    with errors_as_answers(as_json=as_json):
        waited = reconciliation.drain(resources()).waited
        report = reconciliation.run(resources(), Wish(is_thorough=True, canaries=canary, waited=waited))
        answer(report.as_json(), as_json=as_json, show=lambda: _show(report))
        if report.findings:
            raise Failed


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say what the last reconciliation has found, and how those before it ended."""
    with errors_as_answers(as_json=as_json):
        kept = reconciliation.history(resources())
        runs = [{"at": each.ran_at, "ok": each.is_well, "words": each.words} for each in kept]
        gaps = [gap.as_json() for gap in kept[0].findings] if kept else []
        answer(
            {"ok": not gaps, "gaps": gaps, "runs": runs},
            as_json=as_json,
            show=lambda: _show_history(kept),
        )


@app.command()
def overdue(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug, such as acme.")],
    *,
    as_json: AsJson = False,
) -> None:
    """List a tenant's oldest messages that SES accepted and has not reported, by campaign and SES's own id."""
    with errors_as_answers(as_json=as_json):
        found = reconciliation.overdue(resources(), tenant_slug=tenant)
        columns = ("campaign_id", "delivery_id", "ses_message_id", "age")
        lines = [[each[name] for name in columns] for each in found]
        table = listing(("campaign", "delivery", "SES message id", "seconds ago"), lines)
        answer(
            {"tenant": tenant, "overdue": found},
            as_json=as_json,
            show=lambda: stdout.print(table if found else "nothing is overdue"),
        )


def _show_waiting(found: dict[str, Any]) -> None:
    columns = ("queue", "waiting", "in_flight", "dead_letters", "last_event_seconds")
    stdout.print(listing(("queue", "waiting", "in flight", "dead letters", "newest event, s ago"),
                         [[queue[name] for name in columns] for queue in found["queues"]]))  # fmt: skip
    inbox = found["inbox"]
    stdout.print(
        f"inbox: {inbox['waiting']:,} wait, {inbox['urgent']:,} of them urgent, {inbox['unknown']:,} of unknown messages, "
        f"{inbox['failing']:,} failing; the oldest for {inbox['oldest_seconds'] or 0:,} s",
        highlight=False,
    )
    for reason in found["quarantine"]:
        stdout.print(
            f"[red]quarantine[/red]: {reason['events']:,} by {reason['source']}: {reason['reason']}",
            highlight=False,
        )


def _show_redriven(done: Sequence[dict[str, Any]]) -> None:
    columns = ("queue", "seen", "readable", "applied", "known", "notices", "unreadable")
    stdout.print(listing(columns, [[one[name] for name in columns] for one in done]))


def _show(report: Report) -> None:
    stdout.print(report.words, highlight=False)
    for gap in report.findings:
        stdout.print(
            f"[{_COLOUR[gap.severity]}]{gap.tenant or 'all tenants'}[/]: {gap.message}", highlight=False
        )
        stdout.print(f"  {gap.remedy}", highlight=False)


def _show_history(kept: Sequence[Kept]) -> None:
    if not kept:
        stdout.print("no reconciliation has run yet: posthouse events reconcile")
        return
    _show(Report(at=kept[0].ran_at, words=kept[0].words, findings=kept[0].findings))
    lines = [(f"{each.ran_at:%d %b %H:%M}", "well" if each.is_well else "gaps", each.words) for each in kept]
    stdout.print(listing(("when (UTC)", "", "what"), lines))


_COLOUR = {Severity.WARNING: "yellow", Severity.ERROR: "red"}
