"""The web application: `uvicorn web.app:app`. It needs our database and nothing of Prefect's."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from core.errors import (
    ConfigurationError,
    LedgerError,
    MalformedEventError,
    PosthouseError,
    UntrustedEventError,
)
from store.session import TRANSIENT
from web import (
    campaigns,
    dashboard,
    health,
    operators,
    preferences,
    readers,
    recipients,
    sns_webhook,
    unsubscribe,
)
from web.doors import Doors
from web.guard import Guard
from web.pages import SECURITY_HEADERS


def create_app(doors: Doors | None = None) -> FastAPI:
    """Return the application.

    Args:
        doors: What it needs of the outside; the process's own by default.
    """
    # Without the generated pages: they would need scripts, and list routes that nobody should look for.
    app = FastAPI(title="Posthouse", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.doors = doors or Doors()
    app.add_middleware(Guard, headers=SECURITY_HEADERS.items())
    rooms = (unsubscribe, preferences, sns_webhook, health, dashboard, operators, campaigns, recipients)
    for room in rooms:
        app.include_router(room.router)
    app.add_exception_handler(readers.BadLinkError, readers.refuse)
    app.add_exception_handler(operators.NotSignedInError, operators.refuse_nobody)
    app.add_exception_handler(operators.ForeignFormError, operators.refuse_foreign)
    app.add_exception_handler(operators.NoSuchPageError, operators.refuse_nowhere)
    app.add_exception_handler(UntrustedEventError, sns_webhook.refuse)
    app.add_exception_handler(MalformedEventError, _refuse)
    for ours in (ConfigurationError, LedgerError, *TRANSIENT):
        app.add_exception_handler(ours, _unavailable)
    return app


def _refuse(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PosthouseError)
    return JSONResponse({"error": error.as_json()}, 400)


def _unavailable(request: Request, _error: Exception) -> Response:
    """Answer a failure of ours so that SNS and mail programs try again; the details are nobody's business."""
    if operators.is_room(request.url.path):
        return operators.refuse_for_now()
    return JSONResponse(
        {"error": {"code": "unavailable", "message": "please try again", "hint": ""}},
        503,
        headers={"Retry-After": "30"},
    )


app = create_app()
