"""Mailbox providers: whose a domain is, by its MX records, by its name, and by neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import providers
from core.providers import provider_of


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("gmail.com", "gmail"),
        ("googlemail.com", "gmail"),
        ("outlook.com", "microsoft_consumer"),
        ("hotmail.co.uk", "microsoft_consumer"),
        ("live.com.au", "microsoft_consumer"),
        ("outlook.com.vn", "microsoft_consumer"),
        ("msn.com", "microsoft_consumer"),
        ("yahoo.de", "yahoo"),
        ("yahoo.com.br", "yahoo"),
        ("aol.com", "yahoo"),
        ("ymail.com", "yahoo"),
        ("sky.com", "yahoo"),
        ("yahoo.co.jp", "yahoo_japan"),
        ("icloud.com", "apple"),
        ("me.com", "apple"),
        ("privaterelay.appleid.com", "apple"),
        ("gmx.net", "united_internet"),
        ("web.de", "united_internet"),
        ("protonmail.ch", "proton"),
        ("yandex.com.tr", "yandex"),
        ("bk.ru", "mail_ru"),
        ("126.com", "netease"),
        ("wanadoo.fr", "orange"),
        ("t-online.de", "t_online"),
        ("seznam.cz", "seznam"),
        ("comcast.net", "comcast"),
        pytest.param("GMAIL.com.", "gmail", id="as people and zone files write it"),
        pytest.param("example.com", "other", id="the long tail"),
        pytest.param("gmail.com.example", "other", id="a name that only begins like one"),
        pytest.param("mail.gmail.com", "other", id="a name that only ends like one"),
    ],
)
def test_a_well_known_domain_needs_no_dns(domain: str, provider: str) -> None:
    assert provider_of(domain) == provider


@pytest.mark.parametrize(
    ("exchanger", "provider"),
    [
        ("gmail-smtp-in.l.google.com", "gmail"),
        ("alt1.gmail-smtp-in.l.google.com", "gmail"),
        ("aspmx.l.google.com", "google_workspace"),
        ("alt4.aspmx.l.google.com", "google_workspace"),
        ("smtp.google.com", "google_workspace"),
        ("aspmx2.googlemail.com", "google_workspace"),
        ("outlook-com.olc.protection.outlook.com", "microsoft_consumer"),
        ("example-com.mail.protection.outlook.com", "microsoft_365"),
        ("example-com.a-v1.mx.microsoft", "microsoft_365"),
        ("mta7.am0.yahoodns.net", "yahoo"),
        ("mx1.mail.yahoo.co.jp", "yahoo_japan"),
        ("mx01.mail.icloud.com", "apple"),
        ("mx00.emig.gmx.net", "united_internet"),
        ("mx-ha.web.de", "united_internet"),
        ("mx00.kundenserver.de", "united_internet"),
        ("mx01.ionos.co.uk", "united_internet"),
        ("mail.protonmail.ch", "proton"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("mxs.mail.ru", "mail_ru"),
        ("mx3.qq.com", "tencent"),
        ("smtp-in.orange.fr", "orange"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("mxa-00000000.gslb.pphosted.com", "proofpoint"),
        ("d00000a.ess.barracudanetworks.com", "barracuda"),
        ("mx1.hc000-00.iphmx.com", "cisco"),
        ("cluster1.eu.messagelabs.com", "messagelabs"),
        ("mx1.emailsrvr.com", "rackspace"),
        ("mx1.mail.ovh.net", "ovh"),
        ("aspmx1.migadu.com", "migadu"),
        pytest.param("ASPMX.L.GOOGLE.COM.", "google_workspace", id="as zone files write it"),
        pytest.param("mx.example.net", "other", id="the long tail"),
        pytest.param("mx.notmail.ru", "other", id="whole labels only"),
    ],
)
def test_a_company_is_where_its_mail_goes(exchanger: str, provider: str) -> None:
    assert provider_of("example.com", (exchanger,)) == provider


def test_the_most_preferred_exchanger_decides() -> None:
    """A filter stands before the mailboxes; a backup elsewhere takes mail only on a bad day."""
    behind_a_filter = ("mxa-0.gslb.pphosted.com", "example-com.mail.protection.outlook.com")
    assert provider_of("example.com", behind_a_filter) == "proofpoint"
    assert provider_of("example.com", ("mx.example.com", "aspmx.l.google.com")) == "other"


def test_the_dns_knows_better_than_the_table() -> None:
    """cox.net has moved to Yahoo; should another domain of the table move, its exchangers say where to."""
    assert provider_of("comcast.net", ("mx.am0.yahoodns.net",)) == "yahoo"


def test_an_exchanger_that_nobody_knows_leaves_a_known_domain_its_provider() -> None:
    assert provider_of("seznam.cz", ("mx1.seznam.cz",)) == "seznam"


def test_consumers_and_companies_of_google_share_an_edge() -> None:
    assert {providers.edge_of(key) for key in ("gmail", "google_workspace")} == {"google"}
    assert providers.edge_of("microsoft_365") == "microsoft_365"


def test_a_filter_is_not_a_mailbox() -> None:
    assert providers.is_filter(provider_of("example.com", ("mxa-0.gslb.pphosted.com",)))
    assert not providers.is_filter("gmail")


@pytest.mark.parametrize("table", [providers.DOMAINS, providers.EXCHANGERS], ids=["domains", "exchangers"])
def test_no_name_is_two_providers(table: dict[str, tuple[str, ...]]) -> None:
    names = [name for several in table.values() for name in several]
    assert len(names) == len(set(names))
    assert all(name == name.lower().strip(".") for name in names)


def test_every_filter_and_every_edge_is_a_provider() -> None:
    assert set(providers.EXCHANGERS) >= providers.FILTERS | set(providers.EDGES)


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_nothing_that_the_dns_may_hold_is_an_error(domain: str, exchangers: list[str]) -> None:
    assert provider_of(domain, exchangers) in {*providers.DOMAINS, *providers.EXCHANGERS, providers.OTHER}
