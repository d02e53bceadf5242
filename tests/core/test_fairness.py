"""Whose turn it is: the rule itself, and what comes of it when many senders share a rate, by simulation of events."""

import heapq
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import fairness, pacing
from core.fairness import ABSENCE, EXPRESS_SHARE, TESTS, Asker, Line, Place, Turn
from core.pacing import Account, Grant


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RATE = 90.0  # of an account with 100 a second
WINDOW = 22  # a quarter of a second's worth


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_line(*, virtual_time: float = 0, express_due_at: datetime = NOW, **turns: Turn) -> Line:
    """Tenants by name: a is 1, b is 2."""
    numbered = {"ab".index(name) + 1: turn for name, turn in turns.items()}
    return Line(virtual_time=virtual_time, express_due_at=express_due_at, turns=numbered)


def waiting(finish: float, *, back_at: datetime | None = NOW, campaign: int = 9, **place: object) -> Turn:
    return Turn(finish=finish, campaigns={campaign: Place(back_at=back_at, **place)})


A = Asker(tenant_id=1, campaign_id=5)
EXPRESS = Asker(tenant_id=1, campaign_id=TESTS, is_express=True)


@pytest.mark.parametrize(
    ("line", "asker", "ahead"),
    [
        pytest.param(a_line(), A, False, id="nobody waits"),
        pytest.param(a_line(a=Turn(finish=50), b=waiting(20)), A, True, id="a smaller tag"),
        pytest.param(a_line(a=Turn(finish=20), b=waiting(50)), A, False, id="a larger tag"),
        pytest.param(a_line(a=Turn(finish=20), b=waiting(20)), A, False, id="the same tag: who asks first"),
        pytest.param(
            a_line(virtual_time=60, a=Turn(finish=50), b=waiting(20)), A, False, id="nobody saves up turns"
        ),
        pytest.param(
            a_line(a=Turn(finish=50), b=waiting(20, back_at=None)), A, False, id="who is busy does not wait"
        ),
        pytest.param(
            a_line(a=Turn(finish=50), b=waiting(20, back_at=later(-1.1))), A, False, id="a dead asker"
        ),
        pytest.param(
            a_line(a=Turn(finish=50), b=waiting(20, back_at=later(3600))),
            A,
            False,
            id="a promise that a clock has left behind",
        ),
        pytest.param(
            a_line(b=waiting(50, is_express=True)), A, True, id="the express lane goes before any tag"
        ),
        pytest.param(
            a_line(express_due_at=later(1), b=waiting(50, is_express=True)), A, False, id="unless it is used"
        ),
        pytest.param(a_line(a=Turn(finish=50), b=waiting(20)), EXPRESS, False, id="and before all others"),
        pytest.param(
            a_line(a=Turn(finish=50), b=waiting(20, is_express=True)), EXPRESS, True, id="by tags on the lane"
        ),
        pytest.param(
            a_line(a=Turn(campaigns={5: Place(finish=30), 6: Place(finish=10, back_at=NOW)})),
            A,
            True,
            id="another campaign of the tenant with a smaller tag",
        ),
        pytest.param(
            a_line(
                a=Turn(finish=9, campaigns={5: Place(finish=30)}),
                b=waiting(9),
            ),
            A,
            False,
            id="campaigns are compared within a tenant only",
        ),
    ],
)
def test_who_is_ahead(line: Line, asker: Asker, *, ahead: bool) -> None:
    assert fairness.is_somebody_ahead(line, asker, NOW) is ahead


def test_a_grant_is_charged_by_weight_and_ends_the_wait() -> None:
    line = a_line(a=waiting(10, campaign=5), b=waiting(30))
    after = fairness.granted(line, Asker(tenant_id=1, campaign_id=5, weight=4), 20, RATE, NOW)
    assert after.turns[1] == Turn(finish=15, campaigns={5: Place(finish=20)})
    assert (after.virtual_time, after.express_due_at, after.turns[2]) == (10, NOW, line.turns[2])


def test_the_lane_moves_its_own_limiter_and_charges_the_tenant() -> None:
    after = fairness.granted(a_line(b=waiting(0)), EXPRESS, 18, RATE, NOW)
    assert (after.express_due_at, after.turns[1].finish) == (later(1), 18)


