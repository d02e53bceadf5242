"""Pages: the few that people see. No scripts, nothing loaded from anywhere; cookies for operators alone."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web import words


_HTML: Final = Path(__file__).resolve().parent / "html"
_STYLES: Final = {name: (_HTML / f"{name}.css").read_text(encoding="utf-8") for name in ("style", "operator")}


def policy(style: str) -> str:
    """Return the content security policy of a page that has one of our styles in it, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_STYLES[style].encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


SECURITY_HEADERS: Final = {
    "Content-Security-Policy": policy("style"),
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
    environment.globals["styles"] = _STYLES
    environment.filters.update(
        moment=words.moment, day=words.day, done=words.done, plain=words.plain, masked=words.without_addresses
    )
    return environment


def page(name: str, status: int = 200, /, **values: object) -> HTMLResponse:
    """Return a page of `web/html`; every value is escaped."""
    return HTMLResponse(_environment().get_template(f"{name}.html").render(values), status)
