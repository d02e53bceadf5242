"""Quarantine: when the ledger may lack calls that were made, and when it may be believed again.

A database that came back from a backup, and a replica that took over without the last commits, know less than Amazon
SES: some of their `pending` deliveries were sent. To send on would double them. So three signs are looked for, and on any
of them nothing is sent until the ledger has caught up or a person says that it may go on.

Terms:
    identity: the cluster's system identifier, the database, the table of deliveries and the WAL timeline. A dump that
        is read back changes one of the first three; a promotion, and a recovery to a point in time, the timeline.
    silence: how long ago the ledger last heard of SES: from the last grant or GetAccount that it remembers until now.
    excess: how many messages SES has counted in 24 hours beyond those that the ledger may have sent.
    others: the excess that was seen while all was well: what other applications send through the account.

Invariants:
    What cannot be read proves nothing: an empty identity is never a changed one.
    Only a failover ends by itself, and only when the guard is over, nothing waits and SES has counted no more than the
    ledger knows. A ledger that was silent for long has not failed over but come back, and waits for a person.

Standards:
    PostgreSQL, "Timelines" of "Continuous Archiving and Point-in-Time Recovery". SES v2 GetAccount (SentLast24Hours).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.errors import LedgerBehindError


class Reason(StrEnum):
    """Why the ledger is not believed."""

    FAILED_OVER = "failed_over"  # another timeline of the same cluster: the last commits may be gone
    RESTORED = "restored"  # another cluster, database or table, or an old state of this one
    SES_KNOWS_MORE = "ses_knows_more"  # SES has counted messages that the ledger does not know
    UNKNOWN_ATTEMPTS = "unknown_attempts"  # an event names a call of ours that the ledger does not know


IN_WORDS: Final = {
    Reason.FAILED_OVER: "the database has failed over and may lack its last commits",
    Reason.RESTORED: "the database was restored and may lack what was sent since",
    Reason.SES_KNOWS_MORE: "SES has sent more than the ledger knows",
    Reason.UNKNOWN_ATTEMPTS: "SES reports calls that the ledger does not know",
}

# A ledger in use hears of SES every few minutes. A replica is behind by seconds; what is hours behind is a backup.
LONGEST_SILENCE: Final = timedelta(hours=1)

# The end of SES's day is not documented to the minute, so that our own count looks back a little further than SES's.
COUNTED: Final = timedelta(hours=25)

# What others send varies: twice what was seen is no sign, and neither is a handful, such as mails sent by hand.
OTHERS_MAY_GROW: Final = 2.0
FEW: Final = 50
SMALL_SHARE: Final = 0.02
FORGOTTEN_A_DAY: Final = 0.1  # of what others were seen to send


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which database this is; what could not be read is empty."""

    system: str = ""
    timeline: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The messages of a day: SES's count, those that the ledger may have sent, and what others were seen to send."""

    ses: float
    ours: int
    others: float | None = None  # None: never compared before

    @property
    def excess(self) -> float:
        """Return how many messages SES knows beyond the ledger."""
        return max(self.ses - self.ours, 0.0)

    @property
    def allowed(self) -> float:
        """Return the largest excess that proves nothing."""
        return OTHERS_MAY_GROW * (self.others or 0.0) + max(FEW, SMALL_SHARE * self.ses)


def changed(remembered: Identity, current: Identity, *, silence: timedelta) -> Reason | None:
    """Say whether this is another database than the ledger remembers to be in."""
    if remembered.system and current.system and remembered.system != current.system:
        return Reason.RESTORED
    if remembered.timeline and current.timeline and remembered.timeline != current.timeline:
        return Reason.RESTORED if silence > LONGEST_SILENCE else Reason.FAILED_OVER
    return None


def outcounted(count: Count, *, silence: timedelta, is_shared: bool) -> bool:
    """Whether SES's count says that the ledger is an old one.

    A ledger that was in use a moment ago has not lost a day's work; somebody else has begun to send. So the count alone is
    a sign only after a silence, and in an account that is shared at will it is none.
    """
    if is_shared or count.others is None or silence <= LONGEST_SILENCE:
        return False
    return count.excess > count.allowed


def others_after(count: Count, *, silence: timedelta) -> float:
    """Return what others are now known to send: the largest excess, forgotten by a tenth a day."""
    days = silence / timedelta(days=1)
    kept = (count.others or 0.0) * math.pow(1 - FORGOTTEN_A_DAY, max(days, 0.0))
    return max(count.excess, kept)


def is_covered(mailed_at: datetime, began: Sequence[datetime], *, guard: timedelta) -> bool:
    """Whether an unknown call is of a time that a quarantine, open or ended, was about: then it is no news."""
    return any(mailed_at <= at + guard for at in began)


def obstacles(*, age: timedelta, guard: timedelta, is_clear: bool) -> list[str]:
    """Return what speaks against the end of a quarantine, in words; nothing does when the list is empty."""
    found = []
    if age < guard:
        left = (guard - age).total_seconds()
        found.append(f"calls of before may still be accepted for {max(left / 60, 0.1):.1f} minutes")
    if not is_clear:
        found.append(
            "events wait in the critical queue, its dead-letter queue or the inbox, or cannot be asked for"
        )
    return found


def ends_by_itself(reason: Reason, count: Count | None) -> bool:
    """Whether a quarantine without obstacles ends without a person: a failover whose losses have all come back."""
    return reason is Reason.FAILED_OVER and count is not None and count.excess <= (count.others or 0.0)


def refusal(region: str, why: str = "it may lack calls that were made") -> LedgerBehindError:
    """Return the error with which sending is held."""
    return LedgerBehindError(
        f"the ledger is in quarantine for SES in {region}: {why}. Nothing is sent",
        hint="posthouse ledger status tells what is known, docs/runbooks/restore.md what to do.",
    )
