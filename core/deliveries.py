"""Deliveries: the states of one message to one person, and what may move it.

SES has no idempotency token, so the ledger row is the only thing that keeps a mail from being lost or doubled. A row
is moved by compare-and-set alone; this module says which moves exist, the queries in `store/deliveries.py` make them.

Terms:
    claim: a worker has reserved the row for rendering; no call exists.
    intent: the commit after which a call may happen. It creates a fresh attempt id.
    attempt id: random, on the message as a tag; it fences the answers and the events of that one call.
    in doubt: the call may or may not have been accepted. Silence never settles it by itself.

Invariants:
    I1  At most one attempt of a row can be accepted: a row becomes `pending` again only when its attempt is refuted.
    I2  Nobody is lost: rows are never deleted, and every non-terminal state has a step that any worker can make.
    I3  A terminal state has no way out but by evidence: `unconfirmed` may still turn into `sent`, and what SES took and
        then dropped (a Reject or Rendering Failure event) into `failed`.

Standards:
    Amazon SES v2 SendEmail (no client token among its members), event publishing (message tags).
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  # eligible at `not_before`
    CLAIMED = "claimed"  # reserved for rendering until `lease_until`
    SUBMITTING = "submitting"  # the intent is committed: from now on a call may happen
    IN_DOUBT = "in_doubt"  # the call may or may not have been accepted
    SENT = "sent"  # SES accepted it: by its answer, or by any event that carries our tag
    FAILED = "failed"  # SES certainly refused it for good
    SKIPPED = "skipped"  # we decided not to send
    UNCONFIRMED = "unconfirmed"  # doubt that no evidence settled in time: an honest end


class Move(StrEnum):
    """What happened to a delivery."""

    CLAIM = "claim"
    BEGIN = "begin"
    ACCEPTED = "accepted"  # answer with a MessageId
    EVIDENCE = "evidence"  # an SES event with our tag, or the late answer of an older attempt
    DROPPED = "dropped"  # an SES event says that it took the message and then dropped it
    REFUSED = "refused"  # certainly not sent, and never will be
    NOT_SENT = "not_sent"  # certainly not sent, and may be later
    LOST = "lost"  # no answer, or one that makes no sense
    LEASE_OVER = "lease_over"
    SKIP = "skip"
    RELEASE = "release"  # a worker gives a claim back
    GIVE_UP = "give_up"  # policy: doubt becomes `unconfirmed`
    REFUTED = "refuted"  # policy: past the guard and the event watermark, the attempt was never accepted


TERMINAL: Final = frozenset({State.SENT, State.FAILED, State.SKIPPED, State.UNCONFIRMED})

TRANSITIONS: Final[dict[Move, dict[State, State]]] = {
    Move.CLAIM: {State.PENDING: State.CLAIMED},
    Move.BEGIN: {State.CLAIMED: State.SUBMITTING},
    # The answer may arrive after the reaper has put the row in doubt, or after policy has given up on it.
    Move.ACCEPTED: {
        State.SUBMITTING: State.SENT,
        State.IN_DOUBT: State.SENT,
        State.UNCONFIRMED: State.SENT,
    },
    # An event may overtake the answer, and may name an attempt that is no longer the current one: it proves that SES
    # has the message, whatever we were about to do with the row.
    Move.EVIDENCE: {
        State.PENDING: State.SENT,
        State.CLAIMED: State.SENT,
        State.SUBMITTING: State.SENT,
        State.IN_DOUBT: State.SENT,
        State.UNCONFIRMED: State.SENT,
    },
    # Reject (a virus) and Rendering Failure come after SES has accepted the call: they prove both.
    Move.DROPPED: {
        State.PENDING: State.FAILED,
        State.CLAIMED: State.FAILED,
        State.SUBMITTING: State.FAILED,
        State.IN_DOUBT: State.FAILED,
        State.SENT: State.FAILED,
        State.UNCONFIRMED: State.FAILED,
    },
    Move.REFUSED: {State.SUBMITTING: State.FAILED, State.IN_DOUBT: State.FAILED, State.CLAIMED: State.FAILED},
    Move.NOT_SENT: {State.SUBMITTING: State.PENDING, State.IN_DOUBT: State.PENDING},
    Move.LOST: {State.SUBMITTING: State.IN_DOUBT},
    # An expired intent never returns to `pending`: its call may have happened.
    Move.LEASE_OVER: {State.CLAIMED: State.PENDING, State.SUBMITTING: State.IN_DOUBT},
    Move.SKIP: {State.PENDING: State.SKIPPED, State.CLAIMED: State.SKIPPED},
    Move.RELEASE: {State.CLAIMED: State.PENDING},
    Move.GIVE_UP: {State.IN_DOUBT: State.UNCONFIRMED},
    Move.REFUTED: {State.IN_DOUBT: State.PENDING},
}


def after(state: State, move: Move) -> State:
    """Return the state after a move; a move that does not apply leaves the state as it is."""
    return TRANSITIONS[move].get(state, state)


def sources(move: Move) -> tuple[State, ...]:
    """Return the states from which a move leads somewhere, for the WHERE clause of its query."""
    return tuple(TRANSITIONS[move])


class SkipReason(StrEnum):
    """Why a person of the audience gets no message of this campaign."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    HARD_BOUNCED = "hard_bounced"
    SOFT_BOUNCED = "soft_bounced"
    SUPPRESSED = "suppressed"  # by hand, by import, or for another stated reason
    DUPLICATE = "duplicate"  # another contact of the audience has the same address
    RETIRED = "retired"  # hygiene retired the contact
    LAPSING = "lapsing"  # silent for long: only a win-back campaign is sent
    WINBACK_SENT = "winback_sent"  # the person has had the one win-back
    NO_CONSENT = "no_consent"
    CANCELLED = "cancelled"
    TOO_LATE = "too_late"  # the campaign's end came first
    TOO_OFTEN = "too_often"  # the person has had as many messages as the tenant wants, within so many days
    WANTS_LESS = "wants_less"  # the person has chosen a message a week or a month, and has had it
    PAUSED = "paused"  # the person has asked for a pause


class Policy(StrEnum):
    """What happens to a delivery in doubt that no evidence settles."""

    AT_MOST_ONCE = "at_most_once"  # never sent again
    EVIDENCE = "evidence"  # sent again only past the guard and the event watermark
    AT_LEAST_ONCE = "at_least_once"  # sent again past the guard
