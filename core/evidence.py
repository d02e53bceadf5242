"""Evidence: when silence proves that a call was never accepted.

A delivery in doubt whose message SES had taken would have caused an event with its tag. When no event came, that is
proof only if the events of its time have come: silence is worth as much as the pipeline that carries the noise.

Terms:
    guard: the time after a call before which nothing is concluded. AWS refuses a request whose signature is older than
        five minutes, so after the guard not even a paused process can still have it accepted.
    neighbours: messages of the same tenant whose acceptance the API itself confirmed within ten minutes of the call.
        Events about them were owed by the same SES, through the same topic and queue.
    watermark: all neighbours are known from events too, and nothing waits in queue, dead-letter queue or inbox.

Invariants:
    Without the watermark nothing is refuted: the delivery waits, and in the end is called unconfirmed.
    More missing events never refute more.

Standards:
    AWS Signature Version 4 (five minutes). Rule of three (Hanley and Lippman-Hand, JAMA 1983): when none of N events
    is missing, at most 3/N are lost, at 95 %.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


SLOT: Final = timedelta(minutes=10)
# Doubt is asked again until it is settled, so what counts is the first moment at which nobody is missing. Were one event in
# twenty lost, fifty neighbours would all be known all the same in 8 of 100 cases, and 200 in 4 of 100,000.
MIN_NEIGHBOURS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The API-confirmed messages around one doubtful call, and how many of them events have told of too."""

    confirmed: int
    told: int

    @property
    def is_complete(self) -> bool:
        """Whether there are enough neighbours, and none of their events is missing."""
        return self.confirmed >= MIN_NEIGHBOURS and self.told == self.confirmed

    @property
    def loss_bound(self) -> float:
        """Return the share of events that may be lost all the same, at 95 %."""
        return 3 / self.confirmed if self.is_complete else 1.0


def is_refuted(*, age: timedelta, guard: timedelta, around: Neighbourhood, pipeline_is_clear: bool) -> bool:
    """Whether silence proves that the call was not accepted.

    Args:
        age: Since the intent was committed.
        guard: The least age.
        around: The neighbours of the call.
        pipeline_is_clear: Whether nothing waits in queue, dead-letter queue or inbox.
    """
    return age > guard and pipeline_is_clear and around.is_complete
