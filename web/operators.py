"""Operators: signing in to the pages about campaigns, and what every page of theirs asks before it answers.

Without `POSTHOUSE_OPERATOR_PASSWORD` there are no such pages: they answer as any address does that is not ours.
A form is believed when three things agree: the cookie, which no other site's page can send along (SameSite=Strict), the
form token, which no other site can know, and the browser's own word about where the form came from (Origin).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from core import operators
from core.errors import InputError
from core.operators import Visit
from web.doors import Doors, Given
from web.pages import page, policy


router = APIRouter()

ROOM: Final = "/campaigns"
COOKIE: Final = "posthouse_operator"

_HEADERS: Final = {
    "Content-Security-Policy": policy("operator"),
    # Under the stricter "no-referrer" of the other pages, the Origin of a form would be "null".
    "Referrer-Policy": "same-origin",
}


class NotSignedInError(Exception):
    """Nobody is signed in, or no longer; answered with the way to the sign-in form, and back afterwards."""


class ForeignFormError(Exception):
    """The form was not drawn by us for this visit."""


class NoSuchPageError(Exception):
    """There is no such campaign, page or tenant: one uniform answer."""


def is_room(path: str) -> bool:
    """Whether an address is one of these pages."""
    return path == ROOM or path.startswith(f"{ROOM}/")


def _password(doors: Given) -> str:
    """Return the password, where the pages are switched on."""
    if doors.settings.operator_password is None:
        raise HTTPException(404)
    return doors.settings.operator_password.get_secret_value()


Password = Annotated[str, Depends(_password)]


def _key(doors: Given, password: Password) -> bytes:
    return operators.key_of(doors.token_keys[0].secret, password)


Key = Annotated[bytes, Depends(_key)]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, and what the forms of the answer carry."""

    visit: Visit
    form_token: str

    @property
    def name(self) -> str:
        """Return the name that was given when signing in."""
        return self.visit.name


def _visit(request: Request, key: bytes) -> Visit | None:
    return operators.read(request.cookies.get(COOKIE, ""), key=key, now=datetime.now(UTC))


def _operator(request: Request, key: Key) -> Operator:
    visit = _visit(request, key)
    if visit is None:
        raise NotSignedInError
    return Operator(visit, operators.form_token(visit, key))


SignedIn = Annotated[Operator, Depends(_operator)]


async def _own_form(request: Request, doors: Given, _open: Password) -> Mapping[str, str]:
    """Return the fields of a form that a page of ours has sent."""
    if not _is_ours(request, doors):
        raise ForeignFormError
    form = await request.form(max_files=0, max_fields=10)
    return {name: value for name, value in form.items() if isinstance(value, str)}


OwnForm = Annotated[Mapping[str, str], Depends(_own_form)]


def _signed_form(form: OwnForm, operator: SignedIn, key: Key) -> Mapping[str, str]:
    if not operators.is_form_token(form.get("form_token", ""), operator.visit, key):
        raise ForeignFormError
    return form


SignedForm = Annotated[Mapping[str, str], Depends(_signed_form)]


def _is_ours(request: Request, doors: Doors) -> bool:
    """Whether the browser says that the form stands on a page of ours. Behind a proxy we have two names."""
    origin = urlsplit(request.headers.get("origin", ""))
    public = urlsplit(doors.settings.public_url)
    known = {request.headers.get("host"), public.netloc}
    # Browsers that know this header send it to every address that they trust, and it cannot be set by a page.
    site = request.headers.get("sec-fetch-site", "same-origin")
    return bool(origin.netloc) and origin.netloc in known and site == "same-origin"


@router.get(f"{ROOM}/sign-in")
def ask(request: Request, key: Key, to: str = "") -> Response:
    """Ask for name and password, unless the person is signed in."""
    if _visit(request, key):
        return RedirectResponse(_way(to), 303)
    # A link from elsewhere comes without the cookie, although its reader may be signed in: one click more sends it.
    from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return _form(to=to, again=from_elsewhere)


