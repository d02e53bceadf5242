"""Gaps: what reconciliation says of a thing that is missing, or too much, and how soon a person should look.

A gap is kept, shown in the terminal and in Prefect, and sent as an event, so it has one form and words of its own.

Terms:
    gap: one kind of thing that can be missing or too much.
    finding: a gap as it was found: of how many, whose, in words, and what to do.

Invariants:
    A finding that is kept and read again is the same.
    No finding names a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import Any


class Severity(IntEnum):
    """How soon a person should look."""

    WARNING = 1  # today
    ERROR = 2  # now

    @property
    def word(self) -> str:
        """Return it as people read it."""
        return self.name.lower()


class Gap(StrEnum):
    """What can be missing, or too much."""

    OVERDUE = "overdue"
    UNSETTLED = "unsettled"
    ORPHANS = "orphans"
    QUARANTINED = "quarantined"
    INBOX_BEHIND = "inbox_behind"
    QUEUE = "queue"
    DEAD_LETTERS = "dead_letters"
    CANARY = "canary"
    COUNT = "count"
    SUPPRESSED_THERE = "suppressed_there"
    SUPPRESSED_HERE = "suppressed_here"
    DOUBT = "doubt"
    UNCONFIRMED = "unconfirmed"
    ANOMALY = "anomaly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One gap: how many are concerned, what it is, and what to do. `tenant` is empty where it is everybody's."""

    gap: Gap
    severity: Severity
    count: int
    message: str
    remedy: str
    tenant: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {
            "gap": str(self.gap),
            "severity": self.severity.word,
            "tenant": self.tenant,
            "count": self.count,
            "message": self.message,
            "what_to_do": self.remedy,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Finding":
        """Return one that was kept."""
        return cls(
            gap=Gap(document["gap"]),
            severity=Severity[document["severity"].upper()],
            tenant=document["tenant"],
            count=document["count"],
            message=document["message"],
            remedy=document["what_to_do"],
        )


def span(time: timedelta) -> str:
    """Return a time as a person says it."""
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        number = int(time.total_seconds() // size)
        if number >= (2 if name == "day" else 1):
            return f"{number} {name}{'s' if number > 1 else ''}"
    return "less than a minute"
