"""Preferences: what a person may choose, and how a page speaks of it."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.preferences import Choice, Frequency, Problem, UnclearError, language, masked, pauses, read


TODAY = date(2026, 11, 24)


def a_form(**answers: list[str]) -> dict[str, list[str]]:
    """The form of a person who is on the lists 1 and 2, and keeps both."""
    usual = {
        "mail": ["some"],
        "frequency": ["all"],
        "pause": ["none"],
        "shown": ["1", "2"],
        "topic": ["1", "2"],
    }
    return usual | answers


def a_choice(**changes: Any) -> Choice:
    usual: dict[str, Any] = {
        "nothing": False, "frequency": Frequency.ALL, "paused_until": None, "wanted": frozenset({1, 2}), "left": frozenset(),
    }  # fmt: skip
    return Choice(**usual | changes)


@pytest.mark.parametrize(
    ("form", "choice"),
    [
        pytest.param(a_form(), a_choice(), id="as it is"),
        pytest.param(a_form(mail=["none"]), a_choice(nothing=True), id="nothing at all"),
        pytest.param(a_form(frequency=["monthly"]), a_choice(frequency=Frequency.MONTHLY), id="monthly"),
        pytest.param(a_form(pause=["2026-12-24"]), a_choice(paused_until=date(2026, 12, 24)), id="a break of thirty days"),
        pytest.param(a_form(pause=["2027-02-22"]), a_choice(paused_until=date(2027, 2, 22)), id="the longest break"),
        pytest.param(a_form(topic=["2"]), a_choice(wanted=frozenset({2}), left=frozenset({1})), id="one list left"),
        pytest.param(a_form(topic=[]), a_choice(wanted=frozenset(), left=frozenset({1, 2})), id="no list is a choice"),
        pytest.param(
            a_form(shown=["1"], topic=["1"]), a_choice(wanted=frozenset({1})), id="a list that the page did not show stays"
        ),
        pytest.param(
            a_form(shown=["1", "2", "99"], topic=["1", "2", "99", "-1", "x", "1" * 40, "٣"]), a_choice(),
            id="somebody else's lists are passed over",
        ),
        pytest.param(a_form(frequency=["all", "weekly"]), a_choice(frequency=Frequency.WEEKLY), id="the last answer counts"),
    ],
)  # fmt: skip
def test_a_form_says_what_a_person_wants(form: dict[str, list[str]], choice: Choice) -> None:
    assert read(form, topics={1, 2}, today=TODAY) == choice


@pytest.mark.parametrize(
    ("form", "problems"),
    [
        pytest.param({}, (Problem.MAIL, Problem.FREQUENCY, Problem.PAUSE), id="an empty body"),
        pytest.param({"List-Unsubscribe": ["One-Click"]}, tuple(Problem), id="a one-click post gone astray"),
        pytest.param(a_form(mail=["maybe"]), (Problem.MAIL,), id="neither yes nor no"),
        pytest.param(a_form(frequency=["daily"]), (Problem.FREQUENCY,), id="a frequency that is not offered"),
        pytest.param(a_form(pause=["2026-11-24"]), (Problem.PAUSE,), id="a break that ends today"),
        pytest.param(a_form(pause=["2026-11-01"]), (Problem.PAUSE,), id="a page that lay open for months"),
        pytest.param(a_form(pause=["2027-02-23"]), (Problem.PAUSE,), id="longer than any that is offered"),
        pytest.param(a_form(pause=["for ever"]), (Problem.PAUSE,), id="no date"),
    ],
)
def test_a_form_that_lacks_an_answer_is_refused_with_its_questions(
    form: dict[str, list[str]], problems: tuple[Problem, ...]
) -> None:
    with pytest.raises(UnclearError) as refused:
        read(form, topics={1, 2}, today=TODAY)
    assert refused.value.problems == problems


@given(st.dictionaries(st.sampled_from(["mail", "frequency", "pause", "shown", "topic"]), st.lists(st.text(max_size=12), max_size=4)))  # fmt: skip
def test_any_form_is_understood_or_refused(form: dict[str, list[str]]) -> None:
    try:
        choice = read(form, topics={1, 2}, today=TODAY)
    except UnclearError:
        return
    assert choice.wanted | choice.left <= {1, 2}


def test_every_break_that_is_offered_is_accepted() -> None:
    offered = pauses(TODAY)
    assert offered == [(30, date(2026, 12, 24)), (60, date(2027, 1, 23)), (90, date(2027, 2, 22))]
    for _, until in offered:
        assert read(a_form(pause=[until.isoformat()]), topics=(), today=TODAY).paused_until == until


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada.lovelace@example.com", "a***@e***.com"),
        ("x@sub.mail.example.co.uk", "x***@s***.uk"),
        ("ann@localhost", "a***@l***"),
        ('"a@b"@example.org', '"***@e***.org'),
    ],
)
def test_a_masked_address_shows_two_letters_and_where_it_ends(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("contact", "tenant", "accepted", "tag"),
    [
        pytest.param("de-AT", "en", "en", "de", id="the contact first"),
        pytest.param("", "de", "en", "de", id="then the tenant"),
        pytest.param("fr", "de", "en", "de", id="a language without texts is passed over"),
        pytest.param("", "", "fr, en;q=0.5, de;q=0.9", "de", id="then the browser, by weight"),
        pytest.param("", "", "de;q=0, en", "en", id="what is refused is not taken"),
        pytest.param("", "", "*;q=2,;;,de;q=x", "en", id="a malformed header is passed over"),
        pytest.param("", "", "," * 10_000 + "de", "en", id="an endless header is not read to its end"),
        pytest.param("klingon", "", "", "en", id="English when nobody says"),
    ],
)
def test_a_page_speaks_the_readers_language(contact: str, tenant: str, accepted: str, tag: str) -> None:
    assert language(contact, tenant, accepted, available={"en", "de"}) == tag
