r"""Frames: what all messages of a template share, sent once in a call, and the holes that each message fills.

Of a newsletter of forty kilobytes some thirty-five are the same for everybody. A call of fifty messages that carries them
once is a tenth as long, to be written, signed and sent.

Terms:
    frame: the static pieces of one part of a message, with a hole between each two.
    hole: what a message puts between two pieces. It is whatever was printed there: values, branches, whole loops.
    rim: the characters at the edge of a static piece that travel in the hole beside it.

Invariants:
    The frame filled with a message's holes is what the template prints for it, to the last character.
    No hole is empty: whether SES takes an empty value for a missing one is not documented, so every hole has a rim.
    In the template that SES reads, nothing but our holes can be taken for one: a piece has no `{{`, and a brace or a
        backslash at its edge is in its rim, or `{` and `{{h0}}` were `{{{h0}}}`, and `\{{h0}}` were text.

Standards:
    Amazon SES, "Using templates to send personalized email": inline templates, no HTML escaping of values.
    Handlebars, "Expressions": `{{{`, `\{{` and `{{~`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import nodes

from core.errors import TemplateForbiddenError


# What a hole costs each message of a call: its name, quotes and escapes. A shorter piece is cheaper inside the hole.
WORTH: Final = 32
MARK: Final = "\0"
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HEAD = re.compile(r".[{}\\~]*", re.DOTALL)
_TAIL = re.compile(r"[{}\\~]*.\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """The static pieces of one part: `pieces[0]` is between holes 0 and 1, so there is one hole more than pieces."""

    pieces: tuple[str, ...] = ()

    def fill(self, holes: Sequence[str]) -> str:
        """Return the part with these holes."""
        parts = [""] * (len(self.pieces) + len(holes))
        parts[0::2], parts[1::2] = holes, self.pieces
        return "".join(parts)

    def split(self, printed: str) -> tuple[str, ...]:
        """Return the holes of what a carved template printed.

        Raises:
            TemplateForbiddenError: It printed the mark, which is no character of a mail.
        """
        holes = tuple(printed.split(MARK))
        if len(holes) != len(self.pieces) + 1:
            raise TemplateForbiddenError("the template prints a NUL character", hint="take it out")
        return holes

    def names(self, prefix: str) -> list[str]:
        """Return the names of the holes, in order."""
        return [f"{prefix}{number}" for number in range(len(self.pieces) + 1)]

    def as_template(self, prefix: str) -> str:
        """Return the part as SES reads it: pieces, and holes by their names."""
        return self.fill([f"{{{{{name}}}}}" for name in self.names(prefix)])


WHOLE: Final = Frame()  # one hole and no piece: the part as it is


@dataclass(frozen=True, slots=True)
class Filling:
    """The holes of one message's HTML and text, with the frames that they belong to."""

    html_frame: Frame
    html: tuple[str, ...]
    text_frame: Frame
    text: tuple[str, ...]

    @classmethod
    def whole(cls, html: str, text: str) -> "Filling":
        """Return parts that share nothing with others."""
        return cls(WHOLE, (html,), WHOLE, (text,))

    def put_together(self) -> tuple[str, str]:
        """Return HTML and text as SES puts them together: by the holes' names in the template that it reads."""
        return _put_together(self.html_frame, self.html, "h"), _put_together(self.text_frame, self.text, "t")


def _put_together(frame: Frame, holes: Sequence[str], prefix: str) -> str:
    values = dict(zip(frame.names(prefix), holes, strict=True))
    return _PLACE.sub(lambda place: values.get(place[1], ""), frame.as_template(prefix))


def carve(tree: nodes.Template) -> Frame:
    """Take a tree's static pieces out of it, leaving a mark for each, and return them as the frame of its holes.

    Only what is printed exactly once whatever the data is carved: no branch, no loop, nothing that is collected.

    Raises:
        TemplateForbiddenError: The source has a NUL character.
    """
    pieces: list[str] = []
    for data in _certain(tree.body):
        if MARK in data.data:
            raise TemplateForbiddenError("the template has a NUL character", hint="take it out")
        head, piece, tail = _without_rims(data.data)
        if len(piece) >= WORTH and "{{" not in piece:
            data.data = f"{head}{MARK}{tail}"
            pieces.append(piece)
    return Frame(tuple(pieces))


def _certain(body: Iterable[nodes.Node]) -> Iterator[nodes.TemplateData]:
    """Yield the author's own characters that every rendering prints once, in order."""
    for node in body:
        if isinstance(node, nodes.Output):
            yield from (child for child in node.nodes if isinstance(child, nodes.TemplateData))
        elif isinstance(node, nodes.Scope | nodes.With):
            yield from _certain(node.body)


def _without_rims(text: str) -> tuple[str, str, str]:
    head = _HEAD.match(text)
    tail = _TAIL.search(text, head.end() if head else 0)
    start, end = head.end() if head else 0, tail.start() if tail else len(text)
    return text[:start], text[start:end], text[end:]
