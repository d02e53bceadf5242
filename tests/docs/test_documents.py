"""Every document: its links lead somewhere, and what it tells people to type exists."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app


PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), PROJECT / "deployments/README.md"])


def names_of(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(PROJECT)) for path in paths]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that a code host gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=names_of(DOCUMENTS))
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text(encoding="utf-8"))):
        if re.match(r"https?://|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors_of(found)):
            lost.append(target)
    assert lost == []


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words behind `posthouse` of each command in code, whether in a line of its own or in a sentence."""
    blocks = re.findall(
        r"^(?: {4}|\t)(?:\$ )?posthouse (.+?)$", text.replace("\\\n", " "), flags=re.MULTILINE
    )
    for shown in [*re.findall(r"`posthouse ([^`]+)`", text), *blocks]:
        command = re.sub(r"[\[\]…]|\s#\s.*$", "", shown).replace("--stay/--no-stay", "--stay --no-stay")
        if words := shlex.split(command):
            yield words


@cache
def root() -> Any:
    return typer.main.get_command(app)


def command_of(words: list[str]) -> tuple[tuple[str, ...], Any]:
    """Return the path and the command that these words begin with."""
    command, path = root(), ()
    while hasattr(command, "get_command") and len(path) < len(words):
        found = command.get_command(None, words[len(path)])
        if found is None:
            break
        command, path = found, (*path, words[len(path)])
    return path, command


def problem_of(words: list[str]) -> str | None:
    path, command = command_of(words)
    if not path or hasattr(command, "get_command"):
        return f"no command: posthouse {' '.join(words)}"
    options = {
        option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]
    }
    given = {word.partition("=")[0] for word in words[len(path) :] if word.startswith("--")}
    unknown = given - options - {"--help"}
    return f"posthouse {' '.join(path)} has no {', '.join(sorted(unknown))}" if unknown else None


# The changelog may speak of commands that are gone.
SHOWN = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]


@pytest.mark.parametrize("path", SHOWN, ids=names_of(SHOWN))
def test_every_command_that_a_document_shows_exists(path: Path) -> None:
    problems = [problem_of(words) for words in commands_in(path.read_text(encoding="utf-8"))]
    assert [problem for problem in problems if problem] == []


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "get_command"):
        yield " ".join(path)
        return
    for name in command.list_commands(None):
        yield from leaves(command.get_command(None, name), (*path, name))


def test_the_interface_page_lists_every_command() -> None:
    text = (PROJECT / "docs/interface.md").read_text(encoding="utf-8")
    listed = {" ".join(command_of(words)[0]) for words in commands_in(text)}
    assert listed >= set(leaves(root()))


def test_the_interface_page_lists_every_deployment_and_its_parameters() -> None:
    text = (PROJECT / "docs/interface.md").read_text(encoding="utf-8")
    section = text.partition("## Deployments")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z-]+)` \|", section, flags=re.MULTILINE)
    deployed = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert listed == [deployment["name"] for deployment in deployed]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/interface.md", "docs/running.md"])
def test_every_make_target_that_a_document_shows_exists(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", text, flags=re.MULTILINE))
    targets = set(
        re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert shown
    assert shown <= targets
