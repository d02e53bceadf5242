"""Proof: whether a template's CSS may be written into its tags once, for all contacts.

The theorem is in core/inlining.py; here are its conditions, one question each. The first that fails is the reason
that the author reads, so it says what to change.

Terms:
    looked at: of an attribute, that a selector asks for it, or that it is `style`, which the rules are merged into.
    moving: of a site, that an attribute which is looked at changes with the contact (core/movement.py).

Invariants:
    A doubt is a no: the template is then inlined for each contact, which is slow and right.
    Whatever an author can say, some question asks: what no question names is not let through.

See:
    docs/rendering.md, "Once and each".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

from core import stylesheets, styling
from core.markup import Kind, Page, Place, Site
from core.skeleton import Hole, Seams, Skeleton


# Text that the next characters could turn into markup: an unfinished `<`, `</p` or `<!-`.
_HALF_TAG = re.compile(r"<[/!?]*[\w-]*$")
# A comment's end, of which one half is the author's and the other could come from the data.
_HALF_COMMENT_END = re.compile(r"-!?$")
_REST_OF_COMMENT_END = re.compile(r"-?!?>")
# Printing there would make a parser open `<body>` early, or is not text at all.
_NO_TEXT = frozenset({"html", "head", "style", "script"})
# What may be done to a collected text, which is escaped already, so that it stays so. Jinja prints what any other
# filter returns as it is: `{% filter striptags %}` takes the escaping off again.
_KEEP_ESCAPED = frozenset(
    {"capitalize", "e", "escape", "lower", "replace", "title", "trim", "truncate", "upper"}
)


# What core/movement.py marks tags with. No data has these (core/rendering.py), and no escape in a template makes them.
_MARKS = frozenset("\2\3")


class Unproven(Exception):  # noqa: N818 -- a verdict, not an error
    """The first condition that does not hold, in words for the author. `lineno` is a node's, 0 for the whole."""

    def __init__(self, reason: str, lineno: int = 0) -> None:
        super().__init__(reason)
        self.lineno = lineno


@dataclass(frozen=True, slots=True)
class Proven:
    """What the proof leaves to be looked up when a message is rendered.

    Attributes:
        selectors: Those of all applied rules.
        moving: The sites whose looked-at attributes change.
        steering: Those of them whose descendants may notice: what changes is in a selector.
    """

    selectors: list[str]
    moving: frozenset[int]
    steering: frozenset[int]


def prove(tree: nodes.Template, bones: Skeleton, page: Page) -> Proven:
    """Ask everything that can be asked before premailer is.

    Args:
        tree: The template.
        bones: Its skeleton.
        page: The skeleton's page.

    Raises:
        Unproven: A condition does not hold.
    """
    if page.fault:
        raise Unproven(page.fault, bones.lineno(page.fault_at))
    ask_filters(tree)
    ask_captures(bones)
    selectors = ask_sheets(bones, page)
    selected = stylesheets.selected_attributes(selectors)
    spans = [ask_hole(hole, page) for hole in bones.holes]
    spans += [ask_seams(seams, page) for seams in bones.seams]
    for place, inside in _seams_in_tags(bones, page).items():
        ask_tag(page, place, inside)
    moving = frozenset(number for span in spans for number in _movers(page, *span, selected | {"style"}))
    steering = frozenset(number for span in spans for number in _movers(page, *span, selected))
    if moving and any(_MARKS & set(text) for text in _constants(tree)):
        raise Unproven("the template has a control character: take it out")
    return Proven(selectors, moving, steering)


