"""Counts for the breakers: whatever comes, however often and in whichever order, they are what a recount would find."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import breaker_counts, facts
from core.breaker_counts import Cell, Moved, Placed
from core.breakers import Counts
from core.facts import Fact, Facts, Seen


MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def known(*named: Fact, taken_at: datetime = MIDNIGHT) -> Facts:
    seen = Seen(first_at=taken_at, last_at=taken_at)
    return {
        Fact.SENT: facts.sent_as({"id": taken_at}),
        **dict.fromkeys((one for one in named if one is not Fact.SENT), seen),
    }


@pytest.mark.parametrize(
    ("named", "part"),
    [
        pytest.param([], (0, 0, 0), id="only sent"),
        pytest.param([Fact.DELIVERY], (1, 0, 0), id="delivered"),
        pytest.param([Fact.BOUNCE_PERMANENT], (1, 1, 0), id="bounced"),
        pytest.param([Fact.DELIVERY, Fact.BOUNCE_PERMANENT], (1, 1, 0), id="delivered, then bounced"),
        pytest.param([Fact.COMPLAINT], (1, 0, 1), id="a complaint whose delivery is not known yet"),
        pytest.param([Fact.DELIVERY, Fact.COMPLAINT, Fact.CLICK], (1, 0, 1), id="complained"),
        pytest.param([Fact.BOUNCE_TRANSIENT, Fact.DELAY], (0, 0, 0), id="put off"),
        pytest.param([Fact.BOUNCE_BLOCK], (0, 0, 0), id="a refusal of the sender"),
        pytest.param([Fact.NOT_SPAM, Fact.DELIVERY], (1, 0, 0), id="the reverse of a complaint"),
    ],
)
def test_a_delivery_adds_what_its_facts_say(named: Sequence[Fact], part: tuple[int, int, int]) -> None:
    resolved, bounced, complained = part
    wanted = Counts(resolved=resolved, bounced=bounced, complained=complained)
    assert breaker_counts.part(known(*named)) == wanted


def test_a_message_that_was_taken_earlier_than_was_thought_moves_to_its_day() -> None:
    late = known(Fact.DELIVERY, taken_at=MIDNIGHT)
    early = known(Fact.DELIVERY, taken_at=MIDNIGHT - MINUTE)
    assert breaker_counts.changes([Moved(1, 7, "gmail", late, early)]) == {
        Cell(7, "gmail", date(2026, 11, 24)): Counts(resolved=-1),
        Cell(7, "gmail", date(2026, 11, 23)): Counts(resolved=1),
    }


news = st.lists(
    st.tuples(
        st.integers(1, 6),  # the delivery; its campaign and provider follow from it
        st.sampled_from([Fact.SENT, Fact.DELIVERY, Fact.BOUNCE_PERMANENT, Fact.COMPLAINT, Fact.OPEN]),
        st.integers(-3_000, 3_000),  # minutes from midnight at which SES took it, as this event has it
    ),
    max_size=60,
)


def fold(told: Sequence[tuple[int, Fact, int]]) -> tuple[dict[Cell, Counts], dict[int, Facts], list[Placed]]:
    """Fold events one by one, each with the counts that it moves."""
    total: dict[Cell, Counts] = {}
    held: dict[int, Facts] = {}
    first: list[Placed] = []
    for delivery, fact, minutes in told:
        before = held.get(delivery, {})
        after = facts.joined(before, known(fact, taken_at=MIDNIGHT + minutes * MINUTE))
        moved = Moved(delivery, delivery % 2, ("gmail", "yahoo")[delivery % 3 == 0], before, after)
        for cell, counts in breaker_counts.changes([moved]).items():
            total[cell] = total.get(cell, Counts()) + counts
        first = breaker_counts.first_of(first, breaker_counts.placed([moved]).get(1, []))
        held[delivery] = after
    return {cell: counts for cell, counts in total.items() if counts != Counts()}, held, first


@given(news, st.randoms(use_true_random=False))
def test_the_counts_are_those_of_a_recount_for_any_events_in_any_order(
    told: list[tuple[int, Fact, int]], rng: object
) -> None:
    assert hasattr(rng, "sample")
    shuffled = rng.sample(told * 2, 2 * len(told))
    total, held, first = fold(told)
    again, _, first_again = fold(shuffled)
    assert (total, first) == (again, first_again)
    recount = breaker_counts.changes(
        Moved(delivery, delivery % 2, ("gmail", "yahoo")[delivery % 3 == 0], {}, known_of_it)
        for delivery, known_of_it in held.items()
    )
    assert total == recount
    assert all(counts.bounced <= counts.resolved >= counts.complained for counts in total.values())


def test_the_first_fifty_are_the_earliest_and_each_stands_there_once() -> None:
    known_ones = [Placed(micros, micros) for micros in range(100, 150)]
    found = breaker_counts.first_of(known_ones, [Placed(5, 149), Placed(7, 1), Placed(900, 2)])
    assert found[:3] == [Placed(5, 149), Placed(7, 1), Placed(100, 100)]
    assert (len(found), found[-1]) == (50, Placed(147, 147))


def test_only_what_came_after_a_person_let_it_go_on_counts() -> None:
    days = {date(2026, 11, 23): Counts(resolved=400, bounced=48), date(2026, 11, 24): Counts(resolved=10)}
    base = breaker_counts.base_of(days, 3)
    assert base == {"2026-11-23": [400, 48, 0], "2026-11-24": [10, 0, 0], "first": [3]}
    assert breaker_counts.since(days, base) == Counts()
    later = {date(2026, 11, 24): Counts(resolved=30, bounced=2), date(2026, 11, 25): Counts(resolved=5)}
    assert breaker_counts.since(later, base) == Counts(resolved=25, bounced=2)
    assert breaker_counts.since(later, {}) == Counts(resolved=35, bounced=2)


@pytest.mark.parametrize(
    ("hit", "delivered", "abreast"),
    [
        pytest.param(None, None, True, id="no hits"),
        pytest.param(-5, -4, True, id="what was delivered since is known"),
        pytest.param(-5, -6, False, id="the deliveries come later"),
        pytest.param(-5, None, False, id="no delivery is known yet"),
        pytest.param(-15, None, True, id="nothing will be delivered any more"),
    ],
)
def test_hits_are_held_against_deliveries_that_are_known_as_far(
    hit: int | None, delivered: int | None, *, abreast: bool
) -> None:
    found = breaker_counts.are_abreast(
        hit_at=None if hit is None else MIDNIGHT + hit * MINUTE,
        delivered_at=None if delivered is None else MIDNIGHT + delivered * MINUTE,
        now=MIDNIGHT,
    )
    assert found is abreast
