"""`posthouse template`: check a template against an audience, and render any HTML with any data."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stdout
from core.errors import InputError
from core.rendering import TemplateSources
from tasks import preflight, previews
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
        versions = [asdict(version) | {"published_at": version.published_at.isoformat()} for version in found]
        answer({"versions": versions}, as_json=as_json, show=lambda: _show_versions(versions))


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
            "samples": [
                {"contact": sample.label, "subject": sample.content.subject, "html_bytes": sample.html_bytes}
                for sample in shown
            ],
        }
        answer(document, as_json=as_json, show=lambda: stdout.print(*files, sep="\n"))


def _show_versions(versions: list[dict[str, Any]]) -> None:
    lines = [
        (
            f"{version['name']}@{version['number']}",
            version["published_at"][:16],
            version["inlining"],
            version["why"],
        )
        for version in versions
    ]
    stdout.print(
        listing(("version", "published", "inlined", "why"), lines) if lines else "nothing is published yet"
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
