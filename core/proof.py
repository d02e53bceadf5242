"""Proof: whether a template's CSS may be written into its tags once, for all contacts.

The theorem is in core/inlining.py; here are its conditions, one question each. The first that fails is the reason
that the author reads, so it says what to change.

Invariants:
    A doubt is a no: the template is then inlined for each contact, which is slow and right.

See:
    docs/rendering.md, "Once and each".
"""

import re

from jinja2 import nodes

from core import markup, stylesheets
from core.markup import Kind, Page, Place
from core.skeleton import Hole, Seams, Skeleton


# Text that the next characters could turn into markup: an unfinished `<`, `</p` or `<!-`.
_HALF_TAG = re.compile(r"<[/!?]*[\w-]*$")
# A comment's end, of which one half is the author's and the other could come from the data.
_HALF_COMMENT_END = re.compile(r"-!?$")
_REST_OF_COMMENT_END = re.compile(r"-?!?>")
# Printing there would make a parser open `<body>` early, or is not text at all.
_NO_TEXT = frozenset({"html", "head", "style", "script"})


class Unproven(Exception):  # noqa: N818 -- a verdict, not an error
    """The first condition that does not hold, in words for the author. `lineno` is a node's, 0 for the whole."""

    def __init__(self, reason: str, lineno: int = 0) -> None:
        super().__init__(reason)
        self.lineno = lineno


def prove(bones: Skeleton, page: Page) -> None:
    """Ask everything that can be asked before premailer is.

    Args:
        bones: The template's skeleton.
        page: The skeleton's page.

    Raises:
        Unproven: A condition does not hold.
    """
    if page.fault:
        raise Unproven(f"{page.fault}: close all tags, in the order in which they were opened")
    ask_captures(bones)
    looked_at = ask_sheets(bones, page)
    for hole in bones.holes:
        ask_hole(hole, page, looked_at)
    for seams in bones.seams:
        ask_seams(seams, page, looked_at)


def ask_captures(bones: Skeleton) -> None:
    """Ask whether what macros and blocks collect is text alone. A collected tag's ancestors are unknown."""
    for capture in bones.captures:
        if any(set(data.data) & set("<>\"'") for data in capture.find_all(nodes.TemplateData)):
            raise Unproven(
                "a macro or block that collects text holds tags or quotes: write it out, or include it",
                capture.lineno,
            )


def ask_sheets(bones: Skeleton, page: Page) -> frozenset[str]:
    """Ask whether all style sheets are constant and plain, and return the attributes that they look at."""
    for site in page.named("style"):
        span = (site.start, page.closings[site.number][1])
        if not bones.holds(*span):
            raise Unproven("a style sheet changes with the contact: take {{ }} and {% %} out of <style>")
        if any(seams.offsets[0] <= span[0] and span[1] <= seams.offsets[-1] for seams in bones.seams):
            raise Unproven("a style sheet depends on the contact: take <style> out of {% if %} and {% for %}")
    selectors = [selector for css in sheets(page) for selector in stylesheets.applied_selectors(css)]
    for selector in selectors:
        if not stylesheets.is_plain(selector):
            raise Unproven(
                f"the selector {selector!r} asks for siblings or positions: give those elements a class"
            )
    return stylesheets.selected_attributes(selectors)


def sheets(page: Page) -> list[str]:
    """Return the style sheets that premailer reads."""
    read = (site for site in page.named("style") if not site.attribute("data-premailer"))
    return [page.source[slice(*page.content(site))] for site in read]


def ask_hole(hole: Hole, page: Page, looked_at: frozenset[str]) -> None:
    """Ask whether the hole prints text, in a place where text changes nothing."""
    lineno, place = hole.output.lineno, page.place(hole.offset)
    if any(part.name == "safe" for part in _filters(hole.expression)):
        raise Unproven("|safe prints tags that are not known before: print text", lineno)
    if place.kind is Kind.TEXT and (place.owner is None or page.sites[place.owner].name in _NO_TEXT):
        raise Unproven("{{ }} outside the body: print inside it, or in <title>", lineno)
    ask_place(place, lineno, looked_at)
    ask_neighbours(page, place, hole.offset, hole.offset + 1, lineno)


def _filters(expression: nodes.Expr) -> list[nodes.Filter]:
    found = list(expression.find_all(nodes.Filter))
    return [*found, expression] if isinstance(expression, nodes.Filter) else found


def ask_seams(seams: Seams, page: Page, looked_at: frozenset[str]) -> None:
    """Ask whether the control structure begins and ends, in all its branches, in one place."""
    places = {page.place(offset): offset for offset in seams.offsets}
    if len(places) > 1:
        named = " and ".join(sorted({_words(page, place) for place in places}))
        raise Unproven(
            f"an {{% if %}} or {{% for %}} begins and ends in different places ({named}): "
            "put whole elements inside it",
            seams.lineno,
        )
    for place in places:
        ask_place(place, seams.lineno, looked_at)
        for offset in seams.offsets:
            ask_neighbours(page, place, offset, offset, seams.lineno)


def ask_place(place: Place, lineno: int, looked_at: frozenset[str]) -> None:
    """Ask whether something may move here without a selector noticing."""
    if place.kind in {Kind.TAG, Kind.BARE}:
        raise Unproven("{{ }} or {% %} inside a tag: put it into a quoted attribute value", lineno)
    if place.kind is Kind.VALUE and place.attribute in looked_at:
        raise Unproven(
            f"the attribute {place.attribute!r} changes and the CSS looks at it: write two elements in an {{% if %}}",
            lineno,
        )


def ask_neighbours(page: Page, place: Place, start: int, end: int, lineno: int) -> None:
    """Ask whether the characters on both sides are complete: no tag or comment end is put together by data."""
    before, after = page.source[max(0, start - 40) : start], page.source[end : end + 3]
    if place.kind is Kind.TEXT:
        unfinished = _HALF_TAG.search(before)
    else:
        unfinished = _HALF_COMMENT_END.search(before) or _REST_OF_COMMENT_END.match(after)
    if unfinished and place.kind is not Kind.VALUE:
        raise Unproven("{{ }} or {% %} beside an unfinished tag or comment: finish it first", lineno)


def ask_tree(page: Page, parents: dict[int, int | None], *, strangers: bool) -> None:
    """Ask whether premailer's parser saw the nesting that the author wrote.

    Args:
        page: The skeleton's page.
        parents: Each site's parent in the parser's tree.
        strangers: Whether the parser added elements.
    """
    for site in page.sites:
        if site.number not in parents or parents[site.number] != site.parent:
            raise Unproven(f"HTML does not allow this <{site.name}> here: {_excerpt(page, site)}")
    if strangers:
        raise Unproven("the page lacks tags that a parser adds: write <html>, <head> and <body>")


def _excerpt(page: Page, site: markup.Site) -> str:
    return " ".join(page.source[max(0, site.start - 30) : site.end].split())


def _words(page: Page, place: Place) -> str:
    if place.kind is Kind.TEXT:
        return f"in <{page.sites[place.owner].name}>" if place.owner is not None else "outside all elements"
    return {Kind.COMMENT: "in a comment", Kind.TAG: "in a tag"}.get(place.kind, f"in {place.attribute}=")
