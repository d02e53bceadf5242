"""Which few of many contacts are looked at: those that differ."""

import pytest

from core.sampling import FIRST, MOST, Candidate, choose


def people(count: int = 100, **odd: object) -> list[Candidate]:
    """Many who are alike, and one, in the middle, who is not."""
    pool = [Candidate(n, f"r{n:03}@example.net", {"name": "Ann", "locale": "en"}) for n in range(count)]
    if odd:
        pool[57] = Candidate(57, "r057@example.net", {**pool[57].attributes, **odd})
    return pool


def ids(pool: list[Candidate], *fields: str) -> list[int]:
    return [candidate.id for candidate in choose(pool, fields=fields)]


def test_those_who_are_alike_are_looked_at_ten_times() -> None:
    assert ids(people(), "name") == list(range(FIRST))


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"name": ""}, id="an empty value"),
        pytest.param({"name": None}, id="no value"),
        pytest.param({"name": " "}, id="a blank value"),
        pytest.param({"name": "Anna-Katharina"}, id="a long value"),
        pytest.param({"name": "Zoë"}, id="another script"),
        pytest.param({"name": "A&B"}, id="a sign of HTML"),
        pytest.param({"locale": "de"}, id="another language"),
    ],
)
def test_who_differs_is_looked_at_too(odd: dict[str, object]) -> None:
    assert ids(people(**odd), "name") == [*range(FIRST), 57]


def test_who_lacks_a_field_is_looked_at() -> None:
    pool = people()
    pool[57] = Candidate(57, "r057@example.net", {"locale": "en"})
    assert ids(pool, "name") == [*range(FIRST), 57]


def test_a_field_that_the_template_does_not_name_is_not_looked_at() -> None:
    assert ids(people(hobby="sailing"), "name") == list(range(FIRST))


def test_a_long_address_is_looked_at() -> None:
    pool = people()
    pool[57] = Candidate(57, f"{'r' * 60}@example.net", pool[57].attributes)
    assert ids(pool, "name") == [*range(FIRST), 57]


def test_an_attribute_that_everybody_has_otherwise_is_no_language() -> None:
    pool = [Candidate(n, "a@example.net", {"country": f"c{n}"}) for n in range(100)]
    assert ids(pool) == list(range(FIRST))


def test_however_many_fields_there_are_the_choice_is_bounded() -> None:
    fields = [f"field{n}" for n in range(200)]
    pool = [Candidate(n, "a@example.net", {fields[n]: "x" * (n + 1)}) for n in range(200)]
    assert len(choose(pool, fields=fields)) == MOST


def test_of_nobody_nobody_is_chosen() -> None:
    assert choose([], fields=["name"]) == []