def test_who_is_refused_is_told_when_to_ask_again_the_first_in_line_first() -> None:
    rate_is_taken = Grant(count=0, wait=timedelta(milliseconds=200), held_by="rate")
    line = a_line(a=Turn(finish=50), b=waiting(20, back_at=later(0.2)))
    grant, after = fairness.decide(line, A, rate_is_taken, RATE, NOW)
    assert (grant.wait, after.turns[1].campaigns[5].back_at) == (timedelta(milliseconds=203), later(0.2))
    grant, after = fairness.decide(line, A, Grant(count=7), RATE, later(0.2))
    assert (grant.count, grant.held_by, grant.wait) == (0, "turn", timedelta(milliseconds=10))
    grant, _ = fairness.decide(after, Asker(tenant_id=2, campaign_id=9), Grant(count=7), RATE, later(0.2))
    assert grant.count == 7


def test_who_waits_for_something_else_holds_nobody_up() -> None:
    blocked = Grant(count=0, wait=timedelta(minutes=1), held_by="quota")
    _, after = fairness.decide(a_line(a=waiting(0, campaign=5)), A, blocked, RATE, NOW)
    assert after.turns[1].campaigns[5].back_at is None


@dataclass
class Sim:
    """Senders that share an account: each asks, waits as it is told, calls SES for a while, and asks again."""

    account: Account = field(
        default_factory=lambda: Account(
            max_send_rate=100, send_rate=100, max_24_hour_send=-1, sent_last_24_hours=0, due_at=NOW
        )
    )
    line: Line = field(default_factory=a_line)
    served: dict[tuple[int, int], int] = field(default_factory=dict)
    log: list[tuple[float, Asker, int, bool]] = field(default_factory=list)
    queue: list[tuple[float, int, Asker, float, float, float]] = field(default_factory=list)
    backlog: dict[tuple[int, int], int] = field(default_factory=dict)
    numbers: itertools.count = field(default_factory=itertools.count)

    def add(
        self,
        asker: Asker,
        *,
        messages: int = 10**9,
        at: float = 0,
        call: float = 0.1,
        late: float = 0,
        dies_at: float = 1e9,
    ) -> None:
        """A sender; it is always so late when it is told to be back, in seconds."""
        self.backlog[asker.tenant_id, asker.campaign_id] = messages
        heapq.heappush(self.queue, (at, next(self.numbers), asker, call, late, dies_at))

    def run(self, until: float) -> None:
        while self.queue and self.queue[0][0] < until:
            at, _, asker, call, late, dies_at = heapq.heappop(self.queue)
            key = asker.tenant_id, asker.campaign_id
            if at >= dies_at or not self.backlog[key]:
                continue
            wait = self.ask(at, asker, min(self.backlog[key], 100), key)
            back_at = at + wait + late if wait else at + call
            heapq.heappush(self.queue, (back_at, next(self.numbers), asker, call, late, dies_at))

    def ask(self, at: float, asker: Asker, wanted: int, key: tuple[int, int]) -> float:
        """Return how long to wait; nothing after a grant."""
        now = later(at)
        lane = asker.is_express and fairness.is_lane_open(self.line, now)
        granted, after = pacing.reserve(self.account, wanted, now)
        granted, self.line = fairness.decide(self.line, asker, granted, RATE, now)
        if not granted.count:
            return max(granted.wait.total_seconds(), 1e-6)
        self.account = after
        self.backlog[key] -= granted.count
        self.served[key] = self.served.get(key, 0) + granted.count
        self.log.append((at, asker, granted.count, lane))
        return 0

    def finished_at(self, asker: Asker) -> float:
        assert not self.backlog[asker.tenant_id, asker.campaign_id]
        return max(at for at, who, _, _ in self.log if who == asker)

    def of_tenant(self, tenant_id: int) -> int:
        return sum(count for (tenant, _), count in self.served.items() if tenant == tenant_id)


