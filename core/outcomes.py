"""Outcomes: what an error of a call means for its delivery, and for everybody's next call.

Terms:
    move: what the ledger row does (`core.deliveries.Move`).
    reaction: what the account or the campaign does, because the next call would meet the same answer.

Invariants:
    Only what is known not to have been sent becomes pending again. Everything else is in doubt.

Standards:
    Amazon SES v2 SendEmail errors; AWS, "Managing your sending quotas" (wait up to ten minutes on the daily quota).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.deliveries import Move
from core.errors import (
    ClockSkewError,
    MessageRejectedError,
    NotSentError,
    QuotaExhaustedError,
    SendingError,
    SendingPausedError,
    ThrottledError,
    UnreachableError,
)
from core.pacing import AMBIGUITY


QUOTA_PAUSE_SECONDS: Final = 600.0
CLOCK_PAUSE_SECONDS: Final = 60.0  # time for NTP, or for a person who reads the reason
# More than this many of a process's last hundred calls in doubt is a brown-out: going on would burn the list.
MOST_DOUBTFUL: Final = 5
CALLS_REMEMBERED: Final = 100
LONGEST_AMBIGUITY_PAUSE: Final = 600.0
# How long the account rests after the n-th window in a row to which nobody answered the door.
UNREACHABLE_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
UNREACHABLE: Final = "ses_unreachable"
THROTTLED_RETRY_SECONDS: Final = (1.0, 10.0)
# No verdict lets a delivery wait this long: one that seems to was told so by a clock that has gone back since.
LONGER_THAN_ANY_RETRY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one call that was not accepted means for its delivery."""

    move: Move  # REFUSED, NOT_SENT or LOST
    code: str
    retry_in: timedelta = timedelta(0)


def verdict(error: SendingError, *, jitter: float) -> Verdict:
    """Judge one call.

    Args:
        error: What the gateway raised.
        jitter: A random number from 0 to 1, so that throttled messages do not all come back at once.
    """
    match error:
        case MessageRejectedError():
            return Verdict(Move.REFUSED, error.error_code or error.code)
        case ThrottledError():
            soonest, latest = THROTTLED_RETRY_SECONDS
            return Verdict(
                Move.NOT_SENT, error.code, timedelta(seconds=soonest + jitter * (latest - soonest))
            )
        case NotSentError():
            return Verdict(Move.NOT_SENT, error.code)
        case _:
            return Verdict(Move.LOST, error.error_code or error.code)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a window's errors mean for everybody's next call."""

    slow_down: bool = False
    block_seconds: float = 0.0
    block_reason: str = ""
    pause_campaign: str = ""


class Memory:
    """What a process remembers of its last windows, so that it can tell one bad answer from a bad hour."""

    def __init__(self) -> None:
        self._doubts: deque[bool] = deque(maxlen=CALLS_REMEMBERED)
        self.unreachable = 0  # windows in a row that found nobody at the door
        self.tripped = 0  # rests in a row because of doubt

    @property
    def doubtful(self) -> int:
        """Return how many of the last hundred calls are in doubt."""
        return sum(self._doubts)

    def note(self, errors: Sequence[SendingError], accepted: int) -> None:
        """Remember a window's calls."""
        self._doubts.extend([_is_lost(error) for error in errors])
        self._doubts.extend([False] * accepted)

    def note_reaction(self, what: "Reaction", accepted: int) -> None:
        """Remember how a window ended; an accepted message ends a series."""
        self.unreachable = self.unreachable + 1 if what.block_reason == UNREACHABLE else 0
        if what.block_reason == AMBIGUITY:
            self.tripped += 1
            self._doubts.clear()
        elif accepted:
            self.tripped = 0


def reaction(
    errors: Sequence[SendingError],
    *,
    accepted: int,
    memory: Memory,
    is_probe: bool = False,
    ambiguity_pause: float = 30.0,
) -> Reaction:
    """Judge a window's errors together.

    Args:
        errors: Those of one window.
        accepted: How many messages of the same window SES took: if any, then it can be reached.
        memory: What went before, this window's calls included.
        is_probe: Whether the window was the single message that goes out after a rest because of doubt.
        ambiguity_pause: Seconds of the first rest because of doubt; each further one is twice as long.
    """
    for error in errors:
        if isinstance(error, SendingPausedError):
            return Reaction(pause_campaign=f"{error.error_code or error.code}: {error.message}")
    if any(isinstance(error, QuotaExhaustedError) for error in errors):
        return Reaction(block_seconds=QUOTA_PAUSE_SECONDS, block_reason="quota")
    if not accepted and any(isinstance(error, ClockSkewError) for error in errors):
        return Reaction(block_seconds=CLOCK_PAUSE_SECONDS, block_reason="clock_skew")
    if not accepted and any(isinstance(error, UnreachableError) for error in errors):
        pause = UNREACHABLE_PAUSES[min(memory.unreachable, len(UNREACHABLE_PAUSES) - 1)]
        return Reaction(block_seconds=pause, block_reason=UNREACHABLE)
    if memory.doubtful > MOST_DOUBTFUL or (is_probe and any(map(_is_lost, errors))):
        pause = min(ambiguity_pause * 2**memory.tripped, LONGEST_AMBIGUITY_PAUSE)
        return Reaction(block_seconds=pause, block_reason=AMBIGUITY)
    return Reaction(slow_down=any(isinstance(error, ThrottledError) for error in errors))


def _is_lost(error: SendingError) -> bool:
    return verdict(error, jitter=0.0).move is Move.LOST
