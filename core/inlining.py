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
    core/proof.py for the conditions, one by one; docs/rendering.md, "Once and each".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from xml.dom import DOMException

from cssselect.parser import SelectorError
from lxml import etree

from core import markup, proof, skeleton, stylesheets
from core.composition import Composition
from core.errors import TemplateError, TemplateLimitError
from core.markup import Page, Site


MAX_DEPTH = 200  # libxml2 drops what is deeper than 255, silently
MAX_WORK = 1_000_000  # rules times tags

Edit = tuple[int, int, str]

_MARK = "data-posthouse-site"


@dataclass(frozen=True, slots=True)
class Inlining:
    """When a template is inlined, and why."""

    when: Literal["once", "each"]
    why: str


def inline_template(whole: Composition) -> Inlining:
    """Write the CSS into a template's tags, if that is provably right for every contact.

    Args:
        whole: A vetted HTML template. The pieces of its tree are changed.

    Raises:
        TemplateError: The CSS or the page cannot be inlined at all, or is too large.
    """
    _scrub_template(whole)
    bones = skeleton.build(whole.tree)
    page = markup.lex(bones.text())
    check_size(page)
    try:
        proof.prove(bones, page)
        learned = learn(page)
        proof.ask_tree(page, learned.parents, strangers=learned.strangers)
    except proof.Unproven as reason:
        where = f"{whole.where(reason.lineno)}: " if reason.lineno else ""
        return Inlining("each", f"{where}{reason}")
    if not all(bones.holds(start, end) for start, end, _text in learned.edits):
        return Inlining("each", "a tag is divided between two files: write it in one")
    bones.apply(learned.edits)
    return Inlining("once", "every tag gets the same style for every contact")


def _scrub_template(whole: Composition) -> None:
    bones = skeleton.build(whole.tree)
    edits = scrub(markup.lex(bones.text()))
    bones.apply(edit for edit in edits if bones.holds(*edit[:2]))


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
    css = "".join(proof.sheets(page))
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
        parents = {n: _number(e.getparent()) for e in elements if (n := _number(e)) is not None}
        stylesheets.OfflinePremailer().transform(root)
    except (ValueError, AssertionError, etree.LxmlError, SelectorError, DOMException, IndexError) as error:
        raise TemplateError(
            f"the CSS cannot be inlined: {error}", hint="check the style sheet and the page"
        ) from error
    edits = [edit for element in elements for edit in _edits(page, element)]
    return Learned(edits, parents, len(parents) != len(elements))


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
