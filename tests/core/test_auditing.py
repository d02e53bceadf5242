"""Auditing: which messages are compared with premailer's page, by their number and by what an audit costs."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.readers import contexts
from core.auditing import SHARE, Schedule, findings, lot
from core.rendering import TemplateSources, compile_template
from gateways import templates
from gateways.settings import PROJECT


CONSTRUCTS = json.loads((Path(__file__).parents[1] / "data" / "mail-constructs.json").read_text())


def audited(schedule: Schedule, ids: Iterable[int], *, elapsed: float = 0.0, cost: float = 0.05) -> list[int]:
    """Audit whom the schedule chooses, each for so many seconds."""
    found = []
    for delivery_id in schedule.choose(ids, elapsed=elapsed):
        schedule.note(cost)
        found.append(delivery_id)
    return found


def test_the_first_message_of_a_run_is_always_audited() -> None:
    assert audited(Schedule(), [7, 8, 9]) == [7]
    assert audited(Schedule(1_000_000), [7, 8, 9]) == [7]


def test_the_next_one_is_audited_in_its_place_when_the_first_cannot_be_rendered() -> None:
    schedule = Schedule()
    chosen = schedule.choose([7, 8, 9], elapsed=0)

    assert next(chosen) == 7
    assert next(chosen) == 8  # nobody has noted an audit of 7
    schedule.note(0.05)
    assert list(chosen) == []


def test_none_is_audited_with_zero() -> None:
    assert audited(Schedule(0), range(1000)) == []


def test_everybody_is_audited_with_one() -> None:
    assert audited(Schedule(1), range(1000)) == list(range(1000))


@pytest.mark.parametrize("one_in", [2, 10, 64, 1000])
def test_one_in_so_many_is_audited(one_in: int) -> None:
    count = len(audited(Schedule(one_in), range(100_000)))

    assert 0.8 * 100_000 / one_in < count < 1.2 * 100_000 / one_in + 2


def test_who_sends_a_message_again_audits_it_again() -> None:
    first = audited(Schedule(10), range(1, 1000))
    again = audited(Schedule(10), range(500, 1500))

    assert set(first[1:]) & set(range(501, 1000)) == set(again[1:]) & set(range(501, 1000))


def test_neighbours_draw_lots_far_apart() -> None:
    """A list in which everybody's every tenth row is alike has no rhythm that an audit could fall into."""
    chosen = audited(Schedule(10), range(1, 2000))
    gaps = {later - earlier for earlier, later in pairwise(chosen)}

    assert len(gaps) > 5


@pytest.mark.parametrize(
    ("messages", "elapsed", "one_in"),
    [
        pytest.param(10_000, 7.05, 4096, id="0.7 ms a message: 50 ms are 2 % of 3,571"),
        pytest.param(10_000, 714.05, 64, id="14 a second: an audit is paid for by 35 messages"),
        pytest.param(10_000, 10_000.05, 4, id="one a second"),
    ],
)
def test_without_a_setting_a_share_of_the_time_is_audited(messages: int, elapsed: float, one_in: int) -> None:
    schedule = Schedule()
    audited(schedule, range(messages))

    found = audited(schedule, range(messages, 100_000 + messages), elapsed=elapsed)

    assert found == [number for number in range(messages, 100_000 + messages) if lot(number) % one_in == 0]


def test_audits_take_no_more_than_their_share() -> None:
    """By the clock of a sender that needs 0.7 ms a message and 55 ms an audit, over a million."""
    schedule, elapsed, spent = Schedule(), 0.0, 0.0
    for start in range(0, 1_000_000, 500):
        cost = 0.055 * len(audited(schedule, range(start, start + 500), elapsed=elapsed, cost=0.055))
        spent += cost
        elapsed += cost + 500 * 0.0007

    assert SHARE / 2 * 0.8 < spent / elapsed < SHARE * 1.1


def test_who_is_audited_at_some_price_is_audited_at_every_lower_one() -> None:
    for dear, cheap in ((4096, 2048), (256, 4)):
        assert set(audited(Schedule(dear), range(1, 50_000))) <= set(audited(Schedule(cheap), range(1, 50_000)))  # fmt: skip


# No false alarm: what the judge of the tests finds equal (tests/templates/oracle.py), the audit does.


@pytest.mark.parametrize("name", CONSTRUCTS["templates"])
def test_no_construct_is_demoted(name: str) -> None:
    """A construct for two of its six contacts, the second of them hostile; `make bench` audits thousands."""
    html, shared = CONSTRUCTS["templates"][name], CONSTRUCTS["shared"]
    compiled = compile_template(
        TemplateSources(name="page", subject="Subject", html=html, text="Text", shared=shared)
    )

    for context in (CONSTRUCTS["contexts"][0], CONSTRUCTS["contexts"][-1]):
        assert compiled.audit(context, compiled.render(context).html) == ""


@pytest.mark.parametrize("name", templates.names(PROJECT / "templates"))
def test_no_template_that_ships_is_demoted(name: str) -> None:
    compiled = compile_template(templates.load(PROJECT / "templates", name))

    for context in contexts(name, 12, seed=9):
        assert compiled.audit(context, compiled.render(context).html) == ""


def test_a_demoted_template_prints_premailers_page_and_the_same_subject_and_text() -> None:
    sources = templates.load(PROJECT / "templates", "newsletter")
    compiled = compile_template(sources)

    for context in contexts("newsletter", 3):
        usual, plain = compiled.fill(context), compiled.fill_plainly(context)
        assert (plain.subject, plain.text) == (usual.subject, usual.text)
        assert compiled.audit(context, plain.html[0]) == ""
        assert plain.html[0] != compiled.render(context).html


# What preflight says


def test_preflight_says_nothing_of_a_template_that_stands() -> None:
    assert findings("") == []


def test_preflight_warns_of_a_demoted_template_and_lets_it_be_sent() -> None:
    [finding] = findings("html/body[2]/p[1]: style differs in color")

    assert (finding.id, finding.severity, finding.forbids) == ("template_demoted", "warn", False)
    assert "html/body[2]/p[1]: style differs in color" in finding.message
