"""`posthouse bounces`: how they are understood, what nobody understood, and providers that call living mailboxes dead."""

import getpass
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from core import bounces, diagnostics
from core.bounce_rules import Rule
from core.events import Bounce
from tasks import anomalies as anomalies_
from tasks import bounces as tasks
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command()
def table(*, as_json: AsJson = False) -> None:
    """Print the table, in the order in which it is asked; for a person as the Markdown of docs/bounces.md."""
    with errors_as_answers(as_json=as_json):
        document = {part: [_row(rule) for rule in rules] for part, rules in bounces.table().items()}
        answer(document, as_json=as_json, show=lambda: sys.stdout.write(bounces.page()))


def _row(rule: Rule) -> dict[str, str]:
    return {
        "rule": rule.id,
        "pattern": rule.pattern,
        "class": rule.cause,
        "effect": rule.bounce_class,
        "scope": rule.scope,
        "reason": rule.reason,
        "source": rule.source,
        "read_on": rule.read_on,
    }


@app.command("try")
def try_(
    said: Annotated[str, typer.Argument(help="The receiver's answer; - reads it from stdin.")],
    *,
    status: Annotated[str, typer.Option(help="The report's status code, such as 5.1.1.")] = "",
    bounce_type: Annotated[str, typer.Option("--type", help="SES's bounceType.")] = "Permanent",
    subtype: Annotated[str, typer.Option(help="SES's bounceSubType.")] = "General",
    as_json: AsJson = False,
) -> None:
    """Say how a receiver's answer is understood, and by which row."""
    with errors_as_answers(as_json=as_json):
        text = sys.stdin.read() if said == "-" else said
        bounce = Bounce(
            bounce_type=bounce_type, subtype=subtype, feedback_id="", status=status, diagnostic=text
        )
        answer(_row(bounces.classify(bounce)) | {"said": diagnostics.masked(text)}, as_json=as_json)


@app.command()
def unknown(
    *,
    days: Annotated[int, typer.Option(min=1, help="Of so many last days.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List the answers that no row has understood, of all tenants, most frequent first, with nobody's address in them."""
    with errors_as_answers(as_json=as_json):
        document: dict[str, Any] = {"days": days, "answers": tasks.not_understood(resources(), days=days)}
        columns = ("times", "tenants", "status", "said")
        rows = [[one[name] for name in columns] for one in document["answers"]]
        answer(document, as_json=as_json, show=lambda: stdout.print(listing(columns, rows)))


Why = Annotated[str, typer.Option("--reason", help="Kept with it and in the audit.")]


@app.command()
def anomalies(*, as_json: AsJson = False) -> None:
    """List when a provider called living mailboxes dead, newest first: while one is open nobody is suppressed by it."""
    with errors_as_answers(as_json=as_json):
        document = {"anomalies": anomalies_.listing(resources())}
        columns = (
            "id",
            "place",
            "people",
            "held",
            "tenants",
            "opened_at",
            "closed_at",
            "decision",
            "said",
            "why",
        )
        rows = [[one[name] for name in columns] for one in document["anomalies"]]
        answer(document, as_json=as_json, show=lambda: stdout.print(listing(columns, rows)))


@app.command()
def release(anomaly_id: int, *, reason: Why, as_json: AsJson = False) -> None:
    """Close an anomaly: it was the provider's trouble, and its people are mailed again."""
    _decide(anomaly_id, reason, confirmed=False, as_json=as_json)


@app.command()
def confirm(anomaly_id: int, *, reason: Why, as_json: AsJson = False) -> None:
    """Close an anomaly: these mailboxes are gone after all, and their people are suppressed."""
    _decide(anomaly_id, reason, confirmed=True, as_json=as_json)


def _decide(anomaly_id: int, reason: str, *, confirmed: bool, as_json: bool) -> None:
    with errors_as_answers(as_json=as_json):
        done = anomalies_.decide(
            resources(), anomaly_id, confirmed=confirmed, actor=getpass.getuser(), reason=reason
        )
        answer(done, as_json=as_json)


@app.command("take-back")
def take_back(
    place: Annotated[str, typer.Argument(help="A mailbox provider, or a domain that has none.")],
    *,
    since: Annotated[datetime, typer.Option(help="From when on; UTC without an offset.")],
    until: Annotated[datetime | None, typer.Option(help="Up to when; now without it.")] = None,
    said: Annotated[str, typer.Option(help="Only by this answer, as --dry-run shows it.")] = "",
    reason: Why,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what hard bounces at a provider have suppressed in a window, at all tenants."""
    with errors_as_answers(as_json=as_json):
        window = anomalies_.Window(
            place=place,
            since=since.replace(tzinfo=since.tzinfo or UTC),
            until=until.replace(tzinfo=until.tzinfo or UTC) if until else datetime.now(UTC),
            said=said,
        )
        done = anomalies_.take_back(
            resources(), window, actor=getpass.getuser(), reason=reason, dry_run=dry_run
        )
        answer(done, as_json=as_json, show=lambda: _show_taken(done))


def _show_taken(done: dict[str, Any]) -> None:
    stdout.print(listing(("people", "said"), [[one["people"], one["said"]] for one in done["answers"]]))
    what = "would be taken back" if done["dry_run"] else "taken back"
    stdout.print(f"{done['taken_back']:,} suppressions {what}")
