"""`posthouse template`: check a template against an audience, and render any HTML with any data."""

import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import seeds as seeding
from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stdout
from core import locales
from core.errors import InputError
from core.rendering import TemplateSources
from store.templates import Version
from tasks import auditing, preflight, previews
from tasks import seeds as seed_steps
from tasks import templates as steps
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A folder of templates/.")],
    *,
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    audience: Annotated[str, typer.Option(help="Whose real contacts the template is rendered with.")],
    as_json: AsJson = False,
) -> None:
    """Render a template with real contacts of an audience, and say what a message would do wrong. Exit 1 if blocking."""
    with errors_as_answers(as_json=as_json):
        result = preflight.check_template(resources(), name=name, tenant_slug=tenant, audience=audience)
        answer(result.as_json(), as_json=as_json, show=lambda: _show(result.as_json()))
        if not result.ok:
            raise Failed


def _show(document: dict[str, Any]) -> None:
    stdout.print(f"CSS is inlined {document['inlining']}: {document['why']}")
    if document["locales"]:
        own = locales.in_words({each["locale"]: each["overrides"] for each in document["locales"]})
        stdout.print(f"locales: {own}", highlight=False)
    columns = ("severity", "id", "message", "remedy")
    lines = [[finding[column] for column in columns] for finding in document["findings"]]
    stdout.print(listing(("", "rule", "finding", "what to do"), lines) if lines else "nothing to remark")


@app.command()
def publish(
    name: Annotated[str, typer.Argument(help="A folder of templates/.")],
    *,
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    as_json: AsJson = False,
) -> None:
    """Give a template as it stands the tenant's next version number; campaigns name it NAME@NUMBER."""
    with errors_as_answers(as_json=as_json):
        published = steps.publish(resources(), name=name, tenant_slug=tenant)
        answer(published.as_json(), as_json=as_json, show=lambda: stdout.print(published.in_words()))


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="One template; without it all.")] = None,
    *,
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    as_json: AsJson = False,
) -> None:
    """List a tenant's published versions, newest first."""
    with errors_as_answers(as_json=as_json):
        found = steps.history(resources(), tenant_slug=tenant, name=name)
        versions = [_as_json(version) for version in found]
        answer({"versions": versions}, as_json=as_json, show=lambda: _show_versions(versions))


