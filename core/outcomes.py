"""Outcomes: what an error of a call means for its delivery, and for everybody's next call.

Terms:
    move: what the ledger row does (`core.deliveries.Move`).
    reaction: what the account or the campaign does, because the next call would meet the same answer.

Invariants:
    Only what is known not to have been sent becomes pending again. Everything else is in doubt.

Standards:
    Amazon SES v2 SendEmail errors; AWS, "Managing your sending quotas" (wait up to ten minutes on the daily quota).
"""

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


QUOTA_PAUSE_SECONDS: Final = 600.0
CLOCK_PAUSE_SECONDS: Final = 60.0  # time for NTP, or for a person who reads the reason
# How long the account rests after the n-th window in a row to which nobody answered the door.
UNREACHABLE_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
THROTTLED_RETRY_SECONDS: Final = (1.0, 10.0)


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


def reaction(errors: Sequence[SendingError], *, any_accepted: bool, windows_unreachable: int) -> Reaction:
    """Judge a window's errors together.

    Args:
        errors: Those of one window.
        any_accepted: Whether SES took a message of the same window: then it can be reached.
        windows_unreachable: How many windows before this one found nobody at the door.
    """
    for error in errors:
        if isinstance(error, SendingPausedError):
            return Reaction(pause_campaign=f"{error.error_code or error.code}: {error.message}")
    if any(isinstance(error, QuotaExhaustedError) for error in errors):
        return Reaction(block_seconds=QUOTA_PAUSE_SECONDS, block_reason="quota")
    if not any_accepted and any(isinstance(error, ClockSkewError) for error in errors):
        return Reaction(block_seconds=CLOCK_PAUSE_SECONDS, block_reason="clock_skew")
    if not any_accepted and any(isinstance(error, UnreachableError) for error in errors):
        pause = UNREACHABLE_PAUSES[min(windows_unreachable, len(UNREACHABLE_PAUSES) - 1)]
        return Reaction(block_seconds=pause, block_reason="ses_unreachable")
    return Reaction(slow_down=any(isinstance(error, ThrottledError) for error in errors))
