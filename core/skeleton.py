"""Skeleton: a template flattened into one page, with a note of where its moving parts are.

A branch that is not taken and a loop's second turn do not change how CSS matches the rest, if they are *balanced*:
begun and ended in the same place of the page. So all branches are written one after the other, each loop body
once, each `{{ }}` as a word, and the seams between them are remembered. Whoever finds all seams and holes in
harmless places may treat the skeleton's page as every page that the template can render.

Terms:
    piece: a run of the author's own characters; a `TemplateData` node of Jinja's tree.
    hole: the offset of a `{{ }}`.
    seams: the offsets where one control structure begins, changes branch and ends.

Invariants:
    The pieces, with one placeholder for each hole between them, are the page.
    `apply` changes pieces only, so what a hole prints is never touched.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from jinja2 import nodes

from core import markup


PLACEHOLDER = "x"


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of the author, `start` in the page."""

    start: int
    data: nodes.TemplateData

    @property
    def end(self) -> int:
        """The offset behind the last character."""
        return self.start + len(self.data.data)


@dataclass(frozen=True, slots=True)
class Hole:
    """One `{{ }}`: its offset, the Output node that holds it and its index there."""

    offset: int
    output: nodes.Output
    index: int

    @property
    def expression(self) -> nodes.Expr:
        """What is printed."""
        return self.output.nodes[self.index]


@dataclass(frozen=True, slots=True)
class Seams:
    """The edges of one control structure and of its branches; whether it `repeats` them, as a loop does."""

    offsets: tuple[int, ...]
    lineno: int
    repeats: bool = False


@dataclass(slots=True)
class Skeleton:
    """A template as one page."""

    pieces: list[Piece] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    seams: list[Seams] = field(default_factory=list)
    captures: list[nodes.Node] = field(default_factory=list)  # bodies that are printed elsewhere
    length: int = 0

    def text(self) -> str:
        """Return the page."""
        parts: list[str] = []
        position = 0
        for piece in self.pieces:
            parts += (PLACEHOLDER * (piece.start - position), piece.data.data)
            position = piece.end
        return "".join(parts) + PLACEHOLDER * (self.length - position)

    def edges(self) -> frozenset[int]:
        """Return the offsets of all holes and seams."""
        seams = (offset for seams in self.seams for offset in seams.offsets)
        return frozenset([*(hole.offset for hole in self.holes), *seams])

    def lineno(self, offset: int) -> int:
        """Return the line of an offset, as near as Jinja knows: it counts for a piece, and white space it took is gone."""
        for piece in self.pieces:
            if piece.start <= offset < piece.end:
                return piece.data.lineno + piece.data.data.count("\n", 0, offset - piece.start)
        return 0

    def holds(self, start: int, end: int) -> bool:
        """Whether the span lies in one piece, so that it can be replaced."""
        return any(piece.start <= start and end <= piece.end for piece in self.pieces)

    def apply(self, edits: Iterable[tuple[int, int, str]]) -> None:
        """Replace spans of the page in the template's own pieces. Each span lies in one piece.

        An empty span belongs to the character before it: what follows may stand in a branch.
        """
        waiting = sorted(edits)
        for piece in self.pieces:
            own = [
                (start - piece.start, end - piece.start, text)
                for start, end, text in waiting
                if piece.start <= start and end <= piece.end and (start, end) != (piece.start, piece.start)
            ]
            if own:
                piece.data.data = markup.edit(piece.data.data, own)


def build(tree: nodes.Template) -> Skeleton:
    """Return the skeleton of a composed tree."""
    skeleton = Skeleton()
    _join_pieces(tree)
    _walk(tree.body, skeleton)
    return skeleton


def _join_pieces(tree: nodes.Template) -> None:
    """Make one piece of neighbours: a `{# comment #}` splits the author's characters in two."""
    for output in tree.find_all(nodes.Output):
        joined: list[nodes.Expr] = []
        for node in output.nodes:
            if joined and isinstance(node, nodes.TemplateData) and isinstance(joined[-1], nodes.TemplateData):
                joined[-1].data += node.data
            else:
                joined.append(node)
        output.nodes = joined


def _walk(body: Iterable[nodes.Node], skeleton: Skeleton) -> None:
    for node in body:
        if isinstance(node, nodes.Output):
            _output(node, skeleton)
        elif isinstance(node, nodes.If):
            _branches(node, [node.body, *(branch.body for branch in node.elif_), node.else_], skeleton)
        elif isinstance(node, nodes.For):
            _branches(node, [node.body, node.else_], skeleton)
        elif isinstance(node, nodes.Scope | nodes.With):
            _walk(node.body, skeleton)
        elif isinstance(node, nodes.Macro | nodes.AssignBlock):
            skeleton.captures.append(node)
        elif isinstance(node, nodes.FilterBlock | nodes.CallBlock):
            skeleton.captures.append(node)
            _hole(nodes.Output([node], lineno=node.lineno), 0, skeleton)


def _output(node: nodes.Output, skeleton: Skeleton) -> None:
    for index, child in enumerate(node.nodes):
        if isinstance(child, nodes.TemplateData):
            skeleton.pieces.append(Piece(skeleton.length, child))
            skeleton.length += len(child.data)
        else:
            _hole(node, index, skeleton)


def _hole(output: nodes.Output, index: int, skeleton: Skeleton) -> None:
    skeleton.holes.append(Hole(skeleton.length, output, index))
    skeleton.length += len(PLACEHOLDER)


def _branches(node: nodes.Node, branches: list[list[nodes.Node]], skeleton: Skeleton) -> None:
    offsets = [skeleton.length]
    for branch in branches:
        _walk(branch, skeleton)
        offsets.append(skeleton.length)
    skeleton.seams.append(Seams(tuple(offsets), node.lineno, repeats=isinstance(node, nodes.For)))