@app.command()
def audit(
    name: Annotated[str, typer.Argument(help="A folder of templates/, or NAME@NUMBER as published.")],
    *,
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    audience: Annotated[str, typer.Option(help="Whose real contacts the messages are made for.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many contacts, from all over it.")] = 100,
    restore: Annotated[
        str, typer.Option(metavar="REASON", help="Take an earlier demotion back if none differs, and why.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Compare contacts' messages with premailer's pages, and demote the template if one differs. Exit 1 then."""
    with errors_as_answers(as_json=as_json):
        found = auditing.of_template(
            resources(),
            template=name,
            tenant_slug=tenant,
            audience=audience,
            limit=limit,
            restore=auditing.Restore(actor=getpass.getuser(), reason=restore) if restore else None,
        )
        answer(found.as_json(), as_json=as_json, show=lambda: _show_audit(found.as_json()))
        if not found.ok:
            raise Failed


def _show_audit(document: dict[str, Any]) -> None:
    told = (
        f"{document['audited']} messages were compared with premailer's page, {document['different']} differ"
    )
    stdout.print(f"{told}; the template is demoted" if document["demoted"] else told, highlight=False)
    lines = [(each["contact"], each["what"]) for each in document["differences"] + document["not_audited"]]
    if lines:
        stdout.print(listing(("contact", "what"), lines))


def _as_json(version: Version) -> dict[str, Any]:
    moments = {"published_at": version.published_at, "demoted_at": version.demoted_at}
    return asdict(version) | {name: at.isoformat() if at else None for name, at in moments.items()}


@app.command()
def preview(
    name: Annotated[str, typer.Argument(help="A folder of templates/.")],
    *,
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    audience: Annotated[str, typer.Option(help="Whose real contacts it is shown for.")],
    output: Annotated[Path, typer.Option(file_okay=False, help="The folder for preview.html.")],
    limit: Annotated[int, typer.Option(min=1, max=previews.MOST, help="How many contacts.")] = 3,
    screenshots: Annotated[bool, typer.Option(help="Pictures too, by an installed Chromium.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what some contacts would get: desktop and phone, text part, headers and size, as a page to open."""
    with errors_as_answers(as_json=as_json):
        shown = previews.of_template(
            resources(), name=name, tenant_slug=tenant, audience=audience, limit=limit
        )
        written = previews.write(output, f"{name} for {tenant}", shown, pictures=screenshots)
        files = [str(path) for path in written]
        document = {
            "files": files,
            "locales": sorted({sample.locale for sample in shown if sample.locale}),
            "samples": [
                {
                    "contact": sample.label,
                    "locale": sample.locale,
                    "subject": sample.content.subject,
                    "html_bytes": sample.html_bytes,
                }
                for sample in shown
            ],
        }
        answer(document, as_json=as_json, show=lambda: stdout.print(*files, sep="\n"))


@app.command("test-send")
def send_test(
    name: Annotated[str, typer.Argument(help="A folder of templates/, or NAME@NUMBER as published.")],
    *,
    tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
    seeds: seeding.Seeds,
    audience: Annotated[
        str | None, typer.Option(help="Whose contact it is shown for; without it, the template's sample.")
    ] = None,
    contact: seeding.Contact = None,
    mark: seeding.Mark = True,
    request_id: seeding.RequestId = "",
    as_json: AsJson = False,
) -> None:
    """Send the mail to a seed list, the way a campaign would. Exit 1 unless SES took every message."""
    wish = seeding.wish(seeds, contact, mark=mark, request_id=request_id)
    seeding.send_test(
        lambda: seed_steps.send_template(
            resources(), name=name, tenant_slug=tenant, audience=audience, wish=wish
        ),
        as_json=as_json,
    )


def _show_versions(versions: list[dict[str, Any]]) -> None:
    lines = [
        (
            f"{version['name']}@{version['number']}",
            version["published_at"][:16],
            version["inlining"],
            locales.in_words({each["locale"]: each["overrides"] for each in version["locales"]}),
            f"demoted: {version['demoted_why']}" if version["demoted_at"] else version["why"],
        )
        for version in versions
    ]
    stdout.print(
        listing(("version", "published", "inlined", "locales", "why"), lines)
        if lines
        else "nothing is published yet"
    )


@app.command()
def render(
    *,
    html: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A Jinja template.")],
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="JSON: a list of contexts.")],
    as_json: AsJson = False,
) -> None:
    """Render any HTML file with a list of contexts, as a campaign would."""
    with errors_as_answers(as_json=as_json):
        contexts = _contexts(data)
        source = html.read_text(encoding="utf-8")
        sources = TemplateSources(name=html.stem, subject="-", html=source, text="-", shared={})
        compiled = resources().renderer.compile(sources, owner=None)
        rendered = [compiled.render(context) for context in contexts]
        document = {
            "inlining": compiled.inlining,
            "why": compiled.why,
            "html": [content.html for content in rendered],
            "text": [content.text for content in rendered],
        }
        answer(
            document, as_json=as_json, show=lambda: stdout.print(*document["html"], sep="\n\n", markup=False)
        )


def _contexts(path: Path) -> list[dict[str, Any]]:
    try:
        contexts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{path.name} is not JSON: {error}", hint='A list of objects: [{"name": "Zoë"}].'
        ) from error
    if not isinstance(contexts, list) or not all(isinstance(context, dict) for context in contexts):
        raise InputError(f"{path.name} is not a list of objects", hint='Such as [{"name": "Zoë"}].')
    return contexts
