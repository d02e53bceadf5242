"""Campaigns: their states, and what their counts must add up to.

Invariants:
    The parts of a status always add up to its audience.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CampaignState(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"  # created, never started
    SCHEDULED = "scheduled"  # starts by itself at `start_at`
    SENDING = "sending"  # planned or being planned; dispatch carries it on
    PAUSED = "paused"  # by a person or a breaker; nothing is cancelled
    DONE = "done"  # every delivery has a terminal state
    CANCELLED = "cancelled"


RESUMABLE = frozenset({CampaignState.PAUSED})
STARTABLE = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.SENDING})
FINAL = frozenset({CampaignState.DONE, CampaignState.CANCELLED})


class Action(StrEnum):
    """What a person may do with a campaign, from the command line, the web and Prefect alike."""

    PAUSE = "pause"  # nothing is cancelled
    RESUME = "resume"
    CANCEL = "cancel"  # for good: who waits is skipped

    @property
    def leads_to(self) -> CampaignState:
        """Return the state that the campaign has afterwards."""
        return _LEADS_TO[self]

    @property
    def starts_from(self) -> frozenset[CampaignState]:
        """Return the states in which it may be done. In the state that it leads to it changes nothing."""
        return _STARTS_FROM[self]


_LEADS_TO = {
    Action.PAUSE: CampaignState.PAUSED,
    Action.RESUME: CampaignState.SENDING,
    Action.CANCEL: CampaignState.CANCELLED,
}
_STARTS_FROM = {
    Action.PAUSE: frozenset({CampaignState.SENDING}),
    Action.RESUME: RESUMABLE,
    Action.CANCEL: frozenset(CampaignState) - FINAL,
}


def possible(state: CampaignState) -> list[Action]:
    """Return what a person may do with a campaign in this state."""
    return [action for action in Action if state in action.starts_from]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a campaign stands, in people. `skipped_by_reason` holds both those left out and those skipped later.

    `audited` and `demoted_why` are its template's: how many of its messages were compared with premailer's page, in this
    and in other campaigns, and how the first of them differed that did.
    """

    campaign_id: int
    state: CampaignState
    audience: int
    state_reason: str = ""
    pending: int = 0
    claimed: int = 0
    submitting: int = 0
    in_doubt: int = 0
    sent: int = 0
    failed: int = 0
    unconfirmed: int = 0
    skipped_by_reason: Mapping[str, int] = field(default_factory=dict)
    audited: int = 0
    demoted_why: str = ""

    @property
    def skipped(self) -> int:
        """Return how many people get no message by our own decision."""
        return sum(self.skipped_by_reason.values())

    @property
    def open(self) -> int:
        """Return how many deliveries have no terminal state yet."""
        return self.pending + self.claimed + self.submitting + self.in_doubt

    @property
    def adds_up(self) -> bool:
        """Whether nobody is missing and nobody is counted twice."""
        return self.open + self.sent + self.failed + self.skipped + self.unconfirmed == self.audience

    def as_json(self) -> dict[str, object]:
        """Return the status as INTERFACE documents it."""
        return {
            "campaign_id": self.campaign_id,
            "state": str(self.state),
            "state_reason": self.state_reason,
            "audience": self.audience,
            "pending": self.pending,
            "claimed": self.claimed,
            "submitting": self.submitting,
            "in_doubt": self.in_doubt,
            "sent": self.sent,
            "failed": self.failed,
            "skipped": {"total": self.skipped, "by_reason": dict(self.skipped_by_reason)},
            "unconfirmed": self.unconfirmed,
            "audit": {"audited": self.audited, "demoted": self.demoted_why or None},
        }
