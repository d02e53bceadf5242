"""The warm-up controller: every rule with its numbers, and the laws that hold for all days."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import warmup_controller as controller
from core.warmup_controller import FLOOR, Pace, ProviderDay, Tally


def a_tally(**changes: int) -> Tally:
    """A full and welcome day at a cap of 1,600."""
    return Tally(**{"accepted": 1_600, "delivered": 1_590, "hard_bounced": 10} | changes)


def a_day(*, block: str = "", spam_rate: float | None = None, engagement: float | None = None, **counts: int):
    return ProviderDay(tally=a_tally(**counts), block=block, spam_rate=spam_rate, engagement=engagement)


def a_full_day(cap: int) -> ProviderDay:
    return ProviderDay(tally=Tally(accepted=cap, delivered=cap))


AT_1600 = Pace(cap=1_600)

RULES = [
    pytest.param(AT_1600, a_day(), "grow", 3_200, id="a full and welcome day"),
    pytest.param(AT_1600, a_day(accepted=1_280, delivered=1_280), "grow", 3_200, id="80 % used is used"),
    pytest.param(AT_1600, a_day(accepted=1_279, delivered=1_279), "hold_unused", 1_600, id="less is not"),
    pytest.param(AT_1600, a_day(complained=1), "grow", 3_200, id="one complaint"),
    pytest.param(AT_1600, a_day(complained=4), "hold", 1_600, id="more than 0.1 % complain, almost surely"),
    pytest.param(AT_1600, a_day(complained=10), "step_back", 954, id="more than 0.3 % complain"),
    pytest.param(AT_1600, a_day(delivered=1_568, hard_bounced=32), "grow", 3_200, id="2 % bounce, or a little less"),
    pytest.param(AT_1600, a_day(delivered=1_560, hard_bounced=40), "hold", 1_600, id="2.5 % bounce"),
    pytest.param(AT_1600, a_day(delivered=1_490, hard_bounced=110), "step_back", 894, id="6.9 % bounce"),
    pytest.param(AT_1600, a_day(delayed=100), "hold", 1_600, id="6 % delayed"),
    pytest.param(AT_1600, a_day(delivered=1_190, delayed=400), "step_back", 714, id="25 % delayed"),
    pytest.param(AT_1600, a_day(block="gmail_rate"), "step_back", 954, id="a block, on the best of days"),
    pytest.param(AT_1600, a_day(spam_rate=0.003), "step_back", 954, id="the provider itself reports 0.3 % spam"),
    pytest.param(AT_1600, a_day(spam_rate=0.001), "hold", 1_600, id="the provider itself reports 0.1 % spam"),
    pytest.param(AT_1600, a_day(spam_rate=0.0009), "grow", 3_200, id="the provider reports less"),
    pytest.param(AT_1600, a_day(engagement=0.59), "hold", 1_600, id="readers turn away"),
    pytest.param(AT_1600, a_day(engagement=0.6), "grow", 3_200, id="readers act as ever, nearly"),
    pytest.param(AT_1600, a_day(delivered=0, hard_bounced=0), "hold_unknown", 1_600, id="no events: nobody climbs blindly"),
    pytest.param(AT_1600, a_day(delivered=1_439), "hold_unknown", 1_600, id="less than 90 % known to be delivered"),
    pytest.param(AT_1600, a_day(accepted=0, delivered=0, hard_bounced=0), "quiet", 1_600, id="a day off"),
    pytest.param(AT_1600, a_day(accepted=15, delivered=15, hard_bounced=0), "quiet", 1_600, id="a test is no day"),
    pytest.param(AT_1600, a_day(accepted=16, delivered=16, hard_bounced=0), "hold_unused", 1_600, id="one in a hundred"),
    pytest.param(
        AT_1600, a_day(accepted=0, delivered=0, hard_bounced=0, block="yahoo_volume"), "step_back", 960,
        id="a block on a day off",
    ),
    pytest.param(
        AT_1600, a_day(accepted=20, delivered=8, hard_bounced=12), "step_back", 384,
        id="twelve of twenty bounce: the share that was taken counts",
    ),
    pytest.param(
        AT_1600, a_day(delivered=0, hard_bounced=0, complained=3), "hold", 1_600,
        id="complaints of messages whose deliveries nobody knows",
    ),
    pytest.param(
        Pace(cap=1_600, unjudged=Tally(accepted=90, delivered=90)), a_day(block="gmail_rate"), "step_back", 954,
        id="a block, after small days",
    ),
    pytest.param(Pace(cap=60), ProviderDay(tally=Tally(accepted=60, delayed=60)), "step_back", 50, id="the floor"),
    pytest.param(Pace(cap=30), ProviderDay(tally=Tally(accepted=30, delayed=30)), "step_back", 30, id="below the floor"),
    pytest.param(Pace(cap=1_600, hold_days=1), a_day(), "hold_after_step_back", 1_600, id="after a step back"),
    pytest.param(Pace(cap=10_000), a_full_day(10_000), "grow", 15_000, id="x1.5 from 10,000"),
    pytest.param(Pace(cap=50_000), a_full_day(50_000), "grow", 65_000, id="x1.3 from 50,000"),
    pytest.param(Pace(cap=100_000), a_full_day(100_000), "grow", 120_000, id="x1.2 from 100,000"),
    pytest.param(Pace(cap=1_600, threshold=2_500), a_day(), "grow", 2_500, id="not over the threshold at once"),
    pytest.param(Pace(cap=1_600, threshold=1_700), a_day(), "grow", 2_000, id="but with care"),
    pytest.param(Pace(cap=1_600, threshold=1_000), a_day(), "grow", 2_000, id="above it x1.25"),
    pytest.param(Pace(cap=150_000, threshold=1_000), a_full_day(150_000), "grow", 180_000, id="never more than without"),
    pytest.param(Pace(cap=controller.TOP), a_full_day(controller.TOP), "grow", 10_000_000, id="the top"),
]  # fmt: skip


@pytest.mark.parametrize(("pace", "day", "rule", "cap"), RULES)
def test_the_next_cap_follows_from_the_day(pace: Pace, day: ProviderDay, rule: str, cap: int) -> None:
    decision = controller.decide(pace, day)
    assert (decision.rule, decision.cap) == (rule, cap)


@pytest.mark.parametrize(
    ("cap", "goal", "rule", "after"),
    [
        pytest.param(1_600, 2_000, "grow", 2_400, id="a fifth above the goal"),
        pytest.param(2_400, 2_000, "at_goal", 2_400, id="there it stays"),
        pytest.param(2_000, 1_700, "grow", 2_040, id="used, as far as anything is wanted"),
        pytest.param(2_100, 1_900, "grow", 2_280, id="80 % of what is wanted is used"),
        pytest.param(2_400, 1_000, "at_goal", 2_400, id="a goal that shrank lowers nothing"),
    ],
)
def test_a_cap_grows_to_a_fifth_above_the_goal(cap: int, goal: int, rule: str, after: int) -> None:
    decision = controller.decide(Pace(cap=cap), a_day(), goal=goal)
    assert (decision.rule, decision.cap) == (rule, after)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        pytest.param(a_day(), "Raised from 1,600 to 3,200: 1,600 were sent and welcome.", id="grown"),
        pytest.param(
            a_day(complained=10),
            "Lowered from 1,600 to 954: complaints 0.63% (10 of 1,590), above 0.3% with 92.4% certainty.",
            id="back",
        ),
        pytest.param(
            a_day(delivered=1_560, hard_bounced=40),
            "Stays at 1,600: hard bounces 2.50% (40 of 1,600), above 2.0% with 90.6% certainty.",
            id="held",
        ),
        pytest.param(
            a_day(block="gmail_rate"),
            "Lowered from 1,600 to 954: the provider blocks: gmail_rate.",
            id="blocked",
        ),
        pytest.param(
            a_day(spam_rate=0.0015), "Stays at 1,600: the provider reports 0.15% spam.", id="reported"
        ),
        pytest.param(
            a_day(engagement=0.4), "Stays at 1,600: readers act on 40% of the usual.", id="turned away"
        ),
        pytest.param(
            a_day(accepted=100, delivered=100, hard_bounced=0),
            "Stays at 1,600: 100 of 1,600 were used, less than 80 %.",
            id="unused",
        ),
        pytest.param(
            a_day(delivered=1_000),
            "Stays at 1,600: only 1,000 of 1,600 are known to be delivered, less than 90 %.",
            id="unknown",
        ),
        pytest.param(
            a_day(accepted=0, delivered=0, hard_bounced=0),
            "Stays at 1,600: 1 quiet days in a row.",
            id="quiet",
        ),
    ],
)
def test_a_decision_says_why_in_numbers(day: ProviderDay, why: str) -> None:
    assert controller.decide(AT_1600, day).why == why


def test_a_decision_is_kept_with_its_evidence() -> None:
    found = controller.decide(AT_1600, a_day(block="gmail_rate")).as_json()
    assert found == {
        "rule": "step_back",
        "cap_before": 1_600,
        "cap": 954,
        "evidence": {
            "accepted": 1_600, "delivered": 1_590, "hard_bounced": 10, "delayed": 0, "complained": 0,
        },
        "why": "Lowered from 1,600 to 954: the provider blocks: gmail_rate.",
    }  # fmt: skip


def test_after_a_step_back_two_days_stay_and_the_threshold_is_approached_with_care() -> None:
    refused = ProviderDay(tally=Tally(accepted=8_000, delivered=5_000, delayed=3_000))
    decision, caps = controller.decide(Pace(cap=8_000), refused), []
    assert decision.pace == Pace(cap=3_000, threshold=4_500, hold_days=2)
    for _ in range(6):
        decision = controller.decide(decision.pace, a_full_day(decision.cap))
        caps.append(decision.cap)
    assert caps == [3_000, 3_000, 4_500, 5_625, 7_031, 8_788]


def test_small_days_are_put_together_until_they_say_something() -> None:
    """Sixty messages a day at a cap of 60: three days are 180 delivered ones."""
    pace, rules = Pace(cap=60), []
    for _ in range(4):
        decision = controller.decide(pace, a_full_day(60))
        pace = decision.pace
        rules.append(decision.rule)
    assert rules == ["hold_unknown", "hold_unknown", "grow", "hold_unused"]


def test_a_step_back_forgets_the_small_days_before() -> None:
    """They are what led to it; to judge them once more would be to punish twice."""
    pace = Pace(cap=100, unjudged=Tally(accepted=100, delivered=100, complained=3))
    decision = controller.decide(pace, ProviderDay(tally=Tally(accepted=100, delivered=98, complained=2)))
    assert (decision.rule, decision.pace.unjudged) == ("step_back", Tally())


def test_complaints_of_small_days_are_put_together_too() -> None:
    """One complaint among 100 is chance, and so is another on the next day; both together are worth waiting for."""
    day = ProviderDay(tally=Tally(accepted=100, delivered=100, complained=1))
    first = controller.decide(Pace(cap=100), day)
    second = controller.decide(first.pace, day)
    assert (first.rule, second.rule) == ("hold_unknown", "hold")
    assert second.judged == Tally(accepted=200, delivered=200, complained=2)


@pytest.mark.parametrize(
    ("known", "cap"),
    [
        pytest.param(0, 200, id="unknown"),
        pytest.param(800, 200, id="hardly known"),
        pytest.param(4_000, 1_000, id="a quarter"),
        pytest.param(1_000_000, 20_000, id="never more than 20,000"),
    ],
)
def test_a_known_domain_starts_at_a_quarter_of_its_volume(known: int, cap: int) -> None:
    assert controller.start(known) == Pace(cap=cap)


@pytest.mark.parametrize(
    ("cap", "days", "after"),
    [
        pytest.param(10_000, 7, 10_000, id="a week is nothing"),
        pytest.param(10_000, 8, 9_000, id="the eighth day"),
        pytest.param(10_000, 14, 4_782, id="two weeks"),
        pytest.param(10_000, 29, 1_000, id="four weeks"),
        pytest.param(10_000, 365, 1_000, id="a year"),
        pytest.param(1_000, 365, 200, id="not less than a new domain begins with"),
        pytest.param(120, 365, 120, id="nor more than it had"),
    ],
)
def test_receivers_forget_within_a_month(cap: int, days: int, after: int) -> None:
    assert controller.rest(Pace(cap=cap), days).cap == after


def test_a_day_of_sending_ends_the_rest_and_keeps_what_is_left() -> None:
    rested = controller.rest(Pace(cap=10_000), 14)
    assert controller.decide(rested, a_full_day(4_782)).pace == Pace(cap=9_564)


def test_the_smallest_of_several_caps_holds() -> None:
    assert controller.binding({"domain": 8_000, "pool": 3_000, "edge": 5_000}) == ("pool", 3_000)


def test_a_good_month_reaches_a_hundred_thousand() -> None:
    pace, caps = controller.start(), []
    while pace.cap < 100_000:
        pace = controller.decide(pace, a_full_day(pace.cap)).pace
        caps.append(pace.cap)
    assert caps == [400, 800, 1_600, 3_200, 6_400, 12_800, 19_200, 28_800, 43_200, 64_800, 84_240, 109_512]


tallies = st.builds(
    Tally,
    accepted=st.integers(0, 5_000),
    delivered=st.integers(0, 300) | st.integers(0, 5_000),
    hard_bounced=st.integers(0, 12) | st.integers(0, 1_000),
    delayed=st.integers(0, 25) | st.integers(0, 1_000),
    complained=st.integers(0, 6) | st.integers(0, 100),
)
days = st.builds(
    ProviderDay,
    tally=tallies,
    block=st.sampled_from(["", "", "", "gmail_rate"]),
    spam_rate=st.none() | st.sampled_from([0.0, 0.0009, 0.001, 0.002, 0.003, 0.01]),
    engagement=st.none() | st.sampled_from([0.0, 0.59, 0.6, 1.0]),
)
paces = st.builds(
    Pace,
    cap=st.sampled_from([20, 50, 60, 200, 1_000, 4_000, 5_000, 9_999, 60_000]),
    threshold=st.none() | st.integers(FLOOR, 6_000),
    hold_days=st.integers(0, 2),
    quiet_days=st.just(0),
    unjudged=st.just(Tally()) | st.builds(Tally, accepted=st.integers(0, 220), delivered=st.integers(0, 143),
                                          complained=st.integers(0, 3)),
) | st.builds(lambda cap, days: controller.rest(Pace(cap=cap), days), st.integers(50, 6_000), st.integers(1, 60))  # fmt: skip
goals = st.none() | st.integers(0, 20_000)


def full(day: ProviderDay, pace: Pace) -> ProviderDay:
    """The same day, had it been sent in full and delivered nearly so."""
    bad = min(day.tally.hard_bounced, pace.cap // 10)
    counts = {"accepted": pace.cap, "delivered": pace.cap - bad, "hard_bounced": bad}
    return replace(day, tally=replace(day.tally, **counts))


all_days = st.tuples(paces, days).flatmap(
    lambda both: st.sampled_from([both, (both[0], full(both[1], both[0]))])
)


@given(all_days, goals)
def test_the_cap_never_rises_after_a_red_day(both: tuple[Pace, ProviderDay], goal: int | None) -> None:
    pace, day = both
    decision = controller.decide(pace, day, goal=goal)
    if decision.rule != "grow":
        assert decision.cap <= pace.cap
    if day.block or (day.spam_rate or 0) >= 0.003:
        assert decision.rule == "step_back"
    if decision.cap > pace.cap:
        tally = pace.unjudged + day.tally
        assert tally.delivered >= max(144, 0.9 * tally.accepted)
        assert day.tally.accepted >= 0.8 * min(pace.cap, pace.cap if goal is None else goal)
        assert (day.spam_rate or 0.0) < 0.001
        assert decision.cap <= 2 * pace.cap


@given(all_days, goals, st.sampled_from(["hard_bounced", "delayed", "complained"]), st.integers(1, 400))
@example((Pace(cap=150), ProviderDay(tally=Tally(accepted=150, delivered=143))), None, "hard_bounced", 1)
@example((Pace(cap=5_000), ProviderDay(tally=Tally(accepted=10, delivered=10))), None, "delayed", 5)
def test_more_evidence_against_a_domain_never_gives_a_larger_cap(
    both: tuple[Pace, ProviderDay], goal: int | None, against: str, more: int
) -> None:
    pace, day = both
    worse = replace(day, tally=replace(day.tally, **{against: getattr(day.tally, against) + more}))
    assert controller.decide(pace, worse, goal=goal).cap <= controller.decide(pace, day, goal=goal).cap


@given(all_days, goals, st.integers(1, 400))
def test_a_message_that_bounced_in_place_of_being_delivered_never_gives_a_larger_cap(
    both: tuple[Pace, ProviderDay], goal: int | None, more: int
) -> None:
    pace, day = both
    moved = min(more, day.tally.delivered)
    tally = replace(
        day.tally, delivered=day.tally.delivered - moved, hard_bounced=day.tally.hard_bounced + moved
    )
    worse = replace(day, tally=tally)
    assert controller.decide(pace, worse, goal=goal).cap <= controller.decide(pace, day, goal=goal).cap


@given(
    all_days,
    goals,
    st.sampled_from([{"block": "x"}, {"spam_rate": 0.002}, {"spam_rate": 0.02}, {"engagement": 0.1}]),
)
def test_a_worse_word_of_the_provider_never_gives_a_larger_cap(
    both: tuple[Pace, ProviderDay], goal: int | None, word: dict[str, float]
) -> None:
    pace, day = both
    better = replace(day, block="", spam_rate=None, engagement=None)
    decisions = [controller.decide(pace, one, goal=goal) for one in (replace(better, **word), better)]
    assert decisions[0].cap <= decisions[1].cap


@given(paces, st.lists(days, max_size=12), goals)
def test_a_restart_changes_nothing(pace: Pace, month: list[ProviderDay], goal: int | None) -> None:
    """A process that forgets everything between two days, and one that never stops, decide the same."""
    straight = stored = pace
    for day in month:
        straight = controller.decide(straight, day, goal=goal).pace
        column = json.dumps(stored.as_json())
        stored = controller.decide(Pace.from_json(json.loads(column)), day, goal=goal).pace
    assert stored == straight


@given(st.integers(1, 10**6), st.integers(1, 40), st.integers(1, 40))
def test_resting_twice_is_resting_once_for_as_long(cap: int, first: int, second: int) -> None:
    pace = Pace(cap=cap)
    assert controller.rest(controller.rest(pace, first), second) == controller.rest(pace, first + second)


@given(st.integers(1, 10**6), st.integers(1, 60))
def test_a_longer_rest_never_leaves_more(cap: int, days: int) -> None:
    pace = Pace(cap=cap)
    assert controller.rest(pace, days + 1).cap <= controller.rest(pace, days).cap <= cap
