"""The states of a delivery: every pair of a state and a move, and a walk over all of their orders."""

from itertools import product

import pytest

from core.deliveries import TERMINAL, TRANSITIONS, Move, State, after, sources


# A row for each move, a column for each state; "." means that the move does not apply.
#                 pending   claimed     submitting  in_doubt     sent failed skipped unconfirmed
_TABLE = """
claim             claimed   .           .           .            .    .      .       .
begin             .         submitting  .           .            .    .      .       .
accepted          .         .           sent        sent         .    .      .       sent
evidence          sent      sent        sent        sent         .    .      .       sent
dropped           failed    failed      failed      failed       failed .   .       failed
refused           .         failed      failed      failed       .    .      .       .
not_sent          .         .           pending     pending      .    .      .       .
lost              .         .           in_doubt    .            .    .      .       .
lease_over        .         pending     in_doubt    .            .    .      .       .
skip              skipped   skipped     .           .            .    .      .       .
release           .         pending     .           .            .    .      .       .
give_up           .         .           .           unconfirmed  .    .      .       .
refuted           .         .           .           pending      .    .      .       .
"""

_STATES = ("pending", "claimed", "submitting", "in_doubt", "sent", "failed", "skipped", "unconfirmed")
_EXPECTED = {
    (state, move): state if to == "." else to
    for move, *row in (line.split() for line in _TABLE.strip().splitlines())
    for state, to in zip(_STATES, row, strict=True)
}


def test_the_table_names_every_state_and_every_move() -> None:
    assert set(_EXPECTED) == set(product(State, Move))


@pytest.mark.parametrize(("state", "move"), list(_EXPECTED), ids=str)
def test_a_move_leads_where_the_table_says(state: str, move: str) -> None:
    assert after(State(state), Move(move)) == _EXPECTED[state, move]


def test_a_terminal_state_has_no_way_out_but_for_doubt_that_evidence_settles() -> None:
    """I3"""
    ways_out = {
        (state, move, after(state, move))
        for state, move in product(TERMINAL, Move)
        if after(state, move) is not state
    }
    assert ways_out == {
        (State.UNCONFIRMED, Move.ACCEPTED, State.SENT),
        (State.UNCONFIRMED, Move.EVIDENCE, State.SENT),
        (State.UNCONFIRMED, Move.DROPPED, State.FAILED),
        (State.SENT, Move.DROPPED, State.FAILED),
    }


def test_every_state_that_is_not_terminal_can_reach_one() -> None:
    """I2"""
    ends = set(TERMINAL)
    for _ in State:
        ends |= {source for edges in TRANSITIONS.values() for source, to in edges.items() if to in ends}
    assert ends == set(State)


def test_a_call_that_may_have_happened_is_only_tried_again_once_it_is_refuted() -> None:
    """I1"""
    called = {State.SUBMITTING, State.IN_DOUBT}
    back = {
        move for move, edges in TRANSITIONS.items() for source in called if edges.get(source) is State.PENDING
    }
    assert back == {Move.NOT_SENT, Move.REFUTED}


def test_the_sources_of_a_move_are_the_states_it_leads_out_of() -> None:
    assert sources(Move.LEASE_OVER) == (State.CLAIMED, State.SUBMITTING)
