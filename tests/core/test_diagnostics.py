"""What a receiver said, as it may be kept and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.diagnostics import LONGEST, fingerprint, masked, text_of


READER = "anna.meier@example.net"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("smtp; 550 5.1.1 <anna.meier@example.net>: User unknown", "smtp; 550 5.1.1 <‹address›>: User unknown", id="in brackets"),
        pytest.param("550 Anna.Meier@EXAMPLE.net does not exist", "550 ‹address› does not exist", id="in another case"),
        pytest.param("550 no such user: anna.meier", "550 no such user: ‹address›", id="the local part alone"),
        pytest.param("550 see https://help.example/?to=anna.meier%40example.net", "550 see https:‹address›", id="in a link"),
        pytest.param("550 from bounce+anna.meier=example.net@mta.example", "550 from ‹address›", id="in an envelope sender"),
        pytest.param("550 postmaster@example.org says no", "550 ‹address› says no", id="somebody else"),
        pytest.param("550 two\r\n lines\tand tabs", "550 two lines and tabs", id="on one line"),
        pytest.param("", "", id="nothing"),
    ],
)  # fmt: skip
def test_nobody_is_named(said: str, shown: str) -> None:
    assert masked(said, [READER]) == shown


def test_a_local_part_that_is_a_word_of_every_answer_stays() -> None:
    assert masked("550 user unknown", ["user@example.net"]) == "550 user unknown"


@given(st.text(max_size=400), st.emails())
def test_no_address_is_left_whatever_stands_around_it(around: str, address: str) -> None:
    shown = masked(f"{around[:200]} <{address}> {around[200:]}", [address])
    assert address.lower() not in shown.lower()
    assert len(shown) <= LONGEST


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param("550-5.1.1 no such user x12-20020a - gsmtp", "550-5.1.1 no such user y9-77b - gsmtp", True, id="queue ids"),
        pytest.param("550 5.1.1 refused for 192.0.2.1", "550 5.1.1 refused for 192.0.2.9", True, id="addresses of hosts"),
        pytest.param("550 5.1.1 refused", "550 5.2.1 refused", False, id="another code"),
        pytest.param("550 5.1.1 refused", "551 5.1.1 refused", False, id="another reply"),
        pytest.param("550 User unknown", "550 user  unknown", True, id="case and spaces"),
        pytest.param("550 user unknown", "550 user gone", False, id="other words"),
    ],
)  # fmt: skip
def test_two_answers_are_the_same_but_for_what_differs_from_message_to_message(
    one: str, other: str, *, is_same: bool
) -> None:
    assert (fingerprint(text_of(masked(one))) == fingerprint(text_of(masked(other)))) is is_same