def ask_filters(tree: nodes.Template) -> None:
    """Ask whether everything printed is escaped, however it came to be printed."""
    for node in tree.find_all(nodes.Filter):
        if node.name == "safe":
            raise Unproven("|safe prints tags that are not known before: print text", node.lineno)
        if node.name == "map" and not _maps_harmlessly(node):
            raise Unproven("|map may apply |safe: name another filter, or an attribute", node.lineno)
    blocks: list[nodes.FilterBlock | nodes.AssignBlock] = [
        *tree.find_all(nodes.FilterBlock),
        *tree.find_all(nodes.AssignBlock),
    ]
    for block in blocks:
        for name in _names(block.filter):
            if name not in _KEEP_ESCAPED:
                raise Unproven(
                    f"a block's text is escaped before |{name} changes it: filter the values in it",
                    block.lineno,
                )


def _maps_harmlessly(node: nodes.Filter) -> bool:
    named = node.args[:1]
    return (
        node.dyn_args is None
        and node.dyn_kwargs is None
        and all(isinstance(name, nodes.Const) and name.value != "safe" for name in named)
    )


def _names(chain: nodes.Node | None) -> Iterator[str]:
    while isinstance(chain, nodes.Filter):
        yield chain.name
        chain = chain.node


def ask_captures(bones: Skeleton) -> None:
    """Ask whether what macros and blocks collect is text alone. A collected tag's ancestors are unknown."""
    for capture in bones.captures:
        if any(set(data.data) & set("<>\"'") for data in capture.find_all(nodes.TemplateData)):
            raise Unproven(
                "a macro or block that collects text holds tags or quotes: write it out, or include it",
                capture.lineno,
            )


def ask_sheets(bones: Skeleton, page: Page) -> list[str]:
    """Ask whether all style sheets are constant and plain, and return the selectors of their applied rules.

    Raises:
        Unproven: One of them is not.
        TemplateError: premailer could not use it for any contact.
    """
    for site in page.named("style"):
        span = (site.start, page.closings[site.number][1])
        if not bones.holds(*span):
            raise Unproven("a style sheet changes with the contact: take {{ }} and {% %} out of <style>")
        if any(seams.offsets[0] <= span[0] and span[1] <= seams.offsets[-1] for seams in bones.seams):
            raise Unproven("a style sheet depends on the contact: take <style> out of {% if %} and {% for %}")
    selectors = [selector for css in styling.sheets(page) for selector in stylesheets.applied_selectors(css)]
    for selector in selectors:
        if not stylesheets.is_plain(selector):
            stylesheets.check_selector(selector)
            raise Unproven(
                f"the selector {selector!r} asks for siblings or positions: give those elements a class"
            )
    return selectors


def ask_hole(hole: Hole, page: Page) -> tuple[int, int]:
    """Ask whether the hole prints text, in a place where text changes nothing, and return its span."""
    lineno, place = hole.output.lineno, page.place(hole.offset)
    if place.kind is Kind.TAG:
        raise Unproven("{{ }} inside a tag: put it into a quoted attribute value", lineno)
    if place.kind is Kind.TEXT and (place.owner is None or page.sites[place.owner].name in _NO_TEXT):
        raise Unproven("{{ }} outside the body: print inside it, or in <title>", lineno)
    ask_place(place, lineno)
    ask_neighbours(page, place, hole.offset, hole.offset + 1, lineno)
    return hole.offset, hole.offset


def ask_seams(seams: Seams, page: Page) -> tuple[int, int]:
    """Ask whether the control structure begins and ends, in all its branches, in one place, and return its span."""
    places = {page.place(offset): offset for offset in seams.offsets}
    if len(places) > 1:
        named = " and ".join(sorted({_words(page, place) for place in places}))
        raise Unproven(
            f"an {{% if %}} or {{% for %}} begins and ends in different places ({named}): "
            "put whole elements inside it",
            seams.lineno,
        )
    [place] = places
    ask_place(place, seams.lineno)
    for edge in seams.offsets:
        ask_neighbours(page, place, edge, edge, seams.lineno)
    return seams.offsets[0], seams.offsets[-1]


def ask_place(place: Place, lineno: int) -> None:
    """Ask whether a value is kept in by quotes."""
    if place.kind is Kind.BARE:
        raise Unproven(f'{place.attribute}= without quotes changes: write {place.attribute}="..."', lineno)


