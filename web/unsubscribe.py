"""Unsubscribe: a link that a person follows, and the one-click post that a mail program sends in their place.

GET and HEAD change nothing: scanners follow every link of a mail. A POST is a wish and is done at once, without
cookies, login or redirect (RFC 8058 "Signaling One-Click Functionality for List Email Headers", section 3.1).
"""

import contextlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from core import unsubscribe
from core.errors import InputError
from core.suppression import Scope
from core.unsubscribe import NOBODY, Claim, Purpose
from store import unsubscribes
from store.unsubscribes import Addressee
from web.doors import Doors, Given
from web.pages import page


router = APIRouter()


class BadLinkError(Exception):
    """The link is not ours, whatever the reason; answered with one uniform page."""


def _claim(token: str, doors: Given) -> Claim:
    try:
        return unsubscribe.read(token, doors.token_keys, purpose=Purpose.UNSUBSCRIBE)
    except InputError as error:
        raise BadLinkError from error


async def _scope(request: Request) -> Scope:
    """Return what the person wants to stop: this list, unless the page's button for everything was pressed.

    A body in any other form is a one-click post of a program that has not read the RFC: the wish is the same.
    """
    with contextlib.suppress(HTTPException):
        form = await request.form(max_files=1, max_fields=10)
        if form.get("scope") == Scope.TENANT:
            return Scope.TENANT
    return Scope.AUDIENCE


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def show(claim: Annotated[Claim, Depends(_claim)], doors: Given) -> HTMLResponse:
    """Ask what to stop."""
    if claim.delivery_id == NOBODY:
        return _of_a_test()
    return page("unsubscribe", brand=_addressee(claim, doors).brand)


@router.post("/u/{token}")
def stop(
    claim: Annotated[Claim, Depends(_claim)], scope: Annotated[Scope, Depends(_scope)], doors: Given
) -> HTMLResponse:
    """Stop it; a second time changes nothing and answers the same."""
    if claim.delivery_id == NOBODY:
        return _of_a_test()
    addressee = _addressee(claim, doors)
    doors.database.repeat(
        lambda session: unsubscribes.stop(
            session, tenant_id=addressee.tenant_id, delivery_id=addressee.delivery_id, scope=scope
        )
    )
    return page("unsubscribed", brand=addressee.brand, everything=scope is Scope.TENANT)


def _of_a_test() -> HTMLResponse:
    """Answer the link of a test or a preview: it works, and there is nobody to unsubscribe."""
    return page(
        "message",
        title="This is a test",
        text="The link works. It is that of a test mail, so nobody was unsubscribed.",
    )


def _addressee(claim: Claim, doors: Doors) -> Addressee:
    with doors.database.begin() as session:
        found = unsubscribes.addressee(session, tenant_id=claim.tenant_id, delivery_id=claim.delivery_id)
    if found is None:
        raise BadLinkError
    return found


def refuse(request: Request, _error: Exception) -> HTMLResponse:
    """Answer a bad link, and slow down whoever has too many of them."""
    doors = request.app.state.doors
    client = request.client.host if request.client else ""
    if doors.bad_links.is_exceeded_by_another(client):
        return page("message", 429, title="Too many wrong links", text="Please try again in a minute.")
    return page(
        "message",
        404,
        title="This link is not valid",
        text="Please use the link in the newest mail, or answer it and ask to be unsubscribed.",
    )
