"""The two limits of an SES account: recipients per second, and recipients in the last 24 hours.

Both count *recipients*, not calls. The sending rate is a token bucket that holds one second's worth. Like SES, it lets a
call pass while any token is left, so a call to fifty recipients may leave a debt, and later calls are refused until the
debt is paid off. The quota is a rolling window, kept in steps of a minute.

Over the rate SES v2 answers TooManyRequestsException (429). Over the quota this package answers LimitExceededException
(400) "Daily message quota exceeded.", because of the two codes AWS documents for it (the other is ThrottlingException,
from version 1) it is the one the v2 service model declares for SendEmail.
"""

import datetime as dt
import time
from collections import deque
from typing import Final

from simulator.errors import DAILY_QUOTA, MAXIMUM_RATE, SesError


_WINDOW_SECONDS: Final = 24 * 60 * 60
_STEP_SECONDS: Final = 60
UNLIMITED: Final = -1


class Clock:
    """Simulated time: begins now and runs `speed` times as fast as the real one, or is set forward.

    At speed 1440 a day lasts a minute, and the sending rate, which is per simulated second, rises with it.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._origin = time.time()
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Return the simulated Unix time."""
        return self._origin + (time.monotonic() - self._started) * self._speed

    def set(self, seconds: float) -> None:
        """Let it be this simulated Unix time now, and run on from there.

        Raises:
            ValueError: That time is over.
        """
        now = self.seconds()
        if seconds < now:
            raise ValueError(
                f"the clock is only set forward, and {timestamp(seconds)} was before {timestamp(now)}"
            )
        self._origin += seconds - now

    def stretched(self, real_seconds: float) -> float:
        """Return how many simulated seconds pass in so many real ones."""
        return real_seconds * self._speed


def timestamp(seconds: float) -> str:
    """Return Unix time as SES writes it: UTC with milliseconds and a Z (RFC 3339)."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Limits:
    """What an account may still send.

    Args:
        clock: Anything with `seconds()`.
        max_send_rate: Recipients per second.
        max_24_hour_send: Recipients in any 24 hours; -1 for no limit.
    """

    def __init__(self, clock: Clock, *, max_send_rate: float, max_24_hour_send: float) -> None:
        self._clock = clock
        self.max_send_rate = max_send_rate
        self.max_24_hour_send = max_24_hour_send
        self.reset()

    def reset(self) -> None:
        """Forget everything sent so far."""
        self._tokens = self.max_send_rate
        self._refilled_at = self._clock.seconds()
        self._steps: deque[tuple[float, int]] = deque()
        self._sent = 0

    def check(self) -> None:
        """Refuse a call when the rate or the quota is used up.

        Raises:
            SesError: TooManyRequestsException or LimitExceededException.
        """
        now = self._clock.seconds()
        if not self.has_quota(1):
            raise SesError("LimitExceededException", DAILY_QUOTA)
        self._tokens = min(self.max_send_rate, self._tokens + (now - self._refilled_at) * self.max_send_rate)
        self._refilled_at = now
        # An account of less than one message a second never holds a whole token.
        if self._tokens < min(1.0, self.max_send_rate):
            raise SesError("TooManyRequestsException", MAXIMUM_RATE)

    def has_quota(self, recipients: int) -> bool:
        """Whether so many more recipients fit into the last 24 hours."""
        return (
            self.max_24_hour_send == UNLIMITED
            or self.sent_last_24_hours() + recipients <= self.max_24_hour_send
        )

    def spend(self, recipients: int, *, counted: int) -> None:
        """Record an accepted message.

        Args:
            recipients: Those that count against the rate: all.
            counted: Those that count against the quota: all but the mailbox simulator's.
        """
        self._tokens -= recipients
        self._sent += counted
        now = self._clock.seconds()
        if self._steps and now - self._steps[-1][0] < _STEP_SECONDS:
            began, sent = self._steps[-1]
            self._steps[-1] = (began, sent + counted)
        else:
            self._steps.append((now, counted))

    def sent_last_24_hours(self) -> int:
        """Return how many recipients were accepted in the last 24 simulated hours."""
        horizon = self._clock.seconds() - _WINDOW_SECONDS
        while self._steps and self._steps[0][0] < horizon:
            self._sent -= self._steps.popleft()[1]
        return self._sent
