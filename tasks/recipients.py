"""Recipients: the list of who got a campaign, who did not and why, into a file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from core import recipients as rule
from core.deliveries import State
from core.recipients import Outcome
from gateways import csv_files
from store import campaigns, recipients
from tasks.resources import Resources


def write(
    resources: Resources,
    campaign_id: int,
    target: IO[bytes],
    *,
    outcomes: Sequence[Outcome] = (),
    with_mark: bool = False,
    actor: str,
) -> dict[str, int]:
    """Write the list as CSV and return how many of each outcome are in it.

    Args:
        resources: Of this process.
        campaign_id: A campaign that is planned.
        target: Gets bytes of UTF-8, piece by piece.
        outcomes: Only these; all without them.
        with_mark: Whether the file begins with a byte order mark, for Excel.
        actor: Who takes it; kept in the audit.

    Raises:
        NotFoundError: There is no such campaign.
        ConflictError: It is not planned yet.
    """
    with resources.database.begin() as session:
        key = {"tenant_id": campaigns.tenant_of(session, campaign_id), "campaign_id": campaign_id}
        recipients.note_taken(session, **key, outcomes=outcomes, actor=actor)
    counts: Counter[Outcome] = Counter()
    with resources.database.begin() as session:
        found = recipients.of_campaign(session, **key, states=rule.states_of(outcomes))
        lines = rule.lines(_counted(found, counts))
        for piece in csv_files.pieces(rule.COLUMNS, lines, with_mark=with_mark):
            target.write(piece)
    return {str(outcome): counts[outcome] for outcome in Outcome if counts[outcome]}


def _counted(found: Iterator[Mapping[str, Any]], counts: Counter[Outcome]) -> Iterator[Mapping[str, Any]]:
    for row in found:
        counts[rule.OUTCOMES[State(row["state"])]] += 1
        yield row
