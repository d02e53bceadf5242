"""What is shown where nobody can be erased has nothing personal in it."""

from typing import Any

import pytest

from core.masking import masked, stand_in, without_addresses


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        pytest.param("first_name", "Zoë", "‹first name›", id="a name"),
        pytest.param("work", "ann@example.org", "‹work›", id="an address in another field"),
        pytest.param("birthday", "1984-03-09", "1111-11-11", id="a day stays a day"),
        pytest.param("seen", "2026-11-24T09:30:00Z", "1111-11-11T11:11:11Z", id="a time stays a time"),
        pytest.param("phone", "+44 20 7946 0018", "+11 11 1111 1111", id="a telephone number"),
        pytest.param("points", 4711, 1, id="a number"),
        pytest.param("spent", 12.5, 1.0, id="a sum"),
        pytest.param("is_member", True, True, id="a yes or no"),
        pytest.param("nothing", None, None, id="nothing"),
        pytest.param("tags", ["vip", 3], ["‹tags›", 1], id="a list"),
        pytest.param(
            "home", {"city": "Köln", "zip": "50667"}, {"city": "‹city›", "zip": "11111"}, id="an object"
        ),
        pytest.param("locale", "de-AT", "de-AT", id="the language, which chooses the variant"),
    ],
)
def test_a_field_keeps_its_form_and_loses_its_person(name: str, value: Any, shown: Any) -> None:
    found = masked({name: value})[name]
    assert (found, type(found)) == (shown, type(shown))


def test_the_stand_in_of_an_address_is_nobodys() -> None:
    assert stand_in(42) == "contact-42@masked.invalid"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to hello@acme.example.", "Write to …@acme.example."),
        ("Acme <news+x@acme.example>", "Acme <…@acme.example>"),
        ('href="mailto:jörg.o\'neil@acme.example"', 'href="mailto:…@acme.example"'),
        ("3 @ 5 and @media", "3 @ 5 and @media"),
        ("a@b.example,c@d.example", "…@b.example,…@d.example"),
    ],
)
def test_addresses_lose_what_stands_before_the_at(text: str, shown: str) -> None:
    assert without_addresses(text) == shown


def test_a_word_of_a_megabyte_is_walked_once() -> None:
    """Quadratic, this would take minutes."""
    picture = "A" * 1_000_000
    assert without_addresses(f"{picture}\n{picture} x@acme.example") == f"{picture}\n{picture} …@acme.example"
