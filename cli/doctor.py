"""`posthouse doctor`: is everything there, and what to do when it is not."""

from cli.output import AsJson, Failed, answer, errors_as_answers, stdout
from tasks import doctoring
from tasks.resources import resources


_MARKS = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "error": "[red]✗[/red]"}


def doctor(*, as_json: AsJson = False) -> None:
    """Check runtime, database, migrations, SES, queues and Prefect. Exit 1 if one of them is missing."""
    with errors_as_answers(as_json=as_json):
        checks = [check.as_json() for check in doctoring.examine(resources())]
        answer({"checks": checks}, as_json=as_json, show=lambda: _show(checks))
        if any(check["severity"] == "error" for check in checks):
            raise Failed


def _show(checks: list[dict[str, str]]) -> None:
    for check in checks:
        stdout.print(f"{_MARKS[check['severity']]} {check['id']:17} {check['message']}", highlight=False)
        if check["hint"]:
            stdout.print(f"  {'':17} [dim]{check['hint']}[/dim]", highlight=False)
