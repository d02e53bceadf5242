from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.allowances import ALL, admitted, interleaved, shares, used


NAMES = ["apple", "gmail", "other", "yahoo"]
LEFT = st.dictionaries(st.sampled_from([ALL, *NAMES]), st.integers(0, 12))


@pytest.mark.parametrize(
    ("left", "providers", "expected"),
    [
        pytest.param({}, "ggy", [True, True, True], id="no cap"),
        pytest.param({ALL: 2}, "ggy", [True, True, False], id="the cap for all"),
        pytest.param(
            {"g": 1}, "ggy", [True, False, True], id="a capped provider does not hold up the others"
        ),
        pytest.param({ALL: 9, "g": 0}, "gyg", [False, True, False], id="a provider that is closed"),
        pytest.param({ALL: 0, "g": 5}, "gy", [False, False], id="the cap for all is the stronger"),
        pytest.param({ALL: 5}, "", [], id="nobody"),
    ],
)
def test_a_message_leaves_when_every_cap_above_it_admits_it(left, providers, expected) -> None:
    assert admitted(left, list(providers)) == expected


@given(LEFT, st.lists(st.sampled_from(NAMES), max_size=40))
def test_nothing_is_admitted_beyond_a_cap_and_nothing_waits_that_fits(left, providers) -> None:
    answers = admitted(left, providers)
    taken = used(provider for provider, fits in zip(providers, answers, strict=True) if fits)
    assert all(taken.get(key, 0) <= most for key, most in left.items())
    for provider, fits in zip(providers, answers, strict=True):
        full = [key for key in (ALL, provider) if key in left and taken.get(key, 0) == left[key]]
        assert fits or full


@pytest.mark.parametrize(
    ("limit", "weights", "left", "expected"),
    [
        pytest.param(10, {"g": 60, "y": 40}, {}, {"g": 6, "y": 4}, id="in proportion"),
        pytest.param(
            10, {"g": 60, "y": 40}, {"g": 0}, {"y": 10}, id="a closed provider's place goes to the others"
        ),
        pytest.param(
            10, {"g": 60, "y": 40}, {"g": 2}, {"g": 2, "y": 8}, id="and so does what a cap leaves over"
        ),
        pytest.param(10, {"g": 60, "y": 40}, {ALL: 5}, {"g": 3, "y": 2}, id="the cap for all is a limit"),
        pytest.param(10, {"g": 1_000_000, "y": 1}, {}, {"g": 10}, id="the limit is reached by the largest"),
        pytest.param(
            10, {"g": 1_000_000, "y": 0}, {"g": 9}, {"g": 9, "y": 1}, id="who may have nobody is asked"
        ),
        pytest.param(10, {"g": 5}, {ALL: 0}, {}, id="nothing is left"),
        pytest.param(2, {"a": 1, "b": 1, "c": 1}, {}, {"a": 1, "b": 1}, id="more providers than places"),
        pytest.param(10, {}, {}, {}, id="nobody is planned"),
    ],
)
def test_a_claim_is_cut_by_need_and_by_what_is_left(limit, weights, left, expected) -> None:
    assert shares(limit, weights, left) == expected


@given(st.integers(1, 60), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**6)), LEFT)
def test_shares_fill_the_limit_and_no_more(limit, weights, left) -> None:
    found = shares(limit, weights, left)
    assert sum(found.values()) <= min(limit, left.get(ALL, limit))
    assert all(0 < share <= left.get(provider, limit) for provider, share in found.items())
    room = sum(min(left.get(provider, limit), limit) for provider in weights)
    assert sum(found.values()) == min(limit, left.get(ALL, limit), room)


def test_a_message_takes_a_token_of_its_provider_and_one_of_all() -> None:
    assert used(["g", "y", "g"]) == {ALL: 3, "g": 2, "y": 1}


def test_groups_are_spread_evenly_over_the_whole() -> None:
    assert "".join(interleaved({"g": "gggggg", "y": "yyy", "a": "a"})) == "gyggyaggyg"


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.integers(), max_size=9)))
def test_merging_loses_nobody_and_keeps_each_groups_order(groups) -> None:
    merged = interleaved({name: [(name, item) for item in items] for name, items in groups.items()})
    assert Counter(merged) == Counter((name, item) for name, items in groups.items() for item in items)
    for name, items in groups.items():
        assert [item for owner, item in merged if owner == name] == items
