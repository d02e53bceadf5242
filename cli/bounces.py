"""`posthouse bounces`: the table by which bounces are understood, tried out on an answer, and what nobody understood."""

import sys
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from core import bounces, diagnostics
from core.bounce_rules import Rule
from core.events import Bounce
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
