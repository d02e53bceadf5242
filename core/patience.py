"""Patience: how much of the processor a template may take before it waits behind others, and before it is not tried.

A limit for each message does not bound a campaign: a template that always takes a little less than its limit, or is
stopped at it every time, keeps a processor busy for hours, and everybody else's mail waits. So a template has a conduct.

Terms:
    limit: what one message may take, in seconds of the processor (`POSTHOUSE_RENDER_SECONDS`).
    stop: a message that was ended at its limit, or that its process died of.
    debt: what a template took beyond an eighth of the limit a message. Good messages pay it back; nothing is saved up.
    dearness: the same, beyond 20 ms a message.
    rest: a minute in which the template is not tried, after its debt has passed five limits. Then one message tries.

Invariants:
    Of n messages a template takes at most `(5 + n / 8 + 1)` limits before it rests: with two seconds, 12 s and 0.25 s a message.
    A template that does nothing but run into its limit is stopped six times, and then once a minute.
    Of messages of at most 20 ms nothing is remembered.

Standards:
    None; a leaky bucket, and the half-open circuit breaker of Michael Nygard, "Release It!" (2007).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


SHARE: Final = 1 / 8  # of the limit, what a message may take on average
CREDIT: Final = 5  # limits of debt, and then it rests
REST_SECONDS: Final = 60.0
TIRED: Final = 3  # stops in a row, and a message may take a quarter of a second
TIRED_SECONDS: Final = 0.25
CHEAP_SECONDS: Final = 0.02
DEAR_SECONDS: Final = 1.0


class Rank(IntEnum):
    """Whom the process that renders lets go first on a busy machine."""

    EQUAL = 0
    BEHIND = 1  # it gets a tenth of what an equal would
    LAST = 2  # a seventieth


@dataclass(frozen=True, slots=True)
class Conduct:
    """What is remembered of a template. The seconds are of the processor."""

    debt: float = 0.0
    dearness: float = 0.0
    stops: int = 0  # in a row
    rests_until: float = 0.0

    def filled(self, seconds: float, *, limit: float, now: float) -> "Conduct":
        """Return what is remembered after a message that took this long."""
        if seconds <= CHEAP_SECONDS and self == GOOD:
            return self
        return self._after(seconds, 0, limit, now)

    def stopped(self, seconds: float, *, limit: float, now: float) -> "Conduct":
        """Return what is remembered after a stop, which costs the limit even if it took less."""
        return self._after(max(seconds, limit), self.stops + 1, limit, now)

    def _after(self, seconds: float, stops: int, limit: float, now: float) -> "Conduct":
        most = CREDIT * limit
        debt = max(0.0, self.debt + seconds - SHARE * limit)
        dearness = max(0.0, self.dearness + seconds - CHEAP_SECONDS)
        return Conduct(
            debt=min(debt, most),
            # Bounded, so that what was bad once is not held against it for ever.
            dearness=min(dearness, 2 * DEAR_SECONDS),
            stops=stops,
            rests_until=now + REST_SECONDS if debt > most else 0.0,
        )

    def rests(self, now: float) -> bool:
        """Whether the template is not to be tried now."""
        return now < self.rests_until

    def allowed(self, limit: float) -> float:
        """Return what the next message may take."""
        return limit if self.stops < TIRED else min(limit, TIRED_SECONDS)

    def rank(self, limit: float) -> Rank:
        """Return where its process stands."""
        if self.stops or self.debt > limit / 4:
            return Rank.LAST
        return Rank.BEHIND if self.dearness > DEAR_SECONDS else Rank.EQUAL


GOOD: Final = Conduct()
