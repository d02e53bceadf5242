"""What the spelling of an address alone tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import addresses, providers
from core.address_hints import ROLES, is_disposable, likeness, role_of, suggestion


@pytest.mark.parametrize(
    ("address", "role"),
    [
        pytest.param("info@firm.example", "info", id="business, RFC 2142 section 3"),
        pytest.param("ABUSE@firm.example", "abuse", id="network operations, section 4, any case"),
        pytest.param("postmaster@firm.example", "postmaster", id="services, section 5"),
        pytest.param("news-request@firm.example", "request", id="mailing list, section 6"),
        pytest.param("info+2026@firm.example", "info", id="with a tag"),
        pytest.param("no-reply@firm.example", "no-reply", id="nobody reads it"),
        pytest.param("kontakt@firm.example", "kontakt", id="German"),
        pytest.param("ann@firm.example", None, id="a person"),
        pytest.param("infor@firm.example", None, id="only begins so"),
        pytest.param("ann.info@firm.example", None, id="only ends so"),
        pytest.param("request@firm.example", None, id="no list's name before it"),
    ],
)
def test_an_address_of_a_function_is_told_from_a_persons(address: str, role: str | None) -> None:
    assert role_of(address) == role


def test_every_mailbox_name_of_rfc_2142_is_a_role() -> None:
    assert {
        "info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster",
        "usenet", "news", "webmaster", "www", "uucp", "ftp",
    } <= ROLES  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "disposable"),
    [
        pytest.param("hour.example", True, id="listed"),
        pytest.param("HOUR.example", True, id="any case"),
        pytest.param("box7.hour.example", True, id="under a listed one"),
        pytest.param("anhour.example", False, id="only ends so"),
        pytest.param("example", False, id="no domain of addresses"),
        pytest.param("gmail.com", False, id="a provider, whatever the list says"),
    ],
)
def test_a_disposable_domain_is_on_the_list_or_under_it(domain: str, *, disposable: bool) -> None:
    assert is_disposable(domain, {"hour.example", "gmail.com", "example"}) is disposable


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        pytest.param("gmial.com", "gmail.com", id="swapped"),
        pytest.param("gmai.com", "gmail.com", id="forgotten"),
        pytest.param("gmaill.com", "gmail.com", id="doubled"),
        pytest.param("gmsil.com", "gmail.com", id="beside"),
        pytest.param("gmail.cpm", "gmail.com", id="in the ending"),
        pytest.param("gmail.cmo", "gmail.com", id="swapped in the ending"),
        pytest.param("gmail.co", "gmail.com", id="from the table"),
        pytest.param("gmail.con", "gmail.com", id="an ending that does not exist"),
        pytest.param("hotmial.com", "hotmail.com", id="Hotmail"),
        pytest.param("HOTMIAL.com", "hotmail.com", id="any case"),
        pytest.param("yaho.com", "yahoo.com", id="Yahoo"),
        pytest.param("outlok.com", "outlook.com", id="Outlook"),
        pytest.param("t-onlin.de", "t-online.de", id="T-Online"),
        pytest.param("gmail.com", None, id="right"),
        pytest.param("ymail.com", None, id="Yahoo's own, one key from Gmail's"),
        pytest.param("mail.com", None, id="a provider one key from Gmail"),
        pytest.param("email.com", None, id="another one"),
        pytest.param("gmx.ch", None, id="GMX in Switzerland"),
        pytest.param("webb.de", None, id="too short to say"),
        pytest.param("firm.example", None, id="a company"),
        pytest.param("hotmails.org", None, id="two things differ"),
    ],
)
def test_a_slip_is_suggested_and_a_real_domain_left_alone(domain: str, meant: str | None) -> None:
    assert suggestion(domain) == meant


@given(st.sampled_from([domain for found in providers.DOMAINS.values() for domain in found]))
def test_no_domain_that_a_provider_is_known_by_is_a_slip(domain: str) -> None:
    assert suggestion(domain) is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        pytest.param("ann.lee@gmail.com", "annlee@gmail.com", True, id="dots at Gmail"),
        pytest.param("ann.lee+shop@googlemail.com", "AnnLee@gmail.com", True, id="two names of Gmail, and a tag"),
        pytest.param("ann+news@firm.example", "ann@firm.example", True, id="a tag"),
        pytest.param("ann.lee@firm.example", "annlee@firm.example", False, id="dots elsewhere are names"),
        pytest.param("ann@firm.example", "ann@firm.test", False, id="other domains"),
        pytest.param("+1@firm.example", "+2@firm.example", False, id="nothing before the plus sign"),
    ],
)  # fmt: skip
def test_addresses_that_are_probably_one_persons_are_alike(one: str, other: str, *, alike: bool) -> None:
    assert (likeness(one) == likeness(other)) is alike


@given(
    st.from_regex(r"\A[A-Za-z0-9.+_-]{1,20}\Z").filter(
        lambda local: ".." not in local and local.strip(".") == local
    )
)
def test_two_spellings_of_one_address_are_alike(local: str) -> None:
    one = addresses.parse(f"{local}@firm.example")
    assert likeness(one.deliverable) == likeness(one.comparable)
