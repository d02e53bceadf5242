"""Rollups: under which names facts are counted."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import facts
from core.events import parse
from core.facts import Fact, Seen
from core.link_names import NO_LINK, link_name
from core.rollups import Cell, Dimension, Whose, recount
from tests.mailed import an_event


AT = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("link", "name"),
    [
        pytest.param("https://www.acme.example/winter", "https://www.acme.example/winter", id="as it is"),
        pytest.param("HTTPS://WWW.Acme.example/Winter", "https://www.acme.example/Winter", id="letters of a path count"),
        pytest.param("https://acme.example/?utm_source=mail&mail=ann@x.test", "https://acme.example/", id="no query"),
        pytest.param("https://acme.example/a#ann", "https://acme.example/a", id="no fragment"),
        pytest.param("https://ann:secret@acme.example/a", "https://acme.example/a", id="no user"),
        pytest.param("https://acme.example:8443/a", "https://acme.example:8443/a", id="a port"),
        pytest.param("https://acme.example/u/k1.Zm9vYmFyMTIzNDU2", "https://acme.example/u/…", id="a signed token"),
        pytest.param("https://acme.example/u/0123456789abcdef0123", "https://acme.example/u/…", id="hex"),
        pytest.param("https://acme.example/u/c0ffee00-1234-4abc-8def-0123456789ab/x", "https://acme.example/u/…/x", id="a UUID"),
        pytest.param("https://acme.example/customer/12345678", "https://acme.example/customer/…", id="a customer number"),
        pytest.param("https://acme.example/ann@example.net", "https://acme.example/…", id="an address"),
        pytest.param("https://acme.example/ann%40example.net", "https://acme.example/…", id="an encoded address"),
        pytest.param(
            "https://acme.example/2026/winter-journeys-to-the-far-north",
            "https://acme.example/2026/winter-journeys-to-the-far-north",
            id="a page with a long name",
        ),
        pytest.param("mailto:ann@example.net", NO_LINK, id="mailto"),
        pytest.param("https://[::1", NO_LINK, id="broken"),
        pytest.param("", NO_LINK, id="none"),
    ],
)  # fmt: skip
def test_a_link_is_counted_under_a_name_that_names_no_reader(link: str, name: str) -> None:
    assert link_name(link) == name


@given(
    st.one_of(st.text(max_size=300), st.text(max_size=60).map(lambda path: f"https://acme.example/{path}"))
)
def test_the_name_of_a_name_is_itself(link: str) -> None:
    name = link_name(link)
    assert len(name) <= 200
    if name != NO_LINK:
        assert link_name(name) == name


def test_a_delivery_counts_once_in_each_dimension_and_once_for_each_of_its_links() -> None:
    click = Seen(first_at=AT, last_at=AT, times=9, detail={"links": ["a", "b"]})
    cells = recount([(Whose(7, "gmail", 2, "gmail.com"), {Fact.CLICK: click})])
    assert cells == {
        Cell(7, Dimension.ALL, "", Fact.CLICK): 1,
        Cell(7, Dimension.PROVIDER, "gmail", Fact.CLICK): 1,
        Cell(7, Dimension.DOMAIN, "gmail.com", Fact.CLICK): 1,
        Cell(7, Dimension.SEGMENT, "2", Fact.CLICK): 1,
        Cell(7, Dimension.HOUR, "2026-11-24T23", Fact.CLICK): 1,
        Cell(7, Dimension.LINK, "a", Fact.CLICK): 1,
        Cell(7, Dimension.LINK, "b", Fact.CLICK): 1,
    }


def test_clicks_keep_which_links_and_of_a_scanner_that_clicks_all_the_same_fifty_in_any_order() -> None:
    told = []
    for n in range(60):
        event = parse(
            an_event(
                "click",
                None,
                click__link=f"https://a.example/{n}",
                click__timestamp=f"2026-11-24T10:00:{n:02}Z",
            )
        )
        assert event is not None
        told.append(event)
    forward, backward = facts.fold(told), facts.fold(reversed(told))
    assert forward == backward
    (links,) = [seen.detail["links"] for fact, seen in forward.items() if fact in facts.CLICKS]
    assert len(links) == 50
    assert links[0] == "https://a.example/0"
