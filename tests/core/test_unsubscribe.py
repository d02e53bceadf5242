"""A token says what was signed, and nothing else can be made to look like one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError, InputError
from core.unsubscribe import Claim, Purpose, TokenKey, read, sign


KEY = TokenKey("k1", b"0123456789abcdef0123456789abcdef")
OLD = TokenKey("k0", b"fedcba9876543210fedcba9876543210")
CLAIM = Claim(tenant_id=7, delivery_id=42, purpose=Purpose.UNSUBSCRIBE)
TOKEN = "v1.k1.AQAAAAcAAAAAAAAAKg.XTkzrTMFBkhfAkZ-2PzNtw"


def refused(
    token: str, keys: Sequence[TokenKey] = (KEY,), purpose: Purpose = Purpose.UNSUBSCRIBE
) -> tuple[str, str, str]:
    with pytest.raises(InputError) as raised:
        read(token, keys, purpose=purpose)
    return raised.value.message, raised.value.hint, raised.value.code


def test_a_token_never_changes_its_form() -> None:
    """Mail lives for years: this very token must be read for ever."""
    assert sign(CLAIM, KEY) == TOKEN
    assert read(TOKEN, [KEY], purpose=Purpose.UNSUBSCRIBE) == CLAIM


def test_an_old_key_still_reads_what_it_signed() -> None:
    assert read(sign(CLAIM, OLD), [KEY, OLD], purpose=Purpose.UNSUBSCRIBE) == CLAIM


def test_a_link_stays_short() -> None:
    largest = Claim(2**32 - 1, 2**64 - 1, Purpose.PREFERENCES)

    assert (
        len(
            "https://unsubscribe.mail.some-long-name.example.com/u/"
            + sign(largest, TokenKey("a" * 16, bytes(32)))
        )
        <= 200
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from(Purpose),
    st.binary(min_size=16, max_size=64),
)
def test_what_is_signed_is_read(tenant_id: int, delivery_id: int, purpose: Purpose, secret: bytes) -> None:
    claim, key = Claim(tenant_id, delivery_id, purpose), TokenKey("k", secret)

    assert read(sign(claim, key), [key], purpose=purpose) == claim


@pytest.mark.parametrize(
    ("token", "keys"),
    [
        pytest.param("", [KEY], id="nothing"),
        pytest.param("v1.k1.AQAAAAcAAAAAAAAAKg", [KEY], id="no tag"),
        pytest.param(TOKEN[:-1], [KEY], id="cut"),
        pytest.param(TOKEN + "A", [KEY], id="longer"),
        pytest.param(TOKEN + "\n", [KEY], id="a line break behind"),
        pytest.param(TOKEN.replace("v1", "v2"), [KEY], id="another version"),
        pytest.param(TOKEN.replace("k1", "k9"), [KEY], id="an unknown key"),
        pytest.param(TOKEN, [], id="no keys"),
        pytest.param(TOKEN, [TokenKey("k1", b"another secret of some length")], id="another secret"),
        pytest.param(TOKEN, [TokenKey("0", bytes(32))], id="the key that stands in for none"),
        pytest.param(
            sign(CLAIM, TokenKey("0", bytes(32))), [KEY], id="signed with the key that stands in for none"
        ),
        pytest.param(TOKEN[:-1] + "x", [KEY], id="another spelling of the same tag"),
        pytest.param(TOKEN.replace("AQAAAAc", "AQAAAAg"), [KEY], id="another tenant"),
        pytest.param("x" * 10_000, [KEY], id="very long"),
        pytest.param("v1.k1.名前", [KEY], id="another script"),
    ],
)
def test_every_refusal_is_the_same(token: str, keys: list[TokenKey]) -> None:
    assert refused(token, keys) == (
        "this link is not valid",
        "use the link of the newest mail",
        "token_invalid",
    )


def test_a_token_is_for_one_purpose() -> None:
    assert refused(TOKEN, purpose=Purpose.PREFERENCES) == refused("")


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_no_character_can_be_changed(position: int, character: str) -> None:
    forged = TOKEN[:position] + character + TOKEN[position + 1 :]
    if forged != TOKEN:
        assert refused(forged) == refused("")


@pytest.mark.parametrize(
    ("kid", "secret"), [("K1", bytes(32)), ("a.b", bytes(32)), ("", bytes(32)), ("k", bytes(15))]
)
def test_a_key_that_would_not_be_safe_is_a_wrong_set_up(kid: str, secret: bytes) -> None:
    with pytest.raises(ConfigurationError):
        TokenKey(kid, secret)


def test_a_key_does_not_show_its_secret() -> None:
    assert repr(KEY) == "TokenKey(kid='k1')"
