"""The gates of the warm-up: a few messages prove nothing, many prove much, and worse is never better."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.warmup_gates import GATES, Gate, Sign, chance_above, incomplete_beta, opened


COMPLAINTS, BOUNCES, DELAYS = GATES


@pytest.mark.parametrize(
    ("gate", "hits", "messages", "opens"),
    [
        pytest.param(COMPLAINTS, 0, 0, [], id="nothing is known"),
        pytest.param(COMPLAINTS, 0, 200, [], id="200 welcome messages"),
        pytest.param(COMPLAINTS, 1, 200, [], id="one complaint in 200 is not 0.5 %"),
        pytest.param(COMPLAINTS, 2, 200, ["hold"], id="two are worth waiting for"),
        pytest.param(COMPLAINTS, 5, 200, ["hold", "back"], id="five are not chance"),
        pytest.param(COMPLAINTS, 4, 50, ["hold", "back"], id="nor are four of fifty"),
        pytest.param(COMPLAINTS, 11, 10_000, [], id="0.11 % of 10,000 may be 0.1 %"),
        pytest.param(COMPLAINTS, 14, 10_000, ["hold"], id="0.14 % of 10,000 is more"),
        pytest.param(COMPLAINTS, 40, 10_000, ["hold", "back"], id="0.4 % of 10,000"),
        pytest.param(COMPLAINTS, 105, 100_000, [], id="0.105 % of 100,000"),
        pytest.param(COMPLAINTS, 110, 100_000, ["hold"], id="0.11 % of 100,000 is more than 0.1 %"),
        pytest.param(BOUNCES, 1, 20, [], id="one bounce in 20 is not 5 %"),
        pytest.param(BOUNCES, 4, 200, [], id="2 % of 200 may be less"),
        pytest.param(BOUNCES, 8, 200, ["hold"], id="4 % of 200 is more than 2 %"),
        pytest.param(BOUNCES, 20, 200, ["hold", "back"], id="10 % of 200"),
        pytest.param(BOUNCES, 5, 5, ["hold", "back"], id="five of five"),
        pytest.param(DELAYS, 15, 200, ["hold"], id="7.5 % of 200 hesitate"),
        pytest.param(DELAYS, 40, 200, ["hold", "back"], id="20 % of 200"),
        pytest.param(DELAYS, 7, 5, ["hold", "back"], id="more delays than messages are all of them"),
    ],
)
def test_a_gate_opens_when_chance_no_longer_explains_it(
    gate: Gate, hits: int, messages: int, opens: list[str]
) -> None:
    asked = {"hold": False, "back": True}
    assert [what for what, back in asked.items() if opened(gate, hits, messages, back=back)] == opens


@pytest.mark.parametrize(
    ("hits", "messages", "words"),
    [
        pytest.param(
            5, 200, "complaints 2.50% (5 of 200), above 0.3% with 96.4% certainty", id="a posterior in words"
        ),
        pytest.param(
            900, 10_000, "complaints 9.00% (900 of 10,000), above 0.3% with 99.9% certainty",
            id="nothing is ever quite certain",
        ),
    ],
)  # fmt: skip
def test_a_finding_says_how_certain_it_is(hits: int, messages: int, words: str) -> None:
    found = opened(COMPLAINTS, hits, messages, back=True)
    assert found is not None
    assert (found.sign, found.words) == (Sign.COMPLAINTS, words)


@given(st.integers(1, 60), st.integers(1, 300), st.floats(0.001, 0.999))
def test_the_incomplete_beta_function_is_a_sum_of_binomials(a: int, b: int, x: float) -> None:
    """An identity for whole numbers (NIST DLMF 8.17.5): an answer that no fraction was used for."""
    n = a + b - 1
    exact = sum(comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))
    assert incomplete_beta(a, b, x) == pytest.approx(exact, abs=1e-9)


gates = st.sampled_from(GATES)
hits = st.integers(0, 30) | st.integers(0, 5_000)
messages = st.integers(0, 500) | st.integers(0, 1_000_000)


@given(gates, hits, messages, st.sampled_from(["hold", "back"]))
def test_one_more_hit_among_as_many_messages_is_never_less_certain(
    gate: Gate, k: int, n: int, kind: str
) -> None:
    limit, n = getattr(gate, kind), max(n, k + 1)
    before, after = (chance_above(limit, one, n, expected=gate.hold) for one in (k, k + 1))
    assert after >= before - 1e-9


@given(gates, hits, messages, st.sampled_from(["hold", "back"]))
def test_one_more_message_that_is_a_hit_is_never_less_certain(gate: Gate, k: int, n: int, kind: str) -> None:
    limit, n = getattr(gate, kind), max(n, k)
    before = chance_above(limit, k, n, expected=gate.hold)
    assert chance_above(limit, k + 1, n + 1, expected=gate.hold) >= before - 1e-9


@given(gates, hits, messages, st.sampled_from(["hold", "back"]))
def test_one_more_good_message_is_never_more_certain(gate: Gate, k: int, n: int, kind: str) -> None:
    limit, n = getattr(gate, kind), max(n, k)
    before = chance_above(limit, k, n, expected=gate.hold)
    assert chance_above(limit, k, n + 1, expected=gate.hold) <= before + 1e-9


@given(gates, hits, messages)
def test_who_steps_back_would_have_held(gate: Gate, k: int, n: int) -> None:
    if opened(gate, k, n, back=True):
        assert opened(gate, k, n, back=False)
