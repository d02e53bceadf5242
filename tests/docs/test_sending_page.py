"""docs/sending.md against the code: the chart of states, and what an answer means."""

import re
from pathlib import Path

import pytest

from core.deliveries import TERMINAL, TRANSITIONS, Move, State
from core.errors import (
    MessageRejectedError,
    QuotaExhaustedError,
    SendingError,
    SendingPausedError,
    ThrottledError,
)
from gateways import ses_errors


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs/sending.md").read_text(encoding="utf-8")


def test_the_chart_shows_every_move_but_those_of_events(page: str) -> None:
    edges = re.findall(r"^    (\w+) --> (\w+): (.+)$", page, flags=re.MULTILINE)
    shown = {
        (Move(name.replace(" ", "_")), State(source), State(target))
        for source, target, names in edges
        for name in names.split(", ")
    }
    made = {
        (move, source, target)
        for move, moves in TRANSITIONS.items()
        if move not in {Move.EVIDENCE, Move.DROPPED}
        for source, target in moves.items()
    }
    assert shown == made


def test_the_chart_ends_where_the_ledger_ends(page: str) -> None:
    assert set(re.findall(r"^    (\w+) --> \[\*\]$", page, flags=re.MULTILINE)) == set(TERMINAL)


@pytest.mark.parametrize("move", [Move.EVIDENCE, Move.DROPPED])
def test_the_moves_of_events_start_where_the_page_says(page: str, move: Move) -> None:
    row = re.search(rf"^\| {move}: [^|]+\| ([^|]+) \| `(\w+)` \|$", page, flags=re.MULTILINE)
    assert row is not None
    sources, target = re.findall(r"`(\w+)`", row[1]), row[2]
    assert {State(source): State(target) for source in sources} == TRANSITIONS[move]


def test_every_state_is_explained(page: str) -> None:
    assert {
        State(name) for name in re.findall(r"^\| `(\w+)` \| ", page, flags=re.MULTILINE) if name in set(State)
    } == set(State)


def statuses(kind: type[SendingError]) -> frozenset[str]:
    return frozenset(status for status, error in ses_errors.ENTRIES.items() if error is kind)


@pytest.mark.parametrize(
    ("codes", "delivery"),
    [
        pytest.param(ses_errors.THROTTLED | ses_errors.LIMITED, "`pending`, after 1 to 10 s", id="throttled"),
        pytest.param(ses_errors.PAUSED, "`pending`", id="paused"),
        pytest.param(ses_errors.REJECTED, "`failed`", id="rejected"),
        pytest.param(ses_errors.STALE, "`pending`", id="stale"),
        pytest.param(statuses(ThrottledError), "`pending`, after 1 to 10 s", id="an entry is throttled"),
        pytest.param(statuses(QuotaExhaustedError), "`pending`", id="an entry is over the quota"),
        pytest.param(statuses(SendingPausedError), "`pending`", id="an entry is paused"),
        pytest.param(statuses(MessageRejectedError), "`failed`", id="an entry is rejected"),
    ],
)
def test_every_code_that_the_gateway_knows_stands_in_the_table(
    page: str, codes: frozenset[str], delivery: str
) -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", page, flags=re.MULTILINE)
    named = {what for what, _ in rows if all(f"`{code}`" in what for code in codes)}
    assert [told for what, told in rows if what in named] == [delivery]
