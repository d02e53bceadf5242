"""Breakers: the measured table of the rule, what it must never do, and the sentences that tell a person why."""

import random
from dataclasses import replace
from datetime import timedelta
from functools import cache, reduce
from itertools import accumulate, count
from math import exp, log, log1p
from operator import add
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import breakers
from core.breakers import Counts, Level, Scope, Signal


@cache
def latest(limit: float, messages: int) -> list[int]:
    """Return, for each k, the last n at which k hits trip: later they are too few."""
    last = [0]
    for hits in range(1, breakers.fewest_hits(messages, limit) + 1):
        low, high = last[-1], messages
        while low < high:
            middle = (low + high + 1) // 2
            enough = breakers.fewest_hits(middle, limit)
            low, high = (middle, high) if enough is not None and enough <= hits else (low, middle - 1)
        last.append(low)
    return last


def tripped_at(rng: random.Random, share: float, limit: float, messages: int) -> int | None:
    """Send until the breaker trips. Evidence falls between hits, so that only hits can trip it."""
    last, resolved = latest(limit, messages), 0
    for hits in count(1):
        resolved += 1 + int(log(1.0 - rng.random()) / log1p(-share))
        if resolved > messages:
            return None
        if hits >= len(last) or resolved <= last[hits]:
            return resolved
    raise AssertionError("the messages have an end")


def simulated(share: float, limit: float, messages: int, paths: int) -> tuple[float, float | None]:
    """Return how many of all senders were tripped, and after how many messages half of those were."""
    rng = random.Random(20261124)
    found = [tripped_at(rng, share, limit, messages) for _ in range(paths)]
    tripped = [at for at in found if at is not None]
    return len(tripped) / paths, median(tripped) if tripped else None


@pytest.mark.parametrize(
    ("share", "tripped", "after"),
    [
        pytest.param(0.02, 0.0, None, id="2 %: good"),
        pytest.param(0.04, 0.0, None, id="4 %: within the limit"),
        pytest.param(0.05, 0.0, None, id="5 %: at the limit"),
        pytest.param(0.08, 1.0, 945, id="8 %"),
        pytest.param(0.10, 1.0, 365, id="10 %: a bad list is stopped by 400"),
        pytest.param(0.20, 1.0, 52, id="20 %"),
    ],
)
def test_the_rule_on_bounces_does_what_was_measured(share: float, tripped: float, after: int | None) -> None:
    """The table of the rule: limit 5 %, 5,000 messages; 2,000 senders, of whom at the limit two may be tripped."""
    found, half = simulated(share, 0.05, 5_000, 2_000)
    assert found == pytest.approx(tripped, abs=0.001)
    if after is not None:
        assert half == pytest.approx(after, rel=0.08)


@pytest.mark.parametrize(
    ("share", "tripped", "after"),
    [
        pytest.param(0.0005, 0.0, None, id="0.05 %: good"),
        pytest.param(0.0008, 0.0, None, id="0.08 %: within the limit"),
        pytest.param(0.001, 0.0, None, id="0.1 %: at the limit"),
        pytest.param(0.002, 0.487, 11_980, id="0.2 %: rare events are slow"),
        pytest.param(0.003, 0.997, 5_521, id="0.3 %"),
        pytest.param(0.005, 1.0, 1_863, id="0.5 %"),
    ],
)
def test_the_rule_on_complaints_does_what_was_measured(
    share: float, tripped: float, after: int | None
) -> None:
    """Limit 0.1 %, 20,000 messages. The measurement was of 300 senders, so that a share is known to within 0.08."""
    found, half = simulated(share, 0.001, 20_000, 2_000)
    assert found == pytest.approx(tripped, abs=0.001 if tripped in (0.0, 1.0) else 0.08)
    if after is not None:
        assert half == pytest.approx(after, rel=0.12)


@pytest.mark.parametrize(
    ("limit", "resolved", "hits"),
    [
        (0.05, 10, 5),
        (0.05, 20, 7),
        (0.05, 50, 11),
        (0.05, 100, 17),
        (0.05, 200, 25),
        (0.05, 500, 48),
        (0.05, 1_000, 82),
        (0.001, 10, 4),
        (0.001, 50, 4),
        (0.001, 100, 5),
        (0.001, 500, 6),
        (0.001, 1_000, 8),
        (0.001, 5_000, 17),
        (0.001, 20_000, 41),
    ],
)
def test_the_smallest_number_that_trips(limit: float, resolved: int, hits: int) -> None:
    assert breakers.fewest_hits(resolved, limit) == hits


def test_so_few_messages_that_nothing_trips() -> None:
    assert breakers.fewest_hits(3, 0.05) is None


