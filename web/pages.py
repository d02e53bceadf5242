"""Pages: the few that people see. No scripts, no cookies, nothing loaded from anywhere."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined


_HTML: Final = Path(__file__).resolve().parent / "html"
_STYLE: Final = (_HTML / "style.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    # The token of a link must not travel on as a referrer.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HTML),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = _STYLE
    return environment


def page(name: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page of `web/html`; every value is escaped."""
    return HTMLResponse(_environment().get_template(f"{name}.html").render(values), status)
