"""Recipients: the list of who got a campaign, who did not and why, as a download.

It leaves piece by piece as the database yields it, so that a million people take no more memory than a hundred. The name of
whoever takes it is in the audit before the first piece leaves.
"""

import threading
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from core import recipients as rule
from core.errors import ConflictError, NotFoundError
from core.recipients import Outcome
from gateways import csv_files
from store import campaigns, recipients
from web.campaigns import Id
from web.doors import Doors, Given
from web.operators import ROOM, NoSuchPageError, SignedIn, shown


router = APIRouter()

# Each holds a connection and a snapshot of the database for as long as its reader takes.
MOST_AT_ONCE: Final = 3
_places = threading.BoundedSemaphore(MOST_AT_ONCE)


def _outcomes(outcome: Annotated[list[str] | None, Query()] = None) -> list[Outcome]:
    try:
        return [Outcome(word) for word in outcome or () if word]
    except ValueError as error:
        raise NoSuchPageError from error


Chosen = Annotated[list[Outcome], Depends(_outcomes)]


@router.get(f"{ROOM}/{{number}}/recipients.csv")
def download(operator: SignedIn, campaign_id: Id, chosen: Chosen, doors: Given, bom: str = "") -> Response:
    """Send the list, of the outcomes that were chosen, or of everybody."""
    key = {"tenant_id": _tenant_of(doors, campaign_id), "campaign_id": campaign_id}
    if not _places.acquire(blocking=False):
        return _refused(campaign_id, 503, "Others are taking lists now", "Try again in a minute.")
    pieces = _pieces(doors, key, chosen, actor=operator.visit.actor, with_mark=bool(bom))
    try:
        # From here on the generator has begun, so that it gives its place back however it ends.
        first = next(pieces)
    except ConflictError:
        return _refused(
            campaign_id,
            409,
            "There is no list yet",
            "Who gets it is planned when the campaign starts; then everybody has a line.",
        )
    return StreamingResponse(
        chain([first], pieces),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="campaign-{campaign_id}-recipients.csv"',
            "Referrer-Policy": "same-origin",
        },
    )


def _tenant_of(doors: Doors, campaign_id: int) -> int:
    try:
        with doors.database.begin() as session:
            return campaigns.tenant_of(session, campaign_id)
    except NotFoundError as error:
        raise NoSuchPageError from error


def _pieces(
    doors: Doors, key: dict[str, int], chosen: list[Outcome], *, actor: str, with_mark: bool
) -> Iterator[bytes]:
    """Write down who takes the list, then yield it; its place is free again when it ends, also when its reader has gone."""
    try:
        with doors.database.begin() as session:
            recipients.note_taken(session, **key, outcomes=chosen, actor=actor)
        with doors.database.begin() as session:
            found = recipients.of_campaign(session, **key, states=rule.states_of(chosen))
            yield from csv_files.pieces(rule.COLUMNS, rule.lines(found), with_mark=with_mark)
    finally:
        _places.release()


def _refused(campaign_id: int, status: int, title: str, why: str) -> Response:
    return shown(
        "refused",
        status,
        operator=None,
        title=title,
        why=why,
        remedy="",
        way=f"{ROOM}/{campaign_id}",
        way_name="Back to the campaign",
    )
