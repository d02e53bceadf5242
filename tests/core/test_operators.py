"""Operators: the tokens of a visit and of its forms, and what a name and a reason may hold."""

from datetime import UTC, datetime, timedelta

import pytest

from core import operators
from core.errors import InputError


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = operators.key_of(b"0123456789abcdef", "correct horse battery")
VISIT = operators.begin("Ada Lovelace", now=NOW, noise=bytes(16))
TOKEN = operators.sign(VISIT, KEY)


def test_a_token_is_read_back_as_the_visit_it_was_made_of() -> None:
    assert (VISIT.name, VISIT.until) == ("Ada Lovelace", datetime(2026, 11, 24, 20, 0, tzinfo=UTC))
    assert operators.read(TOKEN, key=KEY, now=NOW) == VISIT
    assert VISIT.actor == "web:Ada Lovelace"


def test_a_visit_is_over_after_eight_hours() -> None:
    almost = NOW + timedelta(hours=8) - timedelta(seconds=1)
    assert operators.read(TOKEN, key=KEY, now=almost) == VISIT
    assert operators.read(TOKEN, key=KEY, now=NOW + timedelta(hours=8)) is None


def test_no_letter_of_a_token_can_be_changed() -> None:
    for place in range(len(TOKEN)):
        for other in ("A", "0", ".", "é"):
            if TOKEN[place] != other:
                forged = TOKEN[:place] + other + TOKEN[place + 1 :]
                assert operators.read(forged, key=KEY, now=NOW) is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("v1", id="a piece"),
        pytest.param(TOKEN + "A", id="more behind it"),
        pytest.param(TOKEN.replace("v1", "v2"), id="another version"),
        pytest.param(TOKEN + "\n", id="a line feed behind it"),
    ],
)
def test_what_is_no_token_is_nobodys(token: str) -> None:
    assert operators.read(token, key=KEY, now=NOW) is None


@pytest.mark.parametrize(
    ("secret", "password"),
    [
        pytest.param(b"0123456789abcdef", "another password", id="a new password"),
        pytest.param(b"fedcba9876543210", "correct horse battery", id="a new secret"),
    ],
)
def test_every_visit_ends_with(secret: bytes, password: str) -> None:
    key = operators.key_of(secret, password)
    assert operators.read(TOKEN, key=key, now=NOW) is None
    assert not operators.is_form_token(operators.form_token(VISIT, KEY), VISIT, key)


def test_a_form_token_is_good_for_its_visit_alone() -> None:
    other = operators.begin("Ada Lovelace", now=NOW, noise=b"x" * 16)
    assert operators.is_form_token(operators.form_token(VISIT, KEY), VISIT, KEY)
    assert not operators.is_form_token(operators.form_token(other, KEY), VISIT, KEY)
    assert not operators.is_form_token("", VISIT, KEY)
    assert not operators.is_form_token("é", VISIT, KEY)


def test_a_token_can_stand_in_a_cookie() -> None:
    visit = operators.begin("Žofie O’Neill-Müller " + "龍" * 19, now=NOW, noise=bytes(range(16)))
    token = operators.sign(visit, KEY)
    assert token.isascii()
    assert not set(token) & set(' ",;\\')
    assert operators.read(token, key=KEY, now=NOW) == visit


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("correct horse battery", True),
        ("correct horse batter", False),
        ("correct horse battery ", False),
        ("Correct horse battery", False),
        ("", False),
        ("pässwörter zählen", False),
    ],
)
def test_the_password_is_right_when_all_of_it_is(given: str, *, right: bool) -> None:
    assert operators.is_password(given, "correct horse battery") is right


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada   Lovelace ", "Ada Lovelace"),
        ("Jean-Luc O'Neill jr.", "Jean-Luc O'Neill jr."),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\u202eAda", "Ada"),
        ("李小龍", "李小龍"),
    ],
)
def test_a_name_is_kept_as_people_write_it(typed: str, name: str) -> None:
    assert operators.checked_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="nothing"),
        pytest.param(" \t ", id="blanks"),
        pytest.param("ada@example.com", id="an address"),
        pytest.param("<b>Ada</b>", id="markup"),
        pytest.param("web:root", id="another kind of actor"),
        pytest.param("A" * 41, id="too long"),
    ],
)
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(InputError):
        operators.checked_name(typed)


def test_a_reason_is_kept_in_one_line() -> None:
    assert operators.checked_reason(" wrong\r\nprice in\u2028 the  offer ") == "wrong price in the offer"
    assert operators.checked_reason("x" * 300) == "x" * 300
    assert operators.checked_reason("meet @ noon") == "meet @ noon"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        pytest.param("", "a reason is needed", id="nothing"),
        pytest.param("\u200b \n", "a reason is needed", id="nothing to be seen"),
        pytest.param("x" * 301, "longer than 300", id="a story"),
        pytest.param("ann@example.com complained", "e-mail address", id="an address"),
        pytest.param("<ann@example.com>", "e-mail address", id="an address in brackets"),
    ],
)
def test_a_reason_that_cannot_be_kept_is_refused(typed: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        operators.checked_reason(typed)
