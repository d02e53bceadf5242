"""Inlining: write a template's CSS into its tags once, where that is provably the same as doing it each time.

premailer needs about a tenth of a second for a page and the same answer comes out for each contact, nearly always.
So we ask it once, at publication, about the template's skeleton, and write its answer into the template itself.
The render then costs what Jinja costs. Where the answer could differ from contact to contact, the template is
inlined for each, and the author is told what to change.

The proof. Let every `{{ }}` and every control structure stand in the text of an element, or inside one quoted value
of an attribute that no selector looks at, and begin and end in that same place. Escaped text opens no tag and
closes no quote, so a render is the skeleton with balanced parts left out or repeated: each of its tags comes from
one site, with the classes, the id and the enclosing sites that the site has in the skeleton. A selector made of
types, classes, ids, attributes, descent and childhood asks for nothing else, so it matches a tag if and only if it
matches the site. What remains is the parser, which may move an element that HTML does not allow where it stands;
it decides by the open elements, so if the skeleton's tree is the author's own nesting, every render's is.

Terms:
    site: a start tag (core/markup.py). hole, seams: where the template moves (core/skeleton.py).
    once, each: when the CSS is inlined; at publication, or for each message.

Invariants:
    Only `style` attributes and `<style>` elements change, in both ways; all other bytes stay the author's.
    Both ways call `learn`, so they cannot disagree about what premailer does.

See:
    docs/rendering.md, "Once and each".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from xml.dom import DOMException

from cssselect.parser import SelectorError
from jinja2 import nodes
from lxml import etree

from core import markup, skeleton, stylesheets
from core.errors import TemplateError, TemplateLimitError
from core.markup import Kind, Page, Place, Site


MAX_DEPTH = 200  # libxml2 drops what is deeper than 255, silently
MAX_WORK = 1_000_000  # rules times tags

Edit = tuple[int, int, str]

_MARK = "data-posthouse-site"
# Text that the next characters could turn into markup: an unfinished `<`, `</p` or `<!-`.
_HALF_TAG = re.compile(r"<[/!?]?[\w-]*$")
_HALF_COMMENT_END = re.compile(r"-!?$")
_REST_OF_COMMENT_END = re.compile(r"-?!?>")


@dataclass(frozen=True, slots=True)
class Inlining:
    """When a template is inlined, and why."""

    when: Literal["once", "each"]
    why: str


class _Unproven(Exception):  # noqa: N818 -- a verdict, not a fault
    """The first reason why the proof does not hold, in words for the author."""


def inline_template(tree: nodes.Template) -> Inlining:
    """Write the CSS into the tree, if that is provably right for every contact.

    Args:
        tree: A composed and vetted tree of an HTML template. Its pieces are changed.

    Raises:
        TemplateError: The CSS or the page cannot be inlined at all, or is too large.
    """
    bones = skeleton.build(tree)
    bones.apply([edit for edit in scrub(markup.lex(bones.text())) if bones.holds(*edit[:2])])
    bones = skeleton.build(tree)
    page = markup.lex(bones.text())
    check_size(page)
    try:
        _check_captures(bones)
        _check_places(bones, page, _looked_at(bones, page))
        bones.apply(_static_edits(bones, page))
    except _Unproven as reason:
        return Inlining("each", str(reason))
    return Inlining("once", "every tag gets the same style for every contact")


def inline_page(html: str) -> str:
    """Return a rendered page with its CSS inlined, its other bytes untouched.

    Raises:
        TemplateError: The CSS or the page cannot be inlined, or is too large.
    """
    clean = markup.edit(html, scrub(markup.lex(html)))
    page = markup.lex(clean)
    check_size(page)
    return markup.edit(clean, learn(page).edits)


def scrub(page: Page) -> list[Edit]:
    """Return the edits that take out what would be fetched: `<link rel=stylesheet>` and `@import` (T07)."""
    edits: list[Edit] = []
    for site in page.named("link"):
        relation = site.attribute("rel")
        if relation and "stylesheet" in page.value(relation).lower().split():
            edits.append((site.start, site.end, ""))
    for site in page.named("style"):
        start, end = page.content(site)
        css = page.source[start:end]
        if (kept := stylesheets.without_imports(css)) != css:
            edits.append((start, end, kept))
    return edits


def check_size(page: Page) -> None:
    """Refuse a page that would take too long, or that the parser would cut (T08).

    Raises:
        TemplateLimitError: Empty, nested more than 200 deep, or too many rules for its tags.
    """
    if not page.source.strip():
        raise TemplateLimitError("the HTML is empty", code="html_empty")
    css = "".join(_sheets(page).values())
    stylesheets.check_size(css)
    if page.depth > MAX_DEPTH or css.count("{") * len(page.sites) > MAX_WORK:
        raise TemplateLimitError(
            f"the HTML has {len(page.sites)} tags, {page.depth} deep, and {css.count('{')} CSS rules",
            hint=f"at most {MAX_DEPTH} deep; fewer rules or fewer tags",
            code="html_too_complex",
        )


@dataclass(frozen=True, slots=True)
class Learned:
    """What premailer did to a page: as edits, and the tree that its parser saw."""

    edits: list[Edit]
    parents: dict[int, int | None]
    strangers: bool  # elements that the parser made up


def learn(page: Page) -> Learned:
    """Run premailer over a page whose tags are numbered, and read off what it did to each.

    Raises:
        TemplateError: premailer cannot use the page or its CSS.
    """
    numbered = markup.edit(
        page.source, [(s.after_name, s.after_name, f' {_MARK}="{s.number}"') for s in page.sites]
    )
    try:
        # Bytes with the encoding named, so that a `<meta charset>` of another encoding is not believed.
        root = etree.fromstring(numbered.strip().encode(), etree.HTMLParser(encoding="utf-8"))
        elements = list(root.iter(etree.Element))
        parents = {_number(e): _number(e.getparent()) for e in elements if _number(e) is not None}
        stylesheets.OfflinePremailer().transform(root, pretty_print=False)
    except (ValueError, AssertionError, etree.LxmlError, SelectorError, DOMException, IndexError) as error:
        raise TemplateError(
            f"the CSS cannot be inlined: {error}", hint="check the style sheet and the page"
        ) from error
    edits = [edit for element in elements for edit in _edits(page, element)]
    return Learned(edits, {k: v for k, v in parents.items() if k is not None}, len(parents) != len(elements))


def _number(element: Any) -> int | None:
    mark = None if element is None else element.get(_MARK)
    return None if mark is None else int(mark)


def _edits(page: Page, element: Any) -> Iterator[Edit]:
    """Yield how the author's bytes must change to say what premailer's element says."""
    number = _number(element)
    if number is None or number >= len(page.sites):
        return
    site = page.sites[number]
    if site.name == "style":
        yield from _sheet_edits(page, site, element)
        return
    before, after = site.attribute("style"), element.get("style")
    if after is not None and before is None:
        yield site.after_name, site.after_name, f" style={_quoted(after)}"
    elif after is not None and before is not None and not _says(page.value(before), after):
        yield before.start, before.end, f"style={_quoted(after)}"


def _sheet_edits(page: Page, site: Site, element: Any) -> Iterator[Edit]:
    start, end = page.content(site)
    if element.getparent() is None:
        yield site.start, page.closings.get(site.number, (end, end))[1], ""
    elif (text := element.text or "") != page.source[start:end]:
        yield start, end, text
    if ignored := site.attribute("data-premailer"):
        yield ignored.start, ignored.end, ""


def _quoted(value: str) -> str:
    value = value.replace("&", "&amp;").replace("<", "&lt;")
    if '"' in value and "'" not in value:
        return f"'{value}'"
    return '"' + value.replace('"', "&quot;") + '"'


def _says(written: str, value: str) -> bool:
    return written == value or _quoted(value)[1:-1] == written


# --- the proof ---------------------------------------------------------------------------------------------------


def _check_captures(bones: skeleton.Skeleton) -> None:
    """A macro or a set block may collect text. If it collects tags, their ancestors depend on where it is printed."""
    for capture in bones.captures:
        for data in capture.find_all(nodes.TemplateData):
            if set(data.data) & set("<>\"'"):
                raise _Unproven(
                    f"line {capture.lineno}: a macro or a block that collects text holds tags or quotes; "
                    "write it out, or make it an include"
                )


def _looked_at(bones: skeleton.Skeleton, page: Page) -> frozenset[str]:
    """Return the attributes that selectors look at, after asking whether all selectors are plain."""
    for site in page.named("style"):
        if not bones.holds(site.start, page.closings.get(site.number, page.content(site))[1]):
            raise _Unproven(
                "a style sheet changes from contact to contact; take {{ }} and {% %} out of <style>"
            )
        if any(seams.offsets[0] <= site.start and site.end <= seams.offsets[-1] for seams in bones.seams):
            raise _Unproven("a style sheet stands in an {% if %} or {% for %}; move it out")
    selectors = [
        selector for css in _sheets(page).values() for selector in stylesheets.applied_selectors(css)
    ]
    for selector in selectors:
        if not stylesheets.is_plain(selector):
            raise _Unproven(
                f"the selector {selector!r} asks for siblings or positions; give those elements a class"
            )
    return stylesheets.selected_attributes(selectors)


def _sheets(page: Page) -> dict[int, str]:
    """Return the style sheets that premailer reads."""
    spans = {
        site.number: page.content(site)
        for site in page.named("style")
        if not site.attribute("data-premailer")
    }
    return {number: page.source[start:end] for number, (start, end) in spans.items()}


def _check_places(bones: skeleton.Skeleton, page: Page, looked_at: frozenset[str]) -> None:
    if page.fault:
        raise _Unproven(f"{page.fault}; close every tag in the order in which they were opened")
    for hole in bones.holes:
        if any(part.name == "safe" for part in hole.expression.find_all(nodes.Filter)) or _is_safe(
            hole.expression
        ):
            raise _Unproven(
                f"line {hole.output.lineno}: |safe prints tags that are not known before; print text"
            )
        _check_place(page, hole.offset, page.place(hole.offset), hole.output.lineno, looked_at)
        _check_place(page, hole.offset, page.place(hole.offset + 1), hole.output.lineno, looked_at)
    for seams in bones.seams:
        places = {page.place(offset) for offset in seams.offsets}
        if len(places) > 1:
            raise _Unproven(
                f"line {seams.line}: an {{% if %}} or {{% for %}} begins and ends in different places "
                f"({', '.join(sorted(_words(page, place) for place in places))}); put whole elements inside it"
            )
        for offset in seams.offsets:
            _check_place(page, offset, page.place(offset), seams.line, looked_at, is_hole=False)


def _is_safe(expression: nodes.Expr) -> bool:
    return isinstance(expression, nodes.Filter) and expression.name == "safe"


def _check_place(
    page: Page, offset: int, place: Place, line: int, looked_at: frozenset[str], *, is_hole: bool = True
) -> None:
    """Ask whether something may move here."""
    before = page.source[max(0, offset - 40) : offset]
    owner = page.sites[place.owner].name if place.kind is Kind.TEXT and place.owner is not None else ""
    if place.kind in {Kind.TAG, Kind.BARE}:
        raise _Unproven(f"line {line}: {{{{ }}}} or {{% %}} inside a tag; put it in a quoted attribute value")
    if place.kind is Kind.VALUE and place.attribute in looked_at:
        raise _Unproven(
            f"line {line}: the attribute {place.attribute!r} changes, and the CSS looks at it; "
            "write two elements in an {% if %}"
        )
    if place.kind is Kind.TEXT and is_hole and owner in {"", "html", "head", "style", "script"}:
        raise _Unproven(f"line {line}: {{{{ }}}} directly in <{owner or 'the page'}>; print inside the body")
    half_made = _HALF_COMMENT_END if place.kind is Kind.COMMENT else _HALF_TAG
    after = page.source[offset + is_hole : offset + is_hole + 3]
    half_ended = place.kind is Kind.COMMENT and _REST_OF_COMMENT_END.match(after)
    if place.kind is not Kind.VALUE and (half_made.search(before) or half_ended):
        raise _Unproven(f"line {line}: {{{{ }}}} or {{% %}} right behind an unfinished tag or comment")


def _words(page: Page, place: Place) -> str:
    if place.kind is Kind.TEXT:
        return f"in <{page.sites[place.owner].name}>" if place.owner is not None else "outside all elements"
    return {Kind.VALUE: f"in {place.attribute}=", Kind.BARE: f"in {place.attribute}="}.get(
        place.kind, "in a tag"
    )


def _static_edits(bones: skeleton.Skeleton, page: Page) -> list[Edit]:
    """Return premailer's edits, after asking whether its parser saw the nesting that the author wrote."""
    learned = learn(page)
    written = {site.number: site.parent for site in page.sites}
    if moved := [n for n in written if learned.parents.get(n, -1) != written[n]]:
        name = page.sites[moved[0]].name
        raise _Unproven(f"HTML does not allow the {_ordinal(page, moved[0])} <{name}> where it stands")
    if learned.strangers:
        raise _Unproven("the page lacks tags that a parser adds; write <html>, <head> and <body>")
    if not all(bones.holds(start, end) for start, end, _text in learned.edits):
        raise _Unproven("a tag is divided between two files or branches; write it in one place")
    return learned.edits


def _ordinal(page: Page, number: int) -> str:
    count = sum(1 for site in page.sites[: number + 1] if site.name == page.sites[number].name)
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(count if count < 20 else count % 10, 'th') }"