@router.post(f"{ROOM}/sign-in")
def sign_in(request: Request, form: OwnForm, doors: Given, password: Password, key: Key) -> Response:
    """Begin a visit."""
    client = request.client.host if request.client else ""
    to, name = form.get("to", ""), form.get("name", "")
    # Counted before it is known to be wrong: many at once must not all be the fifth.
    if doors.wrong_passwords.is_exceeded_by_another(client):
        return _form(429, to=to, name=name, problem="Too many wrong passwords. Please try again in a minute.")
    if not operators.is_password(form.get("password", ""), password):
        return _form(403, to=to, name=name, problem="This is not the password.")
    doors.wrong_passwords.forget(client)
    try:
        name = operators.checked_name(name)
    except InputError as error:
        return _form(422, to=to, name=name, problem=f"Please say who you are: {error.message}. {error.hint}")
    visit = operators.begin(name, now=datetime.now(UTC), noise=secrets.token_bytes(16))
    answer = RedirectResponse(_way(to), 303)
    _set_cookie(
        answer, operators.sign(visit, key), seconds=int(operators.VISIT.total_seconds()), request=request
    )
    return answer


@router.post(f"{ROOM}/sign-out")
def sign_out(request: Request, _form: SignedForm) -> Response:
    """End the visit in this browser."""
    answer = RedirectResponse(f"{ROOM}/sign-in", 303)
    _set_cookie(answer, "", seconds=0, request=request)
    return answer


def _set_cookie(answer: Response, token: str, *, seconds: int, request: Request) -> None:
    """Set the cookie, for https alone when the browser came by it; the proxy's side of the wire does not count."""
    scheme = urlsplit(request.headers.get("origin", "")).scheme
    answer.set_cookie(
        COOKIE, token, max_age=seconds, path=ROOM, secure=scheme == "https", httponly=True, samesite="strict"
    )


def _way(to: str) -> str:
    """Return where to go after signing in: a campaign's page, and nowhere outside."""
    return f"{ROOM}/{to}" if to.isascii() and to.isdigit() else ROOM


def _form(
    status: int = 200, *, to: str = "", name: str = "", problem: str = "", again: bool = False
) -> Response:
    values = {"way": _way(to), "to": to, "name": name, "problem": problem, "again": again}
    return shown("sign_in", status, operator=None, **values)


def shown(name: str, status: int = 200, /, **values: object) -> Response:
    """Return a page for operators."""
    answer = page(name, status, **values)
    answer.headers.update(_HEADERS)
    return answer


def refuse_nobody(request: Request, _error: Exception) -> Response:
    """Show the way to the sign-in form, which afterwards leads back to the campaign."""
    campaign = request.path_params.get("number", "")
    return RedirectResponse(f"{ROOM}/sign-in" + (f"?to={campaign}" if campaign.isdigit() else ""), 303)


def refuse_foreign(_request: Request, _error: Exception) -> Response:
    """Answer a form of another site, of another visit, or of none."""
    return _refused(
        403,
        title="This form is not valid",
        why="It was not sent from a page of this visit: you may have signed in again since, or another site has sent it.",
        remedy="Nothing was changed. Open the page again, and send the form from there.",
    )


def refuse_nowhere(_request: Request, _error: Exception) -> Response:
    """Answer what is not there."""
    return _refused(404, title="Nothing here", why="There is no such page.", remedy="")


def refuse_for_now() -> Response:
    """Answer when our database cannot be used, or our settings are wrong."""
    return _refused(
        503,
        title="This cannot be answered now",
        why="What you asked for may have been done or not.",
        remedy="Open the campaign's page again in a minute: it shows how the campaign stands.",
    )


def _refused(status: int, **values: str) -> Response:
    return shown("refused", status, operator=None, way=ROOM, way_name="All campaigns", **values)
