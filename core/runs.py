"""Runs: how a stretch of sending ended, and what it came to.

A run is one process that works on one campaign for a while. It is never the truth about what was sent; that is the
ledger. It ends for one of a few reasons, and each says whether, and when, somebody should go on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Ending(StrEnum):
    """Why a stretch of sending ended."""

    MORE = "more"  # its time was up: go on at once
    NOTHING_DUE = "nothing_due"  # nobody is waiting now
    HOURS = "hours"  # outside of the hours in which its messages may leave: go on when they begin
    ALLOWANCE = "allowance"  # today's warm-up allowance is used: go on tomorrow
    QUOTA = "quota"  # the account's 24-hour quota is used: go on when it rolls off
    BLOCKED = "blocked"  # SES cannot be reached: go on after the pause
    STOPPED = "stopped"  # the campaign or the tenant is not to be sent: a person decides


@dataclass(slots=True)
class Tally:
    """What a stretch came to, in messages. Only for the log and progress: the ledger counts for itself."""

    accepted: int = 0
    failed: int = 0
    retried: int = 0
    in_doubt: int = 0
    skipped: int = 0
    ending: Ending = Ending.MORE
    wait: timedelta = timedelta(0)
    reason: str = ""

    def add(self, other: "Tally") -> None:
        """Count another stretch in; how it ended is how both ended."""
        self.accepted += other.accepted
        self.failed += other.failed
        self.retried += other.retried
        self.in_doubt += other.in_doubt
        self.skipped += other.skipped
        self.ending, self.wait, self.reason = other.ending, other.wait, other.reason

    def in_words(self) -> str:
        """Return the counts as a log line tells them; what did not happen is not mentioned."""
        parts: Iterable[tuple[int, str]] = (
            (self.accepted, "sent"),
            (self.skipped, "skipped"),
            (self.retried, "to be tried again"),
            (self.failed, "failed"),
            (self.in_doubt, "in doubt"),
        )
        told = ", ".join(f"{number:,} {what}" for number, what in parts if number)
        return told or "nothing sent"
