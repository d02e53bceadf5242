"""Evidence: when silence proves that a call was never accepted.

A delivery in doubt whose message SES had taken would have caused an event with its tag. When no event came, that is
proof only if the events of its time have come: silence is worth as much as the pipeline that carries the noise.

The guard is a time, and the clock that measures it may jump: an hour forward, and a call that is still on its way would
look an hour old, be called silent, and be doubled. So the database's clock is held against Amazon's at both ends: then, by
the times at which SES says to have accepted the neighbours; now, by the date of an answer of SES's. And what was called at
a time that the clock has told twice is never refuted: nobody knows which of the two it was.

Terms:
    guard: the time after a call before which nothing is concluded. AWS refuses a request whose signature is older than
        five minutes, so after the guard not even a paused process can still have it accepted.
    clocks agree: ours and Amazon's are no more than two minutes apart. Two such errors leave 16 of the guard's 20 minutes;
        a signature lives for five, and for ten when the clock of who has signed is five minutes ahead, as AWS permits.
    neighbours: messages of the same tenant whose acceptance the API itself confirmed within ten minutes of the call.
        Events about them were owed by the same SES, through the same topic and queue.
    watermark: all neighbours are known from events too, at a time that agrees with ours, and nothing waits in queue, dead-letter queue or inbox.

Invariants:
    Without the watermark nothing is refuted: the delivery waits, and in the end is called unconfirmed.
    More missing events never refute more.
    Unless the clocks agree now, nothing is refuted.

Standards:
    AWS Signature Version 4 (five minutes). Rule of three (Hanley and Lippman-Hand, JAMA 1983): when none of N events
    is missing, at most 3/N are lost, at 95 %.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


SLOT: Final = timedelta(minutes=10)
# Doubt is asked again until it is settled, so what counts is the first moment at which nobody is missing. Were one event in
# twenty lost, fifty neighbours would all be known all the same in 8 of 100 cases, and 200 in 4 of 100,000.
MIN_NEIGHBOURS: Final = 200
CLOCKS_AGREE: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The API-confirmed messages around one doubtful call, and how many of them events have told of at the same time."""

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


def clocks_agree(ours: datetime, amazons: datetime | None) -> bool:
    """Whether the database's clock may be believed now; without a date of Amazon's it may not."""
    return amazons is not None and abs(ours - amazons) <= CLOCKS_AGREE
