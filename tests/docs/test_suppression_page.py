"""docs/suppression.md against the reasons and scopes that there are."""

import re
from pathlib import Path

from core.suppression import TOLD_TO_SES, Reason, Scope


def first_cells(page: str, header: str) -> list[str]:
    """The words in the first column of the table with this header."""
    table = page.partition(f"| {header} ")[2].partition("\n\n")[0]
    return [word for line in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", line.split("|")[1])]


def test_the_page_lists_the_scopes_and_the_reasons_in_their_order_of_strength(project: Path) -> None:
    page = (project / "docs/suppression.md").read_text(encoding="utf-8")
    assert first_cells(page, "reason, strongest first") == [str(reason) for reason in Reason]
    assert set(first_cells(page, "scope")) == {str(scope) for scope in Scope}


def test_the_page_says_what_ses_is_told(project: Path) -> None:
    page = (project / "docs/suppression.md").read_text(encoding="utf-8")
    told = first_cells(page, "of the whole tenant, without an end")
    assert sorted(told) == sorted(str(reason) for reason in TOLD_TO_SES)
