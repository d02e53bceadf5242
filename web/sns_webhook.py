"""The SNS webhook: prove where a message comes from, store it, and think later.

SQS is the way that events are sure to come. The webhook only makes some of them faster, so it does the least that can
be done: a notification goes into the inbox as it is. SNS never repeats what was answered with 200 to 499, therefore a
failure of ours is a 503.
"""

import hashlib
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core import events
from core.errors import MalformedEventError, UntrustedEventError
from gateways.sns import Kind, Notification
from store import inbox
from store.inbox import Arrival
from web.doors import Doors, Given


router = APIRouter()
log = logging.getLogger("posthouse.webhook")


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/sns/ses")
def receive(body: Annotated[bytes, Depends(_body)], doors: Given) -> JSONResponse:
    """Take one message of one of our topics."""
    try:
        notification = doors.verifier.verify(body)
    except OSError as error:
        log.warning("a signing certificate cannot be fetched")
        raise HTTPException(503, "the signing certificate cannot be fetched now") from error
    match notification.kind:
        case Kind.NOTIFICATION:
            _store(body.decode("utf-8", "replace"), doors)
        case Kind.SUBSCRIPTION_CONFIRMATION:
            _confirm(notification, doors)
        case Kind.UNSUBSCRIBE_CONFIRMATION:
            log.error("the webhook was unsubscribed from topic %s", notification.topic_arn)
    return JSONResponse({"ok": True})


def _store(raw: str, doors: Doors) -> None:
    """Put an event into the inbox; one that cannot be read goes into quarantine, for a 400 would lose it."""
    try:
        event = events.parse(raw)
    except MalformedEventError as error:
        digest = hashlib.sha256(raw.encode()).hexdigest()
        arrival = Arrival(dedupe_key=digest, source="webhook", event_type="", raw=raw, error=error.message)
    else:
        if event is None:
            return
        arrival = Arrival.of(event, raw=raw, source="webhook")
    with doors.database.begin() as session:
        inbox.store_many(session, [arrival])


def _confirm(notification: Notification, doors: Doors) -> None:
    try:
        doors.confirm(notification)
    except Exception as error:
        log.exception("the subscription to topic %s cannot be confirmed", notification.topic_arn)
        raise HTTPException(503, "the subscription cannot be confirmed now") from error
    log.info("subscribed to topic %s", notification.topic_arn)


def refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer a post that is not believed; a few reasons a minute go into the log, so that nobody can fill it."""
    assert isinstance(error, UntrustedEventError)
    client = request.client.host if request.client else ""
    if not request.app.state.doors.told_refusals.is_exceeded_by_another(client):
        log.warning("a post to the webhook is not believed: %s", error.message)
    return JSONResponse({"error": error.as_json()}, 403)
