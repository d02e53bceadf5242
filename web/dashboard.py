"""The operator's page: how many campaigns stand where. It names clients, so it is shown to this machine alone."""

from ipaddress import ip_address

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from store import overview
from web.doors import Given
from web.pages import page


router = APIRouter()

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/")
def show(request: Request, doors: Given) -> HTMLResponse:
    """Show all tenants with their campaigns."""
    if not _is_local(request):
        return page("message", 404, title="Nothing here", text="There is no such page.")
    with doors.database.begin() as session:
        found = overview.campaigns_by_tenant(session)
    return page("dashboard", tenants=found, linked=doors.settings.operator_password is not None)


def _is_local(request: Request) -> bool:
    """Whether the request was made on this machine. Behind a proxy everybody seems to be local."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
