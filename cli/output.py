"""How every command answers: one JSON document on stdout with `--json`, words and tables for a person without.

Everything that is not the answer (progress, warnings, logs) goes to stderr. Exit codes: 0 done, 1 refused or failed,
2 wrong usage (Typer's own).
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.errors import PosthouseError, PreflightError
from store.session import TRANSIENT


AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]

stderr = Console(stderr=True)
stdout = Console()
_json_wanted: ContextVar[bool] = ContextVar("json_wanted", default=False)


@dataclass(frozen=True, slots=True)
class Failed(Exception):  # noqa: N818  # an answer, not an error: the command ran and its verdict is "no"
    """Ends a command whose answer was given with exit code 1 (a check that found something)."""


def answer(document: Mapping[str, Any], *, as_json: bool, show: Callable[[], object] | None = None) -> None:
    """Give the command's answer.

    Args:
        document: What INTERFACE documents for this command.
        as_json: Whether `--json` was given.
        show: How a person is told; without it the document is shown as a two-column table.
    """
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, default=_plain) + "\n")
    elif show is not None:
        show()
    else:
        stdout.print(pairs(document))


def pairs(document: Mapping[str, Any]) -> Table:
    """Return a two-column table of a flat document."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in document.items():
        table.add_row(name, _words(value))
    return table


def listing(columns: Sequence[str], lines: Sequence[Sequence[object]]) -> Table:
    """Return a table with a header."""
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for line in lines:
        table.add_row(*[_words(cell) for cell in line])
    return table


def _words(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or "–"
    return str(value)


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


@contextmanager
def errors_as_answers(*, as_json: bool) -> Iterator[None]:
    """Turn our errors into the documented `{"error": …}` and exit code 1; anything else is a bug and stays one."""
    token = _json_wanted.set(as_json)
    try:
        yield
    except Failed:
        raise typer.Exit(1) from None
    except PosthouseError as error:
        _refuse(error, as_json=as_json)
        raise typer.Exit(1) from error
    except TRANSIENT as error:
        _refuse(_no_database(), as_json=as_json)
        raise typer.Exit(1) from error
    finally:
        _json_wanted.reset(token)


def _no_database() -> PosthouseError:
    return PosthouseError(
        "the database cannot be reached",
        hint="Is POSTHOUSE_DATABASE_URL right, and the server up? posthouse doctor tells more.",
        code="database_unreachable",
    )


def _refuse(error: PosthouseError, *, as_json: bool) -> None:
    document: dict[str, Any] = {"error": error.as_json()}
    if isinstance(error, PreflightError):
        document["findings"] = error.findings
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    stderr.print(f"[red]error:[/red] {error.message} [dim]({error.code})[/dim]", highlight=False)
    for finding in document.get("findings", []):
        stderr.print(f"  {finding['severity']:5} {finding['id']}  {finding['message']}", highlight=False)
    if error.hint:
        stderr.print(f"[dim]{error.hint}[/dim]", highlight=False)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many more are done; a bar on a terminal, nothing in a pipe or under --json."""
    if not stderr.is_terminal or _json_wanted.get():
        yield lambda _more: None
        return
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
