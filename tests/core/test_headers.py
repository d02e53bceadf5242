"""No header that we write carries another, and the list headers are what mail programs look for."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.headers import check_header_value, from_header, list_headers


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Hi\r\nBcc: x", id="CRLF"),
        pytest.param("Hi\nX", id="LF"),
        pytest.param("Hi\rX", id="CR"),
        pytest.param("Hi\x00X", id="NUL"),
        pytest.param("Hi\tX", id="TAB"),
        pytest.param("Hi\x85X", id="NEL"),
        pytest.param("Hi\u2028X", id="line separator"),
        pytest.param("Hi\u2029X", id="paragraph separator"),
        pytest.param("Hi\ud800X", id="lone surrogate"),
        pytest.param("=?utf-8?q?Hi=0D=0ABcc:_x?=", id="encoded CRLF"),
        pytest.param("a =?utf-8?b?SGkKWA==?= b", id="encoded LF in base64"),
        pytest.param("=?utf-8?q?=E2=80=A8?=", id="encoded line separator"),
        pytest.param("=?no-such-charset?q?a?=", id="a charset that nobody knows"),
    ],
)
def test_t06_a_value_that_could_become_two_lines_is_refused(value: str) -> None:
    """T06."""
    with pytest.raises(InputError, match=r"^Subject ") as refused:
        check_header_value("Subject", value)
    assert refused.value.code == "header_invalid"
    assert value not in str(refused.value)


@pytest.mark.parametrize(
    "value", ["", "Plain", "名前 👋🏽", "50 % =? off ?=", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", 'a"b,c<d>']
)
def test_one_line_of_any_script_is_a_header_value(value: str) -> None:
    check_header_value("Subject", value)


def test_the_list_headers_are_those_of_rfc_8058() -> None:
    assert list_headers("https://mail.example.com/u/v1.k.p.t") == {
        "List-Unsubscribe": "<https://mail.example.com/u/v1.k.p.t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_an_address_to_unsubscribe_comes_second() -> None:
    assert list_headers("https://e.example/u", mailto="mailto:leave@e.example?subject=unsubscribe")[
        "List-Unsubscribe"
    ] == ("<https://e.example/u>, <mailto:leave@e.example?subject=unsubscribe>")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/u/t", "http://localhost/u/t"])
def test_a_demo_on_this_machine_needs_no_certificate(url: str) -> None:
    assert list_headers(url)["List-Unsubscribe"] == f"<{url}>"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://example.com/u", id="http"),
        pytest.param("http://127.0.0.1.example.com/u", id="a domain like the loopback address"),
        pytest.param("mailto:leave@example.com", id="mailto alone"),
        pytest.param("https:///u", id="no host"),
        pytest.param("https://exämple.com/u", id="not ASCII"),
        pytest.param("https://example.com/u v", id="a space"),
        pytest.param("https://example.com/>,<mailto:x", id="an angle bracket"),
        pytest.param("https://example.com/\r\nBcc: x", id="CRLF"),
        pytest.param("https://[example.com/u", id="half an IPv6 address"),
        pytest.param("https://example.com/" + "u" * 974, id="996 characters"),
    ],
)
def test_a_url_that_mail_programs_would_not_use_is_refused(url: str) -> None:
    with pytest.raises(InputError) as refused:
        list_headers(url)
    assert refused.value.code == "header_invalid"


@pytest.mark.parametrize(
    "mailto",
    [
        "mailto:a@e.example,b@e.example",
        "mailto:a b@e.example",
        "mailto:a@e.example>",
        "a@e.example",
        "https://e.example",
    ],
)
def test_an_address_to_unsubscribe_is_one_plain_address(mailto: str) -> None:
    with pytest.raises(InputError):
        list_headers("https://e.example/u", mailto=mailto)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Ada Lovelace", "Ada Lovelace <ada@example.com>", id="plain"),
        pytest.param("", "ada@example.com", id="no name"),
        pytest.param(
            '"A", <b@evil.example>', r'"\"A\", <b@evil.example>" <ada@example.com>', id="an address inside"
        ),
        pytest.param("Smith, John", '"Smith, John" <ada@example.com>', id="a comma"),
        pytest.param("Grüße", "=?utf-8?q?Gr=C3=BC=C3=9Fe?= <ada@example.com>", id="umlauts"),
    ],
)
def test_a_name_is_quoted_or_encoded_as_it_needs(name: str, expected: str) -> None:
    assert from_header(name, "ada@example.com") == expected


@pytest.mark.parametrize(
    ("name", "address"),
    [
        pytest.param("A\r\nBcc: x", "ada@example.com", id="CRLF in the name"),
        pytest.param("A" * 201, "ada@example.com", id="a long name"),
        pytest.param("A", "a@example.com, b@evil.example", id="two addresses"),
        pytest.param("A", "a@example.com\r\nBcc: x", id="CRLF in the address"),
        pytest.param("A", "a@bücher.example", id="a domain that is not ASCII"),
        pytest.param("A", "no address", id="no address"),
        pytest.param("A", "", id="nothing"),
        pytest.param("A", "a@example.com(comment)", id="a comment"),
    ],
)
def test_a_sender_that_is_not_one_mailbox_is_refused(name: str, address: str) -> None:
    with pytest.raises(InputError) as refused:
        from_header(name, address)
    assert refused.value.code == "header_invalid"


@given(st.text(max_size=200))
def test_whatever_a_name_is_the_message_has_the_expected_headers_only(name: str) -> None:
    try:
        value = from_header(name, "ada@example.com")
    except InputError:
        return
    message = EmailMessage(policy=SMTP)
    message["From"] = value
    message["Subject"] = "x"
    parsed = message_from_bytes(message.as_bytes(), policy=SMTP)

    assert value.isascii()
    assert sorted(parsed.keys()) == ["From", "Subject"]
    assert [mailbox.addr_spec for mailbox in parsed["From"].addresses] == ["ada@example.com"]
