"""What an error of a call means for its delivery, and for everybody's next call."""

from datetime import timedelta

import pytest

from core import errors
from core.errors import SendingError
from core.outcomes import Memory, Reaction, Verdict, reaction, verdict


VERDICTS = [
    pytest.param(
        errors.MessageRejectedError("no", error_code="MessageRejected"), "refused", "MessageRejected", 0.0,
        id="the message's own fault",
    ),
    pytest.param(errors.ThrottledError("slow"), "not_sent", "throttled", 5.5, id="throttled: later"),
    pytest.param(errors.QuotaExhaustedError("daily"), "not_sent", "quota_daily", 0.0, id="quota"),
    pytest.param(errors.UnreachableError("refused"), "not_sent", "ses_unreachable", 0.0, id="nobody at the door"),
    pytest.param(errors.LeaseLostError("late"), "not_sent", "lease_lost", 0.0, id="our own deadline"),
    pytest.param(errors.SendingPausedError("paused"), "not_sent", "ses_sending_paused", 0.0, id="account paused"),
    pytest.param(errors.NotSentError("stale"), "not_sent", "not_sent", 0.0, id="known not sent"),
    pytest.param(
        errors.OutcomeUnknownError("lost", error_code="ReadTimeoutError"), "lost", "ReadTimeoutError", 0.0,
        id="the answer was lost",
    ),
    pytest.param(errors.OutcomeUnknownError("lost"), "lost", "outcome_unknown", 0.0, id="lost without a code"),
    pytest.param(SendingError("new"), "lost", "sending", 0.0, id="an error that nobody has judged is doubt"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "move", "code", "seconds"), VERDICTS)
def test_only_what_is_known_not_to_have_been_sent_becomes_pending_again(
    error: SendingError, move: str, code: str, seconds: float
) -> None:
    assert verdict(error, jitter=0.5) == Verdict(move, code, timedelta(seconds=seconds))


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 1.0), (1.0, 10.0)])
def test_throttled_messages_come_back_over_ten_seconds(jitter: float, seconds: float) -> None:
    """F07"""
    assert verdict(errors.ThrottledError("slow"), jitter=jitter).retry_in == timedelta(seconds=seconds)


THROTTLED = errors.ThrottledError("Maximum sending rate exceeded.")
QUOTA = errors.QuotaExhaustedError("Daily message quota exceeded.")
UNREACHABLE = errors.UnreachableError("no connection to SES")
SKEWED = errors.ClockSkewError("Signature expired", error_code="InvalidSignatureException", http_status=403)
PAUSED = errors.SendingPausedError("Sending paused for this account.", error_code="SendingPausedException")
REJECTED = errors.MessageRejectedError("Address blacklisted")
LOST = errors.OutcomeUnknownError("lost")

REACTIONS = [
    pytest.param([], True, 0, Reaction(), id="all is well"),
    pytest.param([REJECTED, LOST], True, 0, Reaction(), id="one message's own trouble"),
    pytest.param([THROTTLED], True, 0, Reaction(slow_down=True), id="throttled: slow down"),
    pytest.param([THROTTLED, QUOTA], True, 0, Reaction(block_seconds=600.0, block_reason="quota"), id="quota: rest"),
    pytest.param(
        [UNREACHABLE], False, 0, Reaction(block_seconds=1.0, block_reason="ses_unreachable"), id="unreachable"
    ),
    pytest.param([UNREACHABLE], True, 0, Reaction(), id="unreachable, but another got through"),
    pytest.param(
        [UNREACHABLE], False, 3, Reaction(block_seconds=10.0, block_reason="ses_unreachable"), id="for a while"
    ),
    pytest.param(
        [UNREACHABLE], False, 99, Reaction(block_seconds=60.0, block_reason="ses_unreachable"), id="for long"
    ),
    pytest.param(
        [SKEWED], False, 0, Reaction(block_seconds=60.0, block_reason="clock_skew"), id="F19: our clock is off"
    ),
    pytest.param([SKEWED], True, 0, Reaction(), id="one process was paused, the clock is right"),
    pytest.param(
        [THROTTLED, QUOTA, PAUSED], True, 0,
        Reaction(pause_campaign="SendingPausedException: Sending paused for this account."),
        id="paused beats everything",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "any_accepted", "windows", "expected"), REACTIONS)
def test_a_windows_errors_are_judged_together(
    found: list[SendingError], *, any_accepted: bool, windows: int, expected: Reaction
) -> None:
    """F06, F08, F09, F19"""
    memory = Memory()
    memory.unreachable = windows
    assert reaction(found, accepted=int(any_accepted), memory=memory) == expected


def rests(*windows: tuple[int, int]) -> list[float]:
    """Return how long a process rests after each window of (lost, accepted) calls."""
    memory, found = Memory(), []
    for lost, accepted in windows:
        is_probe = memory.tripped > 0
        memory.note([LOST] * lost, accepted)
        what = reaction([LOST] * lost, accepted=accepted, memory=memory, is_probe=is_probe)
        memory.note_reaction(what, accepted)
        found.append(what.block_seconds if what.block_reason == "ambiguity" else 0.0)
    return found


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([(5, 43)], [0.0], id="five of a hundred are an accident"),
        pytest.param([(6, 42)], [30.0], id="six are a brown-out"),
        pytest.param([(3, 45), (3, 45)], [0.0, 30.0], id="two windows together"),
        pytest.param([(3, 45), (0, 100), (3, 45)], [0.0, 0.0, 0.0], id="what is a hundred calls ago is forgotten"),
        pytest.param([(48, 0), (1, 0), (1, 0)], [30.0, 60.0, 120.0], id="a probe in vain rests twice as long"),
        pytest.param([(48, 0), (1, 0), (0, 1), (3, 3)], [30.0, 60.0, 0.0, 0.0], id="an accepted probe ends it"),
        pytest.param([(48, 0), *[(1, 0)] * 6], [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0], id="ten minutes at most"),
    ],
)  # fmt: skip
def test_lost_answers_stop_a_process_before_they_burn_the_list(
    windows: list[tuple[int, int]], expected: list[float]
) -> None:
    """F35"""
    assert rests(*windows) == expected
