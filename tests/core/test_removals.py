"""When a night of hygiene waits for a person."""

import pytest

from core.hygiene import HygienePolicy
from core.removals import ListShare, too_many


@pytest.mark.parametrize(
    ("leaving", "mailable", "policy", "stops"),
    [
        pytest.param(0, 0, {}, False, id="an empty list"),
        pytest.param(50, 1_000, {}, False, id="five in a hundred pass"),
        pytest.param(51, 1_000, {}, True, id="one more does not"),
        pytest.param(2, 4, {}, False, id="two people never stop a run"),
        pytest.param(3, 50, {}, True, id="three do, of fifty"),
        pytest.param(3, 3, {"removal_people": 3}, False, id="a tenant has patience for three"),
        pytest.param(51, 1_000, {"removal_percent": 6}, False, id="a tenant lets six in a hundred pass"),
        pytest.param(1, 1_000, {"removal_percent": 0, "removal_people": 0}, True, id="a tenant wants to see everything"),
        pytest.param(1_000, 1_000, {"removal_percent": 100}, False, id="a tenant wants to see nothing"),
    ],
)  # fmt: skip
def test_a_list_that_would_lose_too_many_stops_the_run(
    leaving: int, mailable: int, policy: dict[str, int], *, stops: bool
) -> None:
    one = ListShare(name="readers", mailable=mailable, leaving=leaving)
    assert bool(too_many([one], HygienePolicy(**policy))) is stops


def test_the_worst_list_is_told_first() -> None:
    lists = [
        ListShare(name="", mailable=1_000, leaving=90),
        ListShare(name="vip", mailable=20, leaving=20),
        ListShare(name="fine", mailable=1_000, leaving=10),
    ]
    assert [one.in_words for one in too_many(lists, HygienePolicy())] == [
        "list vip: 20 of 20 would leave (100.0%)",
        "all contacts together: 90 of 1,000 would leave (9.0%)",
    ]
