"""Unsubscribe: a link that a person follows, and the one-click post that a mail program sends in their place.

GET and HEAD change nothing: scanners follow every link of a mail. A POST is a wish and is done at once, without
cookies, login or redirect (RFC 8058 "Signaling One-Click Functionality for List Email Headers", section 3.1).
"""

import contextlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from core.suppression import Scope
from core.unsubscribe import NOBODY, Claim, Purpose
from store import unsubscribes
from web import readers
from web.doors import Given


router = APIRouter()


def _claim(token: str, doors: Given) -> Claim:
    return readers.read(token, doors, Purpose.UNSUBSCRIBE)


async def _scope(request: Request) -> Scope:
    """Return what the person wants to stop: this list, unless the page's button for everything was pressed.

    A body in any other form is a one-click post of a program that has not read the RFC: the wish is the same.
    """
    with contextlib.suppress(HTTPException):
        async with request.form(max_files=1, max_fields=10) as form:
            if form.get("scope") == Scope.TENANT:
                return Scope.TENANT
    return Scope.AUDIENCE


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def show(claim: Annotated[Claim, Depends(_claim)], request: Request, doors: Given) -> HTMLResponse:
    """Ask what to stop."""
    if claim.delivery_id == NOBODY:
        return readers.of_a_test(request, "test_text")
    reader = readers.addressee(claim, doors)
    preferences = readers.path_to(claim, doors, Purpose.PREFERENCES)
    return readers.branded("unsubscribe", readers.voice_of(request, reader), reader, preferences=preferences)


@router.post("/u/{token}")
def stop(
    claim: Annotated[Claim, Depends(_claim)],
    scope: Annotated[Scope, Depends(_scope)],
    request: Request,
    doors: Given,
) -> HTMLResponse:
    """Stop it; a second time changes nothing and answers the same."""
    if claim.delivery_id == NOBODY:
        return readers.of_a_test(request, "test_text")
    reader = readers.addressee(claim, doors)
    doors.database.repeat(
        lambda session: unsubscribes.stop(
            session, tenant_id=reader.tenant_id, delivery_id=reader.delivery_id, scope=scope
        )
    )
    return readers.branded(
        "unsubscribed",
        readers.voice_of(request, reader),
        reader,
        everything=scope is Scope.TENANT,
        preferences=readers.path_to(claim, doors, Purpose.PREFERENCES),
    )