def _seams_in_tags(bones: Skeleton, page: Page) -> dict[Place, list[Seams]]:
    found: dict[Place, list[Seams]] = {}
    for seams in bones.seams:
        if (place := page.place(seams.offsets[0])).kind is Kind.TAG:
            found.setdefault(place, []).append(seams)
    return found


def ask_tag(page: Page, place: Place, inside: list[Seams]) -> None:
    """Ask whether the branches inside a tag hold whole attributes, so that any choice of them makes a tag.

    Two can only grow together where a name ends, of the tag or of an attribute without a value, and what comes next
    brings no space of its own. So there must be no such name before such an attribute.
    """
    source, edges = page.source, {edge for seams in inside for edge in seams.offsets}
    site = next((site for site in page.sites if site.start == place.owner), None)
    if site is None or any(edge < site.after_name for edge in edges):
        raise Unproven("{% %} inside a comment or a tag's name: put it around the whole", inside[0].lineno)
    names = [site.after_name, *(a.end for a in site.attributes if not a.has_value)]
    growing = [end for end in names if end in edges or not source[end].isspace()]
    joining = [a.start for a in site.attributes if a.start in edges or not source[a.start - 1].isspace()]
    repeats = any(seams.repeats for seams in inside)
    if (
        any(end <= start or repeats for end in growing for start in joining)
        or any(a.start < edge < a.end for a in site.attributes for edge in edges)
        or any(a.has_value and not a.quoted for a in site.attributes)
        or any("/" in between for between in _between(page.source, site))
        or any(source[edge - 1] == "/" for edge in edges)
    ):
        raise Unproven(
            "{% %} inside a tag cuts an attribute: put whole attributes into it, quoted, each after a space",
            inside[0].lineno,
        )


def _between(source: str, site: Site) -> Iterator[str]:
    """Yield what stands before each attribute of a tag."""
    start = site.after_name
    for attribute in site.attributes:
        yield source[start : attribute.start]
        start = attribute.end


def _movers(page: Page, start: int, end: int, looked_at: frozenset[str]) -> Iterator[int]:
    """Yield the site of whose looked-at attributes one changes with what stands in the span, if there is one."""
    if page.place(start).kind in {Kind.VALUE, Kind.TAG}:
        site = page.site_around(start)
        if any(a.name in looked_at and a.start < end + 1 and start < a.end for a in site.attributes):
            yield site.number


def _constants(tree: nodes.Template) -> Iterator[str]:
    yield from (data.data for data in tree.find_all(nodes.TemplateData))
    yield from (const.value for const in tree.find_all(nodes.Const) if isinstance(const.value, str))


def ask_parser(bones: Skeleton, quarrel: styling.Quarrel | None) -> None:
    """Ask whether premailer's parser saw the nesting that the author wrote."""
    if quarrel:
        raise Unproven(quarrel.reason, bones.lineno(quarrel.offset))


def ask_neighbours(page: Page, place: Place, start: int, end: int, lineno: int) -> None:
    """Ask whether the characters on both sides are complete: no tag or comment end is put together by data."""
    before, after = page.source[max(0, start - 40) : start], page.source[end : end + 3]
    unfinished = (place.kind is Kind.TEXT and _HALF_TAG.search(before)) or (
        place.kind is Kind.COMMENT and (_HALF_COMMENT_END.search(before) or _REST_OF_COMMENT_END.match(after))
    )
    if unfinished:
        raise Unproven("{{ }} or {% %} beside an unfinished tag or comment: finish it first", lineno)


def _words(page: Page, place: Place) -> str:
    if place.kind is Kind.TEXT:
        return f"in <{page.sites[place.owner].name}>" if place.owner is not None else "outside all elements"
    return {Kind.COMMENT: "in a comment", Kind.TAG: "in a tag"}.get(place.kind, f"in {place.attribute}=")