def test_a_list_of_12_per_cent_bounces_is_stopped_by_400_resolved_mails() -> None:
    """F33, the rule: tenant A is stopped, and nothing of tenant B's is read."""
    share, half = simulated(0.12, 0.05, 5_000, 500)
    assert (share, half < 400) == (1.0, True)
    found = breakers.judge(Counts(resolved=400, bounced=48), Scope.TENANT)
    assert (found.level, found.pace) == (Level.TRIP, 0.0)


def test_two_bounces_of_twenty_are_shown_and_stop_nothing() -> None:
    """F34: 10 %, but of twenty; E stays far below a thousand."""
    found = breakers.judge(Counts(resolved=20, bounced=2), Scope.CAMPAIGN)
    assert (found.level, found.pace) == (Level.WARN, 1.0)
    assert exp(found.log_evidence) < 2


@pytest.mark.parametrize(
    ("scope", "counts", "level", "signal", "why"),
    [
        pytest.param(
            Scope.CAMPAIGN, Counts(), Level.CLEAR, Signal.BOUNCE,
            "Clear: 0 of 0 bounced hard (0.00%; limit 5.00%); evidence 1.0 of 1,000.", id="nothing known",
        ),
        pytest.param(
            Scope.CAMPAIGN, Counts(resolved=20, bounced=2), Level.WARN, Signal.BOUNCE,
            "Shown as a warning: 2 of 20 bounced hard (10.00%; limit 5.00%); evidence 0.9 of 1,000.", id="few",
        ),
        pytest.param(
            Scope.CAMPAIGN, Counts(resolved=1, bounced=1), Level.CLEAR, Signal.BOUNCE,
            "Clear: 1 of 1 bounced hard (100.00%; limit 5.00%); evidence 4.3 of 1,000.", id="one is an accident",
        ),
        pytest.param(
            Scope.TENANT, Counts(resolved=400, bounced=20), Level.SLOW, Signal.BOUNCE,
            "Slowed to a quarter: 20 of 400 bounced hard (5.00%; limit 2.00%); evidence 189.1 of 100.", id="slowed",
        ),
        pytest.param(
            Scope.TENANT, Counts(resolved=200, bounced=25), Level.TRIP, Signal.BOUNCE,
            "Stopped: 25 of 200 bounced hard (12.50%; limit 5.00%); evidence 1,166.1 of 1,000.", id="stopped",
        ),
        pytest.param(
            Scope.TENANT, Counts(resolved=2_000, bounced=1_000), Level.TRIP, Signal.BOUNCE,
            "Stopped: 1,000 of 2,000 bounced hard (50.00%; limit 5.00%); evidence 10^721 of 1,000.", id="certain",
        ),
        pytest.param(
            Scope.CAMPAIGN, Counts(resolved=3_000, complained=4, complained_of_first=4), Level.TRIP, Signal.COMPLAINT,
            "Stopped: 4 of the first 50 complained; 4 are enough.", id="the first fifty",
        ),
        pytest.param(
            Scope.CAMPAIGN, Counts(resolved=40, complained=4), Level.TRIP, Signal.COMPLAINT,
            "Stopped: 4 of 40 complained (10.00%; limit 0.10%); evidence 1,571.3 of 1,000.", id="four of forty",
        ),
        pytest.param(
            Scope.CAMPAIGN, Counts(resolved=1, complained=2), Level.WARN, Signal.COMPLAINT,
            "Shown as a warning: 2 of 2 complained (100.00%; limit 0.10%); evidence 28.1 of 1,000.",
            id="complaints that overtook their deliveries",
        ),
        pytest.param(
            Scope.TENANT_AT_PROVIDER, Counts(resolved=5_000, complained=17), Level.TRIP, Signal.COMPLAINT,
            "Stopped: 17 of 5,000 complained (0.34%; limit 0.10%); evidence 1,700.8 of 1,000.", id="complaints",
        ),
        pytest.param(
            Scope.ACCOUNT, Counts(resolved=50_000, bounced=2_400), Level.TRIP, Signal.BOUNCE,
            "Stopped: 2,400 of 50,000 bounced hard (4.80%; limit 4.00%); evidence 10^15 of 1,000.", id="account",
        ),
    ],
)  # fmt: skip
def test_a_verdict_says_why_in_numbers(
    scope: Scope, counts: Counts, level: Level, signal: Signal, why: str
) -> None:
    found = breakers.judge(counts, scope)
    assert (found.level, found.signal, found.why) == (level, signal, why)


def test_the_account_stops_before_amazon_reviews_it() -> None:
    """4.9 % is fine for a tenant's breaker and not for the account's."""
    counts = Counts(resolved=200_000, bounced=9_800)
    assert breakers.judge(counts, Scope.TENANT).level is Level.SLOW
    assert breakers.judge(counts, Scope.ACCOUNT).level is Level.TRIP


def test_first_complaints_of_several_campaigns_are_not_those_of_one() -> None:
    """Each of four campaigns had one among its first fifty: for the tenant together that says nothing."""
    counts = reduce(add, [Counts(resolved=5_000, complained=1, complained_of_first=1)] * 4)
    assert breakers.judge(counts, Scope.TENANT).level is Level.CLEAR


