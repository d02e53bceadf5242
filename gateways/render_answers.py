"""Render answers: what a child process says, believed in nothing.

It may have been taken over by the template that it renders. So types and sizes are checked, an error is one of ours with
words that can stand in a log, and a frame is one that SES reads as text between our own holes.

See:
    `gateways/render_process.py`, which turns every exception from here into an error of the template.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from core import equality
from core.errors import (
    TemplateError,
    TemplateForbiddenError,
    TemplateLimitError,
    TemplateSyntaxError,
    TemplateUndefinedError,
)
from core.filling import MAX_OUTPUT
from core.frames import Frame
from core.locales import PARTS, Variant
from core.rendering import MAX_INLINED, Holes


MAX_FRAME: Final = 8 * 2**20
MAX_SUBJECT: Final = 10_000
_LONGEST_LINE: Final = 1_000
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_WORDS: Final = re.compile(r"[a-z0-9:,'/\[\]. -]*")
_BRACES: Final = frozenset("{}\\~")
_ERRORS: Final[Mapping[str, type[TemplateError]]] = {
    kind.__name__: kind
    for kind in (
        TemplateError,
        TemplateForbiddenError,
        TemplateLimitError,
        TemplateSyntaxError,
        TemplateUndefinedError,
    )
}


def text(value: object, longest: int) -> str:
    """Return a text.

    Raises:
        TypeError: It is none, or longer.
    """
    if type(value) is not str or len(value) > longest:
        raise TypeError
    return value


def texts(value: object, longest: int) -> tuple[str, ...]:
    """Return a list of texts that are together no longer than this."""
    if type(value) is not list or not {str}.issuperset(map(type, value)) or sum(map(len, value)) > longest:
        raise TypeError
    return tuple(value)


def when(value: object) -> Literal["once", "each"]:
    """Return when the CSS is inlined.

    Raises:
        ValueError: At no such time.
    """
    if value not in {"once", "each"}:
        raise ValueError
    return "once" if value == "once" else "each"


def frame(value: object) -> Frame:
    """Return a frame that SES will read as text between our holes, and as nothing else (`core.frames`)."""
    pieces = texts(value, MAX_FRAME)
    if any(not piece or "{{" in piece or {piece[0], piece[-1]} & _BRACES for piece in pieces):
        raise ValueError
    return Frame(pieces)


def frames(told: Mapping[str, Any]) -> tuple[Frame, Frame]:
    """Return the frames of HTML and text of one variant."""
    return frame(told["html"]), frame(told["text"])


def variant(tag: str, told: Mapping[str, Any], overrides: Iterable[str]) -> Variant:
    """Return what a child has found out about one variant; which parts it overrides is known from its sources."""
    return Variant(
        locale=tag,
        overrides=tuple(part for part in PARTS if part in overrides),
        inlining=when(told["inlining"]),
        why=text(told["why"], 10_000),
    )


def holes(answer: Mapping[str, Any], html_frame: Frame, text_frame: Frame) -> Holes:
    """Return what a message puts into its frames.

    Raises:
        LookupError, TypeError, ValueError: Something is missing, of another type, too long, or does not fit the frames.
    """
    subject = text(answer["subject"], MAX_SUBJECT)
    html, plain = texts(answer["html"], MAX_INLINED), texts(answer["text"], MAX_OUTPUT)
    if len(html) != len(html_frame.pieces) + 1 or len(plain) != len(text_frame.pieces) + 1:
        raise ValueError
    return Holes(subject, html, plain)


def difference(value: object) -> str:
    """Return how a message differs, in words that can stand in a log: no data, and so no address, can be spelled in them.

    Raises:
        ValueError: There are other characters in them.
    """
    words = text(value, 2 * equality.MOST)
    if not _WORDS.fullmatch(words):
        raise ValueError
    return words


def error(answer: object) -> TemplateError:
    """Return the error that a child names, as one line that can stand in a log."""
    name, code, message, hint = texts(answer, MAX_FRAME)
    if not _CODE.fullmatch(code):
        raise ValueError
    return _ERRORS[name](_line(message), hint=_line(hint), code=code)


def _line(words: str) -> str:
    shortened = words if len(words) <= _LONGEST_LINE else f"{words[:_LONGEST_LINE]} ..."
    return "".join(character if character.isprintable() else " " for character in shortened)
