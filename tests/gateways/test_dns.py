import time

import pytest

from core.errors import ConfigurationError
from core.mailbox_domains import Lookup, Reach
from gateways.dns import MailExchangers
from tests.zones import REFUSED, SERVFAIL, SILENCE, NameServer, name_server


def asking(server: NameServer, *, seconds: float = 0.3, in_flight: int = 100) -> MailExchangers:
    return MailExchangers(
        [f"127.0.0.1:{server.port}"],
        in_flight=in_flight,
        attempt_seconds=seconds,
        question_seconds=seconds,
    )


@pytest.mark.parametrize(
    ("records", "reach", "exchangers"),
    [
        pytest.param(
            {"MX": ["20 b.mx.net.", "10 A.mx.net."]},
            Reach.EXCHANGERS,
            ("a.mx.net", "b.mx.net"),
            id="the most preferred first",
        ),
        pytest.param({"MX": ["0 ."]}, Reach.NULL_MX, (), id="a null MX"),
        pytest.param({"A": ["192.0.2.1"]}, Reach.ADDRESS, ("firm.net",), id="its own exchanger"),
        pytest.param({"AAAA": ["2001:db8::1"]}, Reach.ADDRESS, ("firm.net",), id="its own exchanger, IPv6"),
        pytest.param({"TXT": ["v=spf1 -all"]}, Reach.NOWHERE, (), id="neither MX nor address"),
        pytest.param(SERVFAIL, Reach.UNKNOWN, (), id="the server fails"),
        pytest.param(REFUSED, Reach.UNKNOWN, (), id="the server refuses"),
        pytest.param(SILENCE, Reach.UNKNOWN, (), id="no answer"),
    ],
)
def test_an_answer_says_where_a_domains_mail_goes(records, reach, exchangers) -> None:
    with name_server({"firm.net": records}) as server:
        assert asking(server).look_up(["firm.net"]) == [Lookup("firm.net", reach, exchangers)]


def test_a_name_that_is_not_there_is_nonexistent() -> None:
    with name_server({}) as server:
        assert asking(server).look_up(["gone.net"]) == [Lookup("gone.net", Reach.NONEXISTENT)]


def test_a_reserved_name_is_not_asked_for() -> None:
    with name_server({}) as server:
        assert asking(server).look_up(["firm.example"]) == [Lookup("firm.example", Reach.UNKNOWN)]
        assert server.asked == []


def test_a_name_is_asked_for_as_it_stands_without_the_machines_search_domains() -> None:
    with name_server({"firm.net": {"MX": ["10 mx.firm.net."]}}) as server:
        asking(server).look_up(["firm.net", "gone.net"])
        assert {name for name, _ in server.asked} == {"firm.net", "gone.net"}


def test_one_bad_domain_does_not_hide_the_others() -> None:
    zones = {"good.net": {"MX": ["10 mx.good.net."]}, "bad.net": SERVFAIL, "slow.net": SILENCE}
    with name_server(zones) as server:
        found = {
            answer.domain: answer.reach for answer in asking(server).look_up([*zones, "x" * 64 + ".net"])
        }
    assert found == {
        "good.net": Reach.EXCHANGERS,
        "bad.net": Reach.UNKNOWN,
        "slow.net": Reach.UNKNOWN,
        "x" * 64 + ".net": Reach.UNKNOWN,
    }


def test_when_nobody_answers_the_rest_is_not_waited_for() -> None:
    """Ten thousand domains at 0.1 s a question and ten at once would be 100 s."""
    domains = [f"d{number}.net" for number in range(10_000)]
    with name_server({"*": SILENCE}) as server:
        began = time.monotonic()
        found = asking(server, seconds=0.1, in_flight=10).look_up(domains)
        took = time.monotonic() - began
        assert {answer.reach for answer in found} == {Reach.UNKNOWN}
        assert len({name for name, _ in server.asked}) < 100
    assert took < 60


def test_many_questions_are_under_way_at_once() -> None:
    domains = [f"d{number}.net" for number in range(300)]
    with name_server({"*": {"MX": ["10 mx.net."]}}) as server:
        found = asking(server, seconds=5).look_up(domains)
    assert {answer.reach for answer in found} == {Reach.EXCHANGERS}
    assert len(server.asked) == 300


@pytest.mark.parametrize("server", ["not an address", "resolver.net", "127.0.0.1:dns", ""])
def test_a_server_that_is_no_address_is_a_configuration_error(server: str) -> None:
    with pytest.raises(ConfigurationError, match="no DNS resolver"):
        MailExchangers([server]).look_up(["firm.net"])
