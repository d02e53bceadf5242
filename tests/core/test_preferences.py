"""Preferences: what a person may choose, and how a page speaks of it."""

import pytest

from core.preferences import Frequency, caps, language, masked
from core.windows import FrequencyCap


OWN = FrequencyCap(3, 7)


@pytest.mark.parametrize(
    ("tenant", "chosen", "held"),
    [
        pytest.param(None, Frequency.ALL, (), id="nobody limits"),
        pytest.param(OWN, Frequency.ALL, (OWN,), id="all mail is no more than the tenant sends"),
        pytest.param(None, Frequency.WEEKLY, (FrequencyCap(1, 7),), id="the person alone"),
        pytest.param(OWN, Frequency.MONTHLY, (OWN, FrequencyCap(1, 30)), id="both hold"),
        pytest.param(FrequencyCap(1, 7), Frequency.WEEKLY, (FrequencyCap(1, 7),), id="the same twice"),
    ],
)
def test_a_choice_never_loosens_the_tenants_cap(
    tenant: FrequencyCap | None, chosen: Frequency, held: tuple[FrequencyCap, ...]
) -> None:
    assert caps(tenant, chosen) == held


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