hits = st.integers(0, 400)
messages = st.integers(0, 20_000)
limits = st.sampled_from([0.0005, 0.0008, 0.001, 0.02, 0.04, 0.05])


@given(hits, messages, limits)
def test_one_more_hit_among_as_many_is_more_evidence(k: int, n: int, limit: float) -> None:
    n = max(n, k + 1)
    assert breakers.log_evidence(k + 1, n, limit) > breakers.log_evidence(k, n, limit)


@given(hits, messages, limits)
def test_one_more_delivery_is_less_evidence(k: int, n: int, limit: float) -> None:
    n = max(n, k)
    assert breakers.log_evidence(k, n + 1, limit) < breakers.log_evidence(k, n, limit)


@given(messages, limits)
def test_evidence_is_fair_at_the_limit(n: int, limit: float) -> None:
    """Ville's inequality rests on this: one more message changes E by nothing, on average, at the limit itself."""
    k = round(n * limit * 1.3)
    now = breakers.log_evidence(k, n, limit)
    hit = limit * exp(breakers.log_evidence(k + 1, n + 1, limit) - now)
    missed = (1 - limit) * exp(breakers.log_evidence(k, n + 1, limit) - now)
    assert hit + missed == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_a_sender_at_the_limit_is_ever_tripped_in_alpha_of_the_cases(alpha: float) -> None:
    """Ville's bound, where it is not too small to be seen: 2,000 senders, asked after each of 2,000 messages."""
    rng, limit, tripped = random.Random(7), 0.05, 0
    bound = [breakers.fewest_hits(n, limit, alpha=alpha) or n + 1 for n in range(2_001)]
    for _ in range(2_000):
        counts = accumulate(rng.random() < limit for _ in range(2_000))
        tripped += any(k >= bound[n] for n, k in enumerate(counts, 1))
    assert 0 < tripped / 2_000 <= alpha


events = st.lists(
    st.sampled_from(
        [Counts(resolved=1), Counts(resolved=1, bounced=1), Counts(complained=1), Counts(resolved=1)]
    ),
    max_size=200,
)


@given(events, st.randoms(use_true_random=False), st.sampled_from(Scope))
def test_the_order_of_the_events_does_not_matter(
    happened: list[Counts], rng: random.Random, scope: Scope
) -> None:
    other = rng.sample(happened, len(happened))
    first = breakers.judge(reduce(add, happened, Counts()), scope)
    assert breakers.judge(reduce(add, other, Counts()), scope) == first


@given(
    st.builds(Counts, resolved=messages, bounced=hits, complained=st.integers(0, 60)),
    st.sampled_from(["bounced", "complained", "complained_of_first"]),
    st.integers(1, 30),
    st.sampled_from(Scope),
)
def test_more_hits_never_give_a_milder_verdict(counts: Counts, what: str, more: int, scope: Scope) -> None:
    counts = replace(counts, resolved=max(counts.resolved, counts.bounced + more, counts.complained + more))
    worse = replace(counts, **{what: getattr(counts, what) + more})
    assert breakers.judge(worse, scope).level >= breakers.judge(counts, scope).level


@pytest.mark.parametrize(
    ("audience", "size"),
    [(0, 0), (150, 150), (200, 200), (20_000, 200), (20_001, 201), (1_000_000, 10_000)],
)
def test_the_vanguard_is_two_hundred_or_one_in_a_hundred(audience: int, size: int) -> None:
    assert breakers.vanguard_size(audience) == size


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("sent", "resolved", "waited", "room"),
    [
        pytest.param(0, 0, 0 * MINUTES, 300, id="nobody has left"),
        pytest.param(280, 250, 0 * MINUTES, 20, id="the rest of it"),
        pytest.param(300, 269, 29 * MINUTES, 0, id="waiting"),
        pytest.param(300, 270, 0 * MINUTES, None, id="nine in ten are known"),
        pytest.param(300, 0, 30 * MINUTES, None, id="half an hour is enough"),
    ],
)
def test_a_campaign_waits_for_its_vanguard(
    sent: int, resolved: int, waited: timedelta, room: int | None
) -> None:
    found = breakers.vanguard(audience=30_000, sent=sent, resolved=resolved, waited=waited)
    assert (found.room, found.is_over) == (room, room is None)


def test_a_campaign_that_is_its_own_vanguard_waits_for_nothing() -> None:
    assert breakers.vanguard(audience=150, sent=150, resolved=0, waited=timedelta(0)).is_over


def test_a_vanguard_says_what_it_waits_for() -> None:
    found = breakers.vanguard(audience=30_000, sent=300, resolved=100, waited=MINUTES)
    assert found.why == "Waiting for the first 300: 100 are known."
