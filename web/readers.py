"""Readers: what the pages that a mail's links lead to have in common: a token, a brand, a language, and one way to refuse."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from core import unsubscribe
from core.errors import InputError
from core.unsubscribe import Claim, Purpose
from store import unsubscribes
from store.unsubscribes import Addressee
from web.doors import Doors
from web.pages import page
from web.voice import Voice, voice_for


_PATHS = {Purpose.UNSUBSCRIBE: "/u/", Purpose.PREFERENCES: "/p/"}


class BadLinkError(Exception):
    """The link is not ours, whatever the reason; answered with one uniform page."""


def read(token: str, doors: Doors, purpose: Purpose) -> Claim:
    """Return what a link says.

    Raises:
        BadLinkError: It is not ours, or for something else.
    """
    try:
        return unsubscribe.read(token, doors.token_keys, purpose=purpose)
    except InputError as error:
        raise BadLinkError from error


def path_to(claim: Claim, doors: Doors, purpose: Purpose) -> str:
    """Return the way to another page of the same person."""
    token = unsubscribe.sign(Claim(claim.tenant_id, claim.delivery_id, purpose), doors.token_keys[0])
    return f"{_PATHS[purpose]}{token}"


def addressee(claim: Claim, doors: Doors) -> Addressee:
    """Return whom a link was sent to.

    Raises:
        BadLinkError: Nobody.
    """
    with doors.database.begin() as session:
        found = unsubscribes.addressee(session, tenant_id=claim.tenant_id, delivery_id=claim.delivery_id)
    if found is None:
        raise BadLinkError
    return found


def voice_of(request: Request, reader: Addressee | None = None) -> Voice:
    """Return the language for a person; nothing but the browser's is known of one without a good link."""
    accepted = request.headers.get("accept-language", "")
    if reader is None:
        return voice_for(accepted)
    return voice_for(accepted, contact=reader.contact_locale, tenant=reader.tenant_locale)


def branded(name: str, voice: Voice, reader: Addressee, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page in a tenant's brand; a website that is none is not linked."""
    website = reader.website if reader.website.startswith(("https://", "http://")) else ""
    brand: Mapping[str, Any] = {
        "brand": reader.brand,
        "website": website,
        "postal_address": reader.postal_address,
    }
    return page(name, status, voice=voice, **brand, **values)


def of_a_test(request: Request, text: str) -> HTMLResponse:
    """Answer the link of a test or a preview: it works, and there is nobody behind it."""
    voice = voice_of(request)
    return page("message", voice=voice, title=voice.say("test"), text=voice.say(text))


def refuse(request: Request, _error: Exception) -> HTMLResponse:
    """Answer a bad link, and slow down whoever has too many of them."""
    doors, voice = request.app.state.doors, voice_of(request)
    client = request.client.host if request.client else ""
    name, status = ("too_many", 429) if doors.bad_links.is_exceeded_by_another(client) else ("bad_link", 404)
    return page("message", status, voice=voice, title=voice.say(name), text=voice.say(f"{name}_text"))
