"""Hygiene runs: what a night of hygiene goes through, from what it would do to what it has done.

A night first writes down whom its rules would take, then asks whether that is too many (`core.removals`), and only then takes
them, some thousands at a time. What a person approves is therefore what is applied, a killed process goes on where it stopped,
and every person is looked at once more when the turn comes: who has opened a mail meanwhile is spared.

Terms:
    waiting: it would take too many, and a person has to say yes or no.
    applying: people are being taken; a run that is found so was interrupted, and goes on.
    expired: nobody has decided in time. Nobody was taken, and the next night begins anew.
    spared: a person who was to be taken and has shown a sign of life since.

Invariants:
    A run that has ended (`applied`, `refused`, `expired`) never takes anybody.
    A tenant has at most one run that has not ended.
"""

from enum import StrEnum
from typing import Final


class RunState(StrEnum):
    """Where a night stands."""

    WAITING = "waiting"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"
    EXPIRED = "expired"


OPEN: Final = (RunState.WAITING, RunState.APPLYING)


class Outcome(StrEnum):
    """What became of one removal."""

    TAKEN = "taken"
    SPARED = "spared"


def decided(state: RunState, *, approved: bool) -> RunState | None:
    """Return the state of a run after a person has decided, or None when there is nothing to decide any more."""
    if state is not RunState.WAITING:
        return None
    return RunState.APPLYING if approved else RunState.REFUSED
