"""Event canary: whether SES's reports still find their way to us, asked by a message whose reports are certain.

SES publishes nothing about a subscription that was taken away: the events just stop, which looks like a list without
bounces. Amazon's mailbox simulator takes a message and reports it as any other, without touching reputation or quota.
Where mail flows, the mail itself is the canary; so one is sent only when there is a doubt that it can settle.

Terms:
    stream: critical (Send, Bounce, Complaint) or engagement (Delivery, Open, Click); each must bring one event back.

Invariants:
    A tenant that sends nothing costs nothing.
    While the newest canary is younger than its patience, there is no other.

Standards:
    Amazon SES developer guide, "Using the mailbox simulator".
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from core.facts import Fact
from core.pipeline import Hour


ADDRESS: Final = "success@simulator.amazonses.com"
PREFIX: Final = "event-canary:"  # of the request id

# What each stream brings back of a message that is delivered.
STREAMS: Final = {"critical": Fact.SENT, "engagement": Fact.DELIVERY}


def is_wanted(hours: Sequence[Hour], *, newest_age: timedelta | None, patience: timedelta) -> bool:
    """Whether a canary would settle a doubt: of the tenant's newest hour with mail some is overdue.

    Args:
        hours: The tenant's, of the last day.
        newest_age: Of the newest canary; None when there was none lately.
        patience: After this a canary that has not come back is lost.
    """
    if newest_age is not None and newest_age <= patience:
        return False
    mailed = [hour for hour in hours if hour.accepted]
    return bool(mailed) and max(mailed, key=lambda hour: hour.began_at).overdue > 0


def missing(reported: Collection[str]) -> list[str]:
    """Return the streams that have not brought a canary back."""
    return [stream for stream, fact in STREAMS.items() if fact not in reported]
