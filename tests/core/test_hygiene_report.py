"""A night in words and tables. Counts, never an address."""

from dataclasses import replace
from datetime import date

import pytest

from core import hygiene_report
from core.hygiene import HygienePolicy, Rule
from core.hygiene_report import Hints, Night, in_words, question, rules_table
from core.hygiene_runs import RunState, decided
from core.removals import ListShare
from core.source_quality import Source


WAITS = Night(
    tenant="acme",
    run_id=12,
    state=RunState.WAITING,
    at_once={Rule.COMPLAINT: 1, Rule.HARD_BOUNCE: 0},
    counts={Rule.SOFT_BOUNCE: 3, Rule.SILENT: 1_200},
    stopped_by=[ListShare(name="news", mailable=2_000, leaving=1_203)],
    lists=[
        ListShare(name="", mailable=30_000, leaving=1_203),
        ListShare(name="news", mailable=2_000, leaving=1_203),
        ListShare(name="vip", mailable=9, leaving=0),
    ],
)
DONE = Night(tenant="acme", run_id=13, counts={Rule.ROLE: 4}, spared=1, revived=2)


@pytest.mark.parametrize(
    ("night", "told"),
    [
        pytest.param(Night(tenant="acme"), "nobody leaves", id="nothing"),
        pytest.param(DONE, "2 came back; 4 leave, 1 of them spared", id="done"),
        pytest.param(
            WAITS,
            "1 suppressed at once; run 12 waits for approval, 1,203 would leave; "
            "list news: 1,203 of 2,000 would leave (60.2%)",
            id="waits",
        ),
    ],
)
def test_a_night_is_told_in_a_sentence(night: Night, told: str) -> None:
    assert in_words(night) == told


def test_each_rule_has_a_row_with_its_reason_and_what_happens() -> None:
    assert [(row["rule"], row["people"], row["what happens"]) for row in rules_table(WAITS)] == [
        ("complaint", 1, "suppressed"),
        ("soft bounce", 3, "suppressed for 90 days, once approved"),
        ("silent", 1_200, "to the win-back list, once approved"),
    ]
    without_step = replace(DONE, counts={Rule.SILENT: 5}, policy=HygienePolicy(winback_days=0))
    assert [row["what happens"] for row in rules_table(without_step)] == ["retired"]


def test_the_report_says_who_would_leave_and_how_to_decide() -> None:
    hints = Hints(
        roles=3, disposable=2, alike=1, slips=[("gmial.com", "gmail.com", 7)], listed_on=date(2026, 11, 9)
    )
    sources = [Source(name="list of ann.lee@example.com.csv", contacts=100, mailed=20, bounced=1)]
    text = hygiene_report.report(WAITS, hints, sources, waiting_for_winback=40)
    assert "posthouse hygiene approve acme 12 --reason" in text
    assert "- list news: 1,203 of 2,000 would leave (60.2%)" in text
    assert (
        "| silent | no open or click in 180 days and 12 messages | 1,200 | to the win-back list, once approved |"
        in text
    )
    assert text.index("| news | 2,000 | 1,203 | 60.2% |") < text.index(
        "| all contacts together | 30,000 | 1,203 | 4.0% |"
    )
    assert "vip" not in text
    assert "40 lapsing contacts are on the win-back list." in text
    assert "- 3 role addresses" in text
    assert "by the list of 2026-11-09" in text
    assert "- 7 at `gmial.com`: is `gmail.com` meant?" in text
    assert "| 100 | 20 | 5.0% (0.9% to 23.6%) | 0.0% (0.0% to 16.1%) |" in text
    assert "ann.lee" not in text


def test_the_report_of_a_quiet_night_is_short_and_asks_nothing() -> None:
    text = hygiene_report.report(Night(tenant="acme"), Hints(), [])
    assert "**Nobody leaves.**" in text
    assert "No rule takes anybody." in text
    assert "Nothing." in text
    assert "approve" not in text
    assert "## Lists" not in text


def test_the_form_asks_with_numbers_and_says_what_off_means() -> None:
    text = question(WAITS)
    assert text.startswith("May **1,203** people leave the lists of **acme**?")
    assert "- list news: 1,203 of 2,000 would leave (60.2%)" in text
    assert "Off refuses: nobody leaves, and the next night looks anew." in text


@pytest.mark.parametrize(
    ("state", "yes", "no"),
    [
        pytest.param(RunState.WAITING, RunState.APPLYING, RunState.REFUSED, id="waiting"),
        pytest.param(RunState.APPLYING, None, None, id="applying"),
        pytest.param(RunState.APPLIED, None, None, id="applied"),
        pytest.param(RunState.REFUSED, None, None, id="refused"),
        pytest.param(RunState.EXPIRED, None, None, id="expired"),
    ],
)
def test_only_what_waits_can_be_decided(state: RunState, yes: RunState | None, no: RunState | None) -> None:
    assert (decided(state, approved=True), decided(state, approved=False)) == (yes, no)
