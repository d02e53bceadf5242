"""docs/preflight.md against the rulebook: every rule, its severity, its words and its sources."""

from pathlib import Path

import pytest

from core import rulebook
from core.authorities import Source
from core.rulebook import Rule


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs/preflight.md").read_text(encoding="utf-8")


def row_of(rule: Rule) -> str:
    severity = "block, firm" if rule.firm else rule.severity
    sources = "; ".join(map(cited, rule.sources))
    cells = [f"`{rule.id}`", severity, rule.message, rule.remedy, sources]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def cited(source: Source) -> str:
    name = f"{source.authority}: {source.document}"
    return f"[{name}]({source.url}) ({source.dated})" if source.url else f"{name} ({source.dated})"


def test_the_page_lists_the_rules_as_they_are(page: str) -> None:
    section = page.partition("\n## The rules\n")[2].partition("\n## ")[0]
    listed = [line for line in section.splitlines() if line.startswith("| `")]
    assert listed == [row_of(rule) for rule in rulebook.RULES]


def test_the_page_says_when_the_rules_were_reviewed(page: str) -> None:
    assert f"{rulebook.REVIEWED_ON:%d %B %Y}" in page
