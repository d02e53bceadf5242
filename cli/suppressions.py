"""`posthouse suppressions`: who must not be mailed, who says so, and since when."""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from core.suppression import Reason
from tasks import ses_suppressions, suppression_files, suppressions, tenants, unsubscribe_mails
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Audience = Annotated[str | None, typer.Option(help="Only this list, not the whole tenant.")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="At all tenants, those to come included.")]


@app.command()
def add(
    tenant: str,
    address: str,
    *,
    reason: Annotated[Reason, typer.Option(help="For what.")],
    audience: Audience = None,
    everywhere: Everywhere = False,
    until: Annotated[
        datetime | None, typer.Option(help="When it ends by itself; UTC without an offset.")
    ] = None,
    why: Annotated[str, typer.Option(help="For whoever asks later.")] = "",
    as_json: AsJson = False,
) -> None:
    """Suppress one person."""
    with errors_as_answers(as_json=as_json):
        document = suppressions.add_suppression(
            resources(),
            tenant_id=tenants.id_of(resources(), tenant),
            address=address,
            reason=reason,
            audience=audience,
            everywhere=everywhere,
            expires_at=until and until.replace(tzinfo=until.tzinfo or UTC),
            actor=getpass.getuser(),
            why=why,
        )
        answer(document, as_json=as_json, show=lambda: _show(document))


@app.command()
def remove(
    tenant: str,
    address: str,
    *,
    why: Annotated[str, typer.Option(help="Kept in the history and the audit.")],
    reason: Annotated[Reason | None, typer.Option(help="Only what holds for this one.")] = None,
    audience: Audience = None,
    everywhere: Everywhere = False,
    consented: Annotated[
        bool, typer.Option("--consented", help="The person has asked for the mail since; say in --why how.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End what holds of one person now; nothing is deleted, and a younger bounce or complaint begins it again."""
    with errors_as_answers(as_json=as_json):
        document = suppressions.end_suppression(
            resources(),
            tenant_id=tenants.id_of(resources(), tenant),
            address=address,
            why=why,
            reason=reason,
            audience=audience,
            everywhere=everywhere,
            actor=getpass.getuser(),
            consented=consented,
        )
        answer(document, as_json=as_json, show=lambda: _show(document))


@app.command()
def check(tenant: str, address: str, *, as_json: AsJson = False) -> None:
    """Say whether a person is suppressed, and why."""
    with errors_as_answers(as_json=as_json):
        document = suppressions.check_suppression(
            resources(), tenant_id=tenants.id_of(resources(), tenant), address=address
        )
        answer(document, as_json=as_json, show=lambda: _show(document))


@app.command()
def history(tenant: str, address: str, *, as_json: AsJson = False) -> None:
    """Tell every change of a person's suppressions: what, when, who, why."""
    with errors_as_answers(as_json=as_json):
        found = suppressions.suppression_history(
            resources(), tenant_id=tenants.id_of(resources(), tenant), address=address
        )
        columns = ("at", "what", "reason", "scope", "audience", "actor", "why", "detail", "expires_at")
        answer({"changes": found}, as_json=as_json, show=lambda: _table(columns, found))


@app.command("list")
def list_(
    tenant: str,
    *,
    reason: Annotated[Reason | None, typer.Option(help="Show only those of this one.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Show so many of the newest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Count a tenant's suppressions, and show the newest with masked addresses."""
    with errors_as_answers(as_json=as_json):
        document = suppressions.list_suppressions(
            resources(), tenant_id=tenants.id_of(resources(), tenant), reason=reason, limit=limit
        )
        answer(document, as_json=as_json, show=lambda: _show_list(document))


def _show_list(document: dict[str, Any]) -> None:
    _table(("reason", "scope", "source", "holding", "ended"), document["counts"])
    stdout.print()
    _table(("address", "reason", "scope", "audience", "source", "detail", "created_at"), document["newest"])


def _show(document: dict[str, Any]) -> None:
    if not document["suppressed"]:
        stdout.print("not suppressed")
        return
    columns = ("reason", "scope", "audience", "source", "detail", "created_at", "expires_at")
    _table(columns, document["suppressions"])


def _table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    stdout.print(listing(columns, [[row[name] for name in columns] for row in rows]))


@app.command("import")
def import_(
    tenant: str,
    file: Annotated[str, typer.Argument(help="A CSV file, or s3://bucket/key.")],
    *,
    reason: Annotated[Reason, typer.Option(help="Of the rows that do not say.")] = Reason.IMPORT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Suppress everybody in a file."""
    with errors_as_answers(as_json=as_json):
        document = suppression_files.import_suppressions(
            resources(),
            tenant_id=tenants.id_of(resources(), tenant),
            location=file,
            reason=reason,
            dry_run=dry_run,
            actor=getpass.getuser(),
        )
        answer(document, as_json=as_json)


@app.command()
def export(
    tenant: str,
    *,
    output: Annotated[Path | None, typer.Option(help="Where to write the CSV; stdout without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write all suppressions as CSV that is safe to open in a spreadsheet."""
    with errors_as_answers(as_json=as_json):
        tenant_id = tenants.id_of(resources(), tenant)
        if output is None and not as_json:
            suppression_files.export_suppressions(resources(), tenant_id=tenant_id, target=sys.stdout)
            return
        path = output or Path(f"{tenant}-suppressions.csv")
        with path.open("w", encoding="utf-8", newline="") as target:
            written = suppression_files.export_suppressions(resources(), tenant_id=tenant_id, target=target)
        answer({"file": str(path), "suppressions": written}, as_json=as_json)


@app.command("read-mail")
def read_mail(
    location: Annotated[
        str,
        typer.Argument(
            help="An mbox, a Maildir, a folder of mails, or s3://bucket/prefix/; default: POSTHOUSE_UNSUBSCRIBE_MAILBOX."
        ),
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Unsubscribe whoever has asked for it by mail; nobody is answered, and a mail counts once."""
    with errors_as_answers(as_json=as_json):
        report = unsubscribe_mails.read_mailbox(resources(), location)
        answer(report.as_json(), as_json=as_json, show=lambda: stdout.print(report.in_words()))


@app.command()
def sync(
    tenant: str,
    *,
    seconds: Annotated[float, typer.Option(min=0, help="For about so long; the next run goes on.")] = 600,
    as_json: AsJson = False,
) -> None:
    """Bring SES's suppression list of a tenant up to date; the nightly hygiene does it too."""
    with errors_as_answers(as_json=as_json):
        done = ses_suppressions.sync(
            resources(), tenant_id=tenants.id_of(resources(), tenant), seconds=seconds
        )
        answer(done.as_json(), as_json=as_json)
