"""Judging: the ledger compared with what was really accepted, as the accept log of the SES simulator tells.

The simulator shares no code with us; whatever the ledger says, what stands in its log was sent.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core import addresses
from core.deliveries import State
from store import campaigns
from tasks.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge found. All are counts of messages or people, and all but `accepted` should be zero.

    `lost`: recorded as sent, and never accepted. `unrecorded`: accepted, and recorded as never sent or never to be.
    """

    accepted: int = 0
    duplicates: int = 0
    suppressed_accepted: int = 0
    lost: int = 0
    unrecorded: int = 0

    @property
    def ok(self) -> bool:
        """Whether the ledger tells the truth, and nobody got what they should not."""
        return not (self.duplicates or self.suppressed_accepted or self.lost or self.unrecorded)

    def as_json(self) -> dict[str, int]:
        """Return the verdict as the demo answers it."""
        return asdict(self)


# Of these states it may be true that SES has the message: a call was made, and its answer was not lost on purpose.
_MAY_BE_ACCEPTED = {State.SENT, State.FAILED, State.SUBMITTING, State.IN_DOUBT, State.UNCONFIRMED}


def judge(
    resources: Resources,
    accept_log: Path,
    campaign_ids: Sequence[int],
    *,
    forbidden_keys: Collection[str] = (),
) -> Verdict:
    """Compare the campaigns' ledgers with the accept log.

    Args:
        resources: Of this process.
        accept_log: JSON lines of the simulator.
        campaign_ids: The campaigns to judge; other entries of the log are not looked at.
        forbidden_keys: Recipient keys of people who were suppressed before anything was sent.
    """
    wanted = {str(campaign_id) for campaign_id in campaign_ids}
    entries = [entry for entry in _entries(accept_log) if entry["tags"].get("campaign") in wanted]
    times = Counter((entry["tags"]["campaign"], entry["to"][0].lower()) for entry in entries)
    accepted = {int(entry["tags"]["delivery"]) for entry in entries}
    ledger = _ledger(resources, campaign_ids)
    keys = {addresses.recipient_key(address, resources.secrets.recipient_key) for _, address in times}
    return Verdict(
        accepted=len(entries),
        duplicates=sum(count - 1 for count in times.values()),
        suppressed_accepted=len(keys & set(forbidden_keys)),
        lost=sum(state is State.SENT and delivery not in accepted for delivery, state in ledger.items()),
        unrecorded=sum(ledger.get(delivery) not in _MAY_BE_ACCEPTED for delivery in accepted),
    )


def _entries(accept_log: Path) -> Iterator[dict[str, Any]]:
    if accept_log.exists():
        with accept_log.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def _ledger(resources: Resources, campaign_ids: Sequence[int]) -> Mapping[int, State]:
    found: dict[int, State] = {}
    for campaign_id in campaign_ids:
        with resources.database.begin() as session:
            tenant_id = campaigns.tenant_of(session, campaign_id)
            deliveries = campaigns.ledger(session, tenant_id=tenant_id, campaign_id=campaign_id)
        found |= {row["id"]: State(row["state"]) for row in deliveries}
    return found
