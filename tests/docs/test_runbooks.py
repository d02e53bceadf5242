"""Runbooks are read when something is on fire: the SQL in them must fit the schema."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session


PROJECT = Path(__file__).resolve().parents[2]


def statements() -> list[object]:
    """Return every statement of the runbooks, in blocks and in sentences, under the name of its page."""
    found = []
    for path in sorted((PROJECT / "docs/runbooks").glob("*.md")):
        page = path.read_text(encoding="utf-8")
        inline = re.findall(r"`((?:SELECT|UPDATE) [^`]+)`", page)
        blocks = re.findall(r"^ {4,}((?:SELECT|UPDATE) [^;`]+);", page, flags=re.MULTILINE)
        found += [pytest.param(sql, id=f"{path.stem}-{n}") for n, sql in enumerate([*blocks, *inline])]
    return found


@pytest.mark.parametrize("sql", statements())
def test_the_statements_of_a_runbook_fit_the_schema(session: Session, sql: str) -> None:
    assert session.connection().execute(text(f"EXPLAIN {sql}")).all()


def test_the_runbooks_have_statements() -> None:
    assert len(statements()) >= 5
