"""docs/bounces.md against the rows by which bounces are classified."""

from pathlib import Path

from core import bounces


def test_the_page_holds_the_table_as_it_is(project: Path) -> None:
    """`posthouse bounces table` prints it."""
    page = (project / "docs/bounces.md").read_text(encoding="utf-8")
    assert page.partition("\n## The table\n\n")[2] == bounces.page()
