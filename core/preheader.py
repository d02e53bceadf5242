"""Preheader: the line that a list of messages shows behind the subject.

Mail programs take it from the first text of the body, seen or not. So it stands there in an element that nobody sees,
and behind it so many blanks that the letter's first words do not follow it into the list.

Terms:
    preheader: the template's `preheader.txt.j2`, rendered for the contact, one line. Every part may print it.

Invariants:
    A template that prints `{{ preheader }}` itself has chosen the place, and nothing is added to it.
    It is put in before the CSS is inlined, so that the page is inlined as if the author had written it there.
    It is plain text, escaped where it is printed, like any value.

Standards:
    HTML Living Standard, 13.1.2 (elements). CSS Display 3 (`display: none`). Hidden text with blanks behind it is the
    field's custom and written down nowhere.
"""

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from core import markup, skeleton
from core.composition import Composition
from core.errors import TemplateError
from core.skeleton import Piece


NAME: Final = "preheader"
# A figure space, a zero-width space that does not break and a combining joiner: nothing to see, and not collapsed.
# In lines, because one of more than 998 bytes is none that a mail may have (RFC 5322, 2.1.1).
FILLER: Final = ("&#8199;&#65279;&#847; " * 10 + "\n") * 4
_STYLE: Final = (
    "display: none; max-height: 0; max-width: 0; overflow: hidden; opacity: 0; mso-hide: all; "
    "font-size: 1px; line-height: 1px"
)
OPENING: Final = f'\n<div style="{_STYLE}">'
CLOSING: Final = f"\n{FILLER}</div>\n"


def place(whole: Composition) -> None:
    """Let the HTML print its preheader behind `<body>`. Its tree is changed.

    Raises:
        TemplateError: It has no `<body>`.
    """
    bones = skeleton.build(whole.tree)
    ends = [site.end for site in markup.lex(bones.text()).named("body")]
    places = [
        (piece, min(found) - piece.start)
        for piece in bones.pieces
        if (found := [end for end in ends if piece.start < end <= piece.end])
    ]
    if not places:
        raise TemplateError(
            f"{whole.files[0]}: there is a preheader and no <body> to begin with it",
            hint="write <body>, or {{ preheader }} where it belongs",
            code="template_preheader",
        )
    for piece, offset in places:
        _insert(whole, piece, offset)
    whole.tree.set_environment(whole.environment)


def _insert(whole: Composition, piece: Piece, offset: int) -> None:
    for output in whole.tree.find_all(nodes.Output):
        output.nodes = [
            part
            for node in output.nodes
            for part in (_split(piece.data, offset) if node is piece.data else (node,))
        ]


def _split(data: nodes.TemplateData, offset: int) -> Iterator[nodes.Expr]:
    """Yield what stands before the place, the preheader, and what stands behind."""
    line = data.lineno + data.data.count("\n", 0, offset)
    yield nodes.TemplateData(data.data[:offset] + OPENING, lineno=data.lineno)
    yield nodes.Name(NAME, "load", lineno=line)
    yield nodes.TemplateData(CLOSING + data.data[offset:], lineno=line)


def line(printed: str) -> str:
    """Return what a preheader's template printed as one line."""
    return " ".join(printed.split())
