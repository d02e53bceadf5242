"""What is an address (T12), and how a person is named without one."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import addresses
from core.errors import InvalidAddressError


@pytest.mark.parametrize(
    ("text", "deliverable"),
    [
        pytest.param("anna@example.com", "anna@example.com", id="plain"),
        pytest.param("Anna.B+news@Example.COM", "Anna.B+news@example.com", id="local case is kept"),
        pytest.param("  anna@example.com \t", "anna@example.com", id="spaces around"),
        pytest.param("\u200banna@example.com\u00a0", "anna@example.com", id="invisible characters around"),
        pytest.param("anna@example.com.", "anna@example.com", id="trailing dot"),
        pytest.param("anna@example.com. ", "anna@example.com", id="trailing dot and space"),
        pytest.param("a@bücher.example", "a@xn--bcher-kva.example", id="internationalised domain"),
        pytest.param(
            "a@BÜCHER.example", "a@xn--bcher-kva.example", id="internationalised domain in capitals"
        ),
        pytest.param("a@straße.example", "a@xn--strae-oqa.example", id="sharp s keeps its own A-label"),
        pytest.param("a@日本。example", "a@xn--wgv71a.example", id="ideographic full stop"),
        pytest.param("a@XN--bcher-kva.example", "a@xn--bcher-kva.example", id="A-label"),
        pytest.param("a@r3---sn.example", "a@r3---sn.example", id="hyphens that are no A-label"),
        pytest.param("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com", id="all of atext"),
        pytest.param("a@1.example.x1", "a@1.example.x1", id="digits in labels"),
        pytest.param("a" * 64 + "@example.com", "a" * 64 + "@example.com", id="local part of 64"),
        pytest.param("a@" + ".".join(["b" * 62] * 4), "a@" + ".".join(["b" * 62] * 4), id="address of 253"),
    ],
)
def test_an_address_is_brought_into_the_form_that_is_mailed(text: str, deliverable: str) -> None:
    """T12."""
    assert addresses.parse(text).deliverable == deliverable


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", "invalid_address", id="nothing"),
        pytest.param("anna", "invalid_address", id="no at sign"),
        pytest.param("@example.com", "invalid_address", id="no local part"),
        pytest.param("anna@", "invalid_address", id="no domain"),
        pytest.param("a@b", "invalid_address", id="one label"),
        pytest.param("a@b..c", "invalid_address", id="empty label"),
        pytest.param("a@b.com..", "invalid_address", id="two trailing dots"),
        pytest.param("a@-b.com", "invalid_address", id="hyphen first"),
        pytest.param("a@b-.com", "invalid_address", id="hyphen last"),
        pytest.param("a@b_c.com", "invalid_address", id="underscore in the domain"),
        pytest.param("a@" + "b" * 64 + ".com", "invalid_address", id="label of 64"),
        pytest.param("a@192.0.2.1", "invalid_address", id="IPv4"),
        pytest.param("a@[192.0.2.1]", "invalid_address", id="address literal"),
        pytest.param("a@xn--zzzzz--.example", "invalid_address", id="A-label that decodes to nothing"),
        pytest.param('"a b"@c.com', "invalid_address", id="quoted local part"),
        pytest.param(".a@b.com", "invalid_address", id="dot first"),
        pytest.param("a.@b.com", "invalid_address", id="dot last"),
        pytest.param("a..b@c.com", "invalid_address", id="two dots"),
        pytest.param("a b@c.com", "invalid_address", id="space inside"),
        pytest.param("a@b.com, c@evil.example", "invalid_address", id="two addresses"),
        pytest.param("alice@x.org)bob@evil.example", "invalid_address", id="CVE-2023-27043"),
        pytest.param("a@b.com(c)", "invalid_address", id="comment"),
        pytest.param("Anna <a@b.com>", "invalid_address", id="display name"),
        pytest.param("<a@b.com>", "invalid_address", id="angle brackets"),
        pytest.param("a@b.com\nBcc: x@evil.example", "invalid_address", id="line end"),
        pytest.param("a@b.com\0", "invalid_address", id="NUL"),
        pytest.param("a@b@c.com", "invalid_address", id="two at signs"),
        pytest.param("jörg@x.example", "unsupported_address", id="local part not ASCII"),
        pytest.param("а@example.com", "unsupported_address", id="Cyrillic letter that looks Latin"),
        pytest.param("a" * 65 + "@example.com", "address_too_long", id="local part of 65"),
        pytest.param("a@" + ".".join(["b" * 62] * 4) + "bb", "invalid_address", id="last label of 64"),
        pytest.param("abc@" + ".".join(["b" * 62] * 4), "address_too_long", id="address of 255"),
        pytest.param("a@" + "ü" * 5000 + ".example", "address_too_long", id="hostile length"),
    ],
)
def test_what_is_not_one_deliverable_address_is_refused_with_a_reason(text: str, code: str) -> None:
    """T12."""
    with pytest.raises(InvalidAddressError) as refused:
        addresses.parse(text)
    assert refused.value.code == code


def test_a_refusal_does_not_repeat_the_address() -> None:
    with pytest.raises(InvalidAddressError) as refused:
        addresses.parse("canary canary@example.com")
    assert "canary" not in refused.value.message


def test_two_spellings_of_one_address_are_comparable_and_stay_deliverable() -> None:
    """T13: both are kept as they were given, and both name the same person."""
    one, other = addresses.parse("A@X.com"), addresses.parse("a@x.com")
    assert (one.deliverable, other.deliverable) == ("A@x.com", "a@x.com")
    assert one.comparable == other.comparable == "a@x.com"


def test_dots_and_tags_are_not_removed_for_comparison() -> None:
    assert addresses.parse("an.na+news@gmail.com").comparable == "an.na+news@gmail.com"


def test_a_recipient_key_is_the_first_half_of_an_hmac_sha256() -> None:
    key = addresses.recipient_key("anna@example.com", bytes(32))
    assert key == "e43fbcfcbd406e02ced6eb614b73f34a"


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
def test_a_recipient_key_is_that_of_the_standard_library_for_every_pepper(length: int) -> None:
    pepper = bytes(range(200))[:length]
    expected = hmac.digest(pepper, b"anna@example.com", "sha256").hex()[:32]
    assert addresses.recipient_key("anna@example.com", pepper) == expected


def test_a_recipient_key_depends_on_the_pepper() -> None:
    assert addresses.recipient_key("a@x.com", b"one") != addresses.recipient_key("a@x.com", b"two")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("anna@example.com", "a***@e***.com", id="usual"),
        pytest.param("a@b.co.uk", "a***@b***.uk", id="short"),
    ],
)
def test_a_masked_address_only_reminds(address: str, shown: str) -> None:
    assert addresses.masked(address) == shown


_WORDS = st.text(alphabet="abcXYZ019.+-_ü@ß日", min_size=1, max_size=12)


@given(_WORDS, _WORDS, st.sampled_from(["com", "EXAMPLE", "xn--p1ai", "рф"]))
def test_parsing_twice_changes_nothing(local: str, domain: str, top: str) -> None:
    try:
        once = addresses.parse(f"{local}@{domain}.{top}")
    except InvalidAddressError:
        return
    assert addresses.parse(once.deliverable) == once


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = addresses.parse(text)
    except InvalidAddressError:
        return
    assert address.deliverable.isascii()
    assert address.deliverable.count("@") == 1
    assert len(address.deliverable) <= 254
