"""The house: who may import whom, where our packages live, and what every core module says of itself."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest


PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]


def modules(package: str) -> Iterator[Path]:
    yield from sorted(path for path in (PROJECT / package).rglob("*.py") if path.name != "__init__.py")


def test_imports_point_down() -> None:
    linted = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_our_packages_are_those_of_the_checkout(package: str) -> None:
    """Such names as `core` and `tasks` may also be somebody else's."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin) == PROJECT / package / "__init__.py"


def test_every_package_is_checked_and_built() -> None:
    """A folder with code that no list names would escape the import contracts, mypy and the wheel."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]
    folders = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert folders == set(PACKAGES)
    assert folders == set(settings["mypy"]["packages"])
    assert folders == set(settings["hatch"]["build"]["targets"]["wheel"]["packages"])


@pytest.mark.parametrize("path", list(modules("core")), ids=lambda path: path.stem)
def test_every_core_module_opens_with_a_card(path: Path) -> None:
    """A summary in one sentence; more only behind an empty line."""
    card = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert card, "there is no docstring"
    summary, *rest = card.split("\n")
    assert summary.endswith((".", "?", ":"))
    assert not rest or rest[0] == ""


_SECTIONS = ("Terms", "Invariants", "Standards", "See")


@pytest.mark.parametrize("path", list(modules("core")), ids=lambda path: path.stem)
def test_the_sections_of_a_card_stand_in_their_order(path: Path) -> None:
    card = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    found = [line.removesuffix(":") for line in card.split("\n") if line.removesuffix(":") in _SECTIONS]
    assert found == [section for section in _SECTIONS if section in found]


@pytest.mark.parametrize("path", list(modules("core")), ids=lambda path: path.stem)
def test_core_asks_no_clock_and_no_chance(path: Path) -> None:
    """import-linter and ruff hold most of it; these are the ways around them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"random", "secrets", "uuid", "time", "os", "sys", "tempfile"}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not called & {"open", "print", "input", "datetime.now", "datetime.today", "date.today"}
