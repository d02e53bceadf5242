"""When the DNS is not believed."""

import pytest

from core.dead_domains import CANARIES, believed
from core.mailbox_domains import Lookup, Reach


WELL = [Lookup(domain, Reach.EXCHANGERS, ("mx.example",)) for domain in CANARIES]


def domains(number: int, reach: Reach) -> list[Lookup]:
    return [Lookup(f"firm{n}.test", reach) for n in range(number)]


def dead(lookups: list[Lookup]) -> int:
    return sum(lookup.reach.is_dead for lookup in lookups)


@pytest.mark.parametrize(
    ("reach", "counts"),
    [
        pytest.param(Reach.NONEXISTENT, True, id="no such name"),
        pytest.param(Reach.NOWHERE, True, id="neither exchangers nor an address"),
        pytest.param(Reach.NULL_MX, True, id="null MX, RFC 7505"),
        pytest.param(Reach.ADDRESS, False, id="its own exchanger"),
        pytest.param(Reach.EXCHANGERS, False, id="exchangers"),
        pytest.param(Reach.UNKNOWN, False, id="a timeout"),
    ],
)
def test_what_counts_as_a_dead_answer(reach: Reach, *, counts: bool) -> None:
    assert bool(dead(believed(domains(1, reach), canaries=WELL, reachable=[]))) is counts


@pytest.mark.parametrize(
    ("number", "of", "kept"),
    [
        pytest.param(20, 20, 20, id="twenty may die in any night"),
        pytest.param(21, 100, 0, id="more, of a hundred"),
        pytest.param(100, 1_000, 100, id="a tenth of many"),
        pytest.param(101, 1_000, 0, id="more than a tenth"),
    ],
)
def test_too_many_deaths_of_one_night_are_the_dns(number: int, of: int, kept: int) -> None:
    reachable = [f"firm{n}.test" for n in range(of)]
    found = believed(domains(number, Reach.NONEXISTENT), canaries=WELL, reachable=reachable)
    assert (len(found), dead(found)) == (number, kept)


def test_domains_that_were_dead_before_do_not_make_a_night_of_trouble() -> None:
    assert dead(believed(domains(500, Reach.NOWHERE), canaries=WELL, reachable=["firm1.test"])) == 500


@pytest.mark.parametrize("said", [Reach.NONEXISTENT, Reach.UNKNOWN, Reach.NULL_MX, Reach.ADDRESS])
def test_a_resolver_that_does_not_find_a_canary_kills_nobody(said: Reach) -> None:
    canaries = [*WELL[1:], Lookup(CANARIES[0], said)]
    found = believed(domains(1, Reach.NONEXISTENT), canaries=canaries, reachable=[])
    assert found == [Lookup("firm0.test", Reach.UNKNOWN)]


def test_without_canaries_no_death_is_believed() -> None:
    assert dead(believed(domains(1, Reach.NULL_MX), canaries=[], reachable=[])) == 0


def test_answers_that_are_not_dead_are_believed_also_in_trouble() -> None:
    told = [Lookup("firm.test", Reach.EXCHANGERS, ("mx.firm.test",)), Lookup("gone.test", Reach.NOWHERE)]
    assert believed(told, canaries=[], reachable=[]) == [told[0], Lookup("gone.test", Reach.UNKNOWN)]
