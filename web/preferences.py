"""Preferences: the page on which a person chooses what of a tenant's mail they get, how often, and from when.

GET and HEAD change nothing. A POST is the whole form and is done at once; sent again it changes nothing, since a pause is the day on
which it ends. A form that lacks an answer is shown again with what is wrong, and has changed nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from core import preferences as rule
from core.preferences import Choice, Frequency, Problem, UnclearError
from core.unsubscribe import NOBODY, Claim, Purpose
from store import preferences
from store.preferences import Standing
from store.unsubscribes import Addressee
from web import readers
from web.doors import Doors, Given
from web.voice import Voice


router = APIRouter()

_MOST_FIELDS: Final = 500
_UNPROCESSABLE: Final = 422


def _claim(token: str, doors: Given) -> Claim:
    return readers.read(token, doors, Purpose.PREFERENCES)


async def _form(request: Request) -> Mapping[str, Sequence[str]]:
    """Return the values of each field; a body that is no form has none."""
    try:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
            given = {name: [text for text in form.getlist(name) if isinstance(text, str)] for name in form}
    except HTTPException:
        return {}
    return {name: texts for name, texts in given.items() if texts}


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
def show(claim: Annotated[Claim, Depends(_claim)], request: Request, doors: Given) -> HTMLResponse:
    """Show what holds now, and what may be chosen."""
    if claim.delivery_id == NOBODY:
        return readers.of_a_test(request, "test_preferences")
    reader = readers.addressee(claim, doors)
    return _page(readers.voice_of(request, reader), reader, _standing(reader, doors))


@router.post("/p/{token}")
def save(
    claim: Annotated[Claim, Depends(_claim)],
    form: Annotated[Mapping[str, Sequence[str]], Depends(_form)],
    request: Request,
    doors: Given,
) -> HTMLResponse:
    """Do what was chosen."""
    if claim.delivery_id == NOBODY:
        return readers.of_a_test(request, "test_preferences")
    reader = readers.addressee(claim, doors)
    voice, standing = readers.voice_of(request, reader), _standing(reader, doors)
    topics = [topic.id for topic in standing.topics if not topic.held]
    try:
        choice = rule.read(form, topics=topics, today=standing.today)
    except UnclearError as error:
        return _page(voice, reader, standing, problems=error.problems, form=form)
    doors.database.repeat(
        lambda session: preferences.save(
            session, tenant_id=reader.tenant_id, delivery_id=reader.delivery_id, choice=choice
        )
    )
    return _page(voice, reader, _standing(reader, doors), saved=_saved(voice, reader, choice))


def _standing(reader: Addressee, doors: Doors) -> Standing:
    with doors.database.begin() as session:
        return preferences.standing(session, tenant_id=reader.tenant_id, delivery_id=reader.delivery_id)


def _saved(voice: Voice, reader: Addressee, choice: Choice) -> str:
    if choice.nothing:
        return voice.say("saved_none", brand=reader.brand)
    if choice.paused_until:
        return voice.say("saved_pause", brand=reader.brand, date=voice.day(choice.paused_until))
    return voice.say("saved")


def _page(
    voice: Voice,
    reader: Addressee,
    standing: Standing,
    *,
    saved: str = "",
    problems: Sequence[Problem] = (),
    form: Mapping[str, Sequence[str]] | None = None,
) -> HTMLResponse:
    shown: dict[str, Any] = {
        "nothing": standing.nothing,
        "frequency": standing.frequency,
        "paused_until": standing.paused_until,
        "topics": standing.topics,
    } | (_as_filled_in(form, standing) if form else {})
    return readers.branded(
        "preferences",
        voice,
        reader,
        _UNPROCESSABLE if problems else 200,
        address=rule.masked(standing.address),
        held=standing.held,
        frequencies=list(Frequency),
        pauses=rule.pauses(standing.today),
        saved=saved,
        problems=list(problems),
        **shown,
    )


def _as_filled_in(form: Mapping[str, Sequence[str]], standing: Standing) -> dict[str, Any]:
    """Return the answers of a form that lacks one, so that nobody has to give the others again."""
    ticked = set(form.get("topic", ()))
    given = {
        "nothing": form.get("mail", [""])[-1] == "none" or standing.nothing,
        "frequency": form.get("frequency", [standing.frequency])[-1],
    }
    if "shown" in form:
        given["topics"] = [replace(topic, wanted=str(topic.id) in ticked) for topic in standing.topics]
    return given
