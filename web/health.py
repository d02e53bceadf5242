"""Health: whether the process lives, and whether it can do its work."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from store import migrations
from web.doors import Given


router = APIRouter()


@router.get("/healthz")
def alive() -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"ok": True})


@router.get("/readyz")
def ready(doors: Given) -> JSONResponse:
    """Say whether the database is there and has the schema that this code is written for."""
    if migrations.current(doors.database.url) != migrations.head():
        return JSONResponse({"ok": False, "reason": "the database has another schema"}, 503)
    return JSONResponse({"ok": True})