@pytest.mark.parametrize("senders", [1, 8, 40])
def test_a_thousand_behind_a_million_are_done_within_a_minute(senders: int) -> None:
    """F32; by turns alone, without the express lane, too."""
    for is_express in (True, False):
        sim = Sim()
        for number in range(senders):
            sim.add(Asker(tenant_id=1, campaign_id=number + 1))
        small = Asker(tenant_id=2, campaign_id=77, is_express=is_express)
        sim.add(small, messages=1_000, at=60, late=0.005)  # it never asks first
        sim.run(130)
        assert sim.finished_at(small) - 60 < 60


@settings(max_examples=40, deadline=None)
@given(
    weights=st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=2, max_size=4),
    senders=st.lists(st.integers(1, 4), min_size=4, max_size=4),
)
def test_backlogged_tenants_get_the_rate_by_weight_however_many_senders_they_have(weights, senders) -> None:
    """Normalised service differs by windows, not by minutes; and not a window of the rate is idle."""
    sim = Sim()
    for index, weight in enumerate(weights):
        for number in range(
            max(senders[index], 2)
        ):  # one alone is busy calling, and cannot take all of its share
            asker = Asker(tenant_id=index + 1, campaign_id=number + 1, weight=weight)
            sim.add(asker, at=number / 100, call=0.05)
    sim.run(60)
    service = [sim.of_tenant(index + 1) / weight for index, weight in enumerate(weights)]
    assert max(service) - min(service) <= 2 * WINDOW / min(weights)
    assert sum(sim.served.values()) >= 0.9 * RATE * 60


def test_campaigns_of_a_tenant_share_its_part() -> None:
    sim = Sim()
    for campaign_id in (1, 2, 3):
        sim.add(Asker(tenant_id=1, campaign_id=campaign_id))
    sim.add(Asker(tenant_id=2, campaign_id=1))
    sim.run(60)
    assert abs(sim.of_tenant(1) - sim.of_tenant(2)) <= 4 * WINDOW
    parts = [sim.served[1, campaign_id] for campaign_id in (1, 2, 3)]
    assert max(parts) - min(parts) <= 2 * WINDOW


def test_the_express_lane_takes_a_fifth_of_the_rate_and_one_window_at_most() -> None:
    sim = Sim()
    sim.add(Asker(tenant_id=1, campaign_id=1))
    for campaign_id in range(10, 20):
        sim.add(Asker(tenant_id=2, campaign_id=campaign_id, is_express=True), call=0.01)
    sim.run(60)
    lane = [(at, count) for at, _, count, is_lane in sim.log if is_lane]
    for index, (begins, _) in enumerate(lane):
        for end in range(index, len(lane), 7):
            taken = sum(count for _, count in lane[index : end + 1])
            assert taken <= EXPRESS_SHARE * RATE * (lane[end][0] - begins) + WINDOW + 1e-6
    assert abs(sim.of_tenant(1) - sim.of_tenant(2)) <= 4 * WINDOW, "what the lane gives is charged"


def test_a_dead_asker_costs_the_others_a_second_once() -> None:
    sim = Sim()
    sim.add(Asker(tenant_id=1, campaign_id=1), dies_at=10.2)
    sim.add(Asker(tenant_id=2, campaign_id=2), call=0.01)
    sim.add(Asker(tenant_id=3, campaign_id=3), call=0.01)
    sim.run(30)
    times = [at for at, *_ in sim.log]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps) <= ABSENCE.total_seconds() + 0.3
    assert sum(gap > 0.35 for gap in gaps) <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.booleans()), min_size=1, max_size=9))
def test_of_those_who_wait_one_at_least_is_not_refused(askers) -> None:
    line = a_line()
    everyone = [Asker(tenant_id=t, campaign_id=c, is_express=express) for t, c, express in askers]
    for number, asker in enumerate(everyone):
        line = fairness.granted(line, asker, number + 1, RATE, NOW)
    for asker in everyone:
        _, line = fairness.decide(
            line, asker, Grant(count=0, wait=timedelta(0), held_by="rate"), RATE, later(2)
        )
    latest = {(asker.tenant_id, asker.campaign_id): asker for asker in everyone}
    assert not all(fairness.is_somebody_ahead(line, asker, later(2)) for asker in latest.values())
