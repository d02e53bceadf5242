"""Unsubscribes by mail: what a message offers, and what is found in the mail that comes of it."""

import base64
import re
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.headers import list_headers
from core.unsubscribe import Claim, Purpose, TokenKey, sign
from core.unsubscribe_mail import HEAD_BYTES, checked_address, digest, mailto, tokens


TOKEN = sign(Claim(7, 42, Purpose.UNSUBSCRIBE), TokenKey("k1", b"0123456789abcdef"))
LEAVE = "leave@mail.acme.example"
PLUS = f"leave+{TOKEN}@mail.acme.example"


def test_the_token_is_offered_in_the_address_and_in_the_subject() -> None:
    uri = mailto(LEAVE, TOKEN)
    assert uri == f"mailto:{PLUS}?subject=unsubscribe%20{TOKEN}"
    parts = urlsplit(uri)
    assert unquote(parts.path) == PLUS
    assert parse_qs(parts.query) == {"subject": [f"unsubscribe {TOKEN}"]}
    assert len(PLUS.partition("@")[0]) <= 64


def test_an_address_that_grew_too_long_goes_without_the_token() -> None:
    """RFC 5321, 4.5.3.1.1: a local part has at most 64 octets; the subject still has it."""
    uri = mailto("unsubscribe-from-acme-travel@mail.acme.example", TOKEN)
    assert uri == f"mailto:unsubscribe-from-acme-travel@mail.acme.example?subject=unsubscribe%20{TOKEN}"


def test_both_ways_fit_one_header() -> None:
    value = list_headers(f"https://mail.acme.example/u/{TOKEN}", mailto=mailto(LEAVE, TOKEN))[
        "List-Unsubscribe"
    ]
    assert re.fullmatch(r"<https://[^<>, ]+>, <mailto:[^<>, ]+>", value)
    assert len(value) < 400


@pytest.mark.parametrize(
    "address", ["leave+x@acme.example", "no address", '"a b"@acme.example', "l" * 33 + "@acme.example"]
)
def test_an_address_that_cannot_carry_a_token_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        checked_address(address)


def test_an_address_is_kept_as_mail_is_sent_to_it() -> None:
    assert checked_address(" Leave@MAIL.Acme.Example ") == "Leave@mail.acme.example"


def a_mail(**fields: str) -> bytes:
    mail = EmailMessage()
    for name, value in fields.items():
        mail[name.replace("_", "-")] = value
    return bytes(mail)


APPLE = f"""\
Return-Path: <reader@icloud.example>\r
From: Reader <reader@icloud.example>\r
Content-Type: text/plain; charset=us-ascii\r
Subject: unsubscribe {TOKEN}\r
Auto-Submitted: auto-replied\r
X-Apple-Unsubscribe: true\r
To: {LEAVE}\r
""".encode()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(a_mail(To=PLUS, Subject="unsubscribe"), id="in the address"),
        pytest.param(a_mail(To=LEAVE, Subject=f"unsubscribe {TOKEN}"), id="in the subject"),
        pytest.param(a_mail(To=PLUS.lower(), Subject=f"Re: unsubscribe {TOKEN}"), id="an address in lower case"),
        pytest.param(APPLE, id="Apple's automatic reply"),
        pytest.param(f"X-Original-To: {PLUS}\nTo: undisclosed-recipients:;\n".encode(), id="a blind copy"),
        pytest.param(f"Delivered-To: {PLUS}\n".encode(), id="Delivered-To"),
        pytest.param(f"Received: from a.example by b.example\n\tfor <{PLUS}>; Tue\n".encode(), id="Received, folded"),
        pytest.param(f"SUBJECT:\n unsubscribe\n {TOKEN}\n".encode(), id="a folded subject"),
        pytest.param(
            b"Subject: =?utf-8?b?" + base64.b64encode(f"unsubscribe {TOKEN}".encode()) + b"?=\n", id="an encoded subject"
        ),
        pytest.param(f"To: {PLUS}\nCc: {PLUS}\nSubject: {TOKEN}\n".encode(), id="everywhere"),
    ],
)  # fmt: skip
def test_the_token_of_a_mail_is_found(head: bytes) -> None:
    assert TOKEN in tokens(head)
    assert tokens(head).count(TOKEN) == 1


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(a_mail(To=LEAVE, Subject="please take me off"), id="a person's own words"),
        pytest.param(f"In-Reply-To: <{TOKEN}@a.example>\n".encode(), id="another field"),
        pytest.param(f"Subject: x{TOKEN}\n".encode(), id="glued to a word before it"),
        pytest.param(f"Subject: {TOKEN}x\n".encode(), id="glued to a word behind it"),
        pytest.param(b"Subject: =?utf-8?b?!!!?= =?nonsense?q?x?=\n", id="encoded nonsense"),
        pytest.param(b"Subject: " + b"x" * HEAD_BYTES + TOKEN.encode(), id="behind what is read"),
    ],
)
def test_a_mail_without_a_token_has_none(head: bytes) -> None:
    assert tokens(head) == []


@given(st.binary(max_size=400))
def test_any_bytes_are_a_head(head: bytes) -> None:
    assert tokens(b"Subject: " + head) == []


def test_a_mail_full_of_tokens_is_looked_at_ten_times_at_most() -> None:
    key = TokenKey("k1", b"0123456789abcdef")
    many = " ".join(sign(Claim(1, number, Purpose.UNSUBSCRIBE), key) for number in range(1, 500))
    assert len(tokens(f"Subject: {many}\n".encode())) == 10


def test_the_same_head_is_the_same_mail() -> None:
    assert digest(APPLE) == digest(APPLE) != digest(APPLE + b"Date: now\r\n")
