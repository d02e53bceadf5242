"""Removals: when a night of hygiene would take so many people off a list that a person has to look first.

A rule is right about one address and wrong about a thousand at once: tracking was switched off for a month, a provider has bounced
everybody for a weekend, somebody has set a policy of 18 days for 180. No rule can see that of itself. What can be seen is that a
list would lose more in one night than lists lose, and then nobody is removed until somebody has said that it is right.

Terms:
    mailable: a person of a list whom a campaign to it would be sent to today.
    leaving: of these, whom tonight's rules would take away.
    stop: the whole run of the tenant waits for approval, not the one list alone: its people are on others, too.

Invariants:
    What law and SES demand (complaints, hard bounces) is never counted and never waits.
    A run in which nobody leaves never stops.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from core.hygiene import HygienePolicy


WHOLE_TENANT = ""  # the name of the list of everybody, whatever lists they are on


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShare:
    """How many of a list's people would leave tonight."""

    name: str
    mailable: int
    leaving: int

    @property
    def share(self) -> float:
        """Return the part that would leave, from 0 to 1."""
        return self.leaving / self.mailable if self.mailable else 0.0

    @property
    def in_words(self) -> str:
        """Return it as a person says it."""
        whose = f"list {self.name}" if self.name != WHOLE_TENANT else "all contacts together"
        return f"{whose}: {self.leaving:,} of {self.mailable:,} would leave ({self.share:.1%})"

    def as_json(self) -> dict[str, object]:
        """Return it as the command line answers it."""
        return {"list": self.name or None, "mailable": self.mailable, "leaving": self.leaving}


def too_many(lists: Iterable[ListShare], policy: HygienePolicy) -> list[ListShare]:
    """Return the lists that would lose more than the policy lets pass without a person, worst first."""
    found = [
        one
        for one in lists
        if one.leaving > policy.removal_people and 100 * one.leaving > policy.removal_percent * one.mailable
    ]
    return sorted(found, key=lambda one: (-one.share, one.name))
