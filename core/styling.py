"""Styling: what premailer does to a page, read off tag by tag and written into the author's own bytes.

premailer answers with a tree, and a tree written out again is another text: entities, links and conditional comments
for Outlook are spelled anew. So every tag is numbered before, each number's style is read off after, and nothing but
`style` attributes and `<style>` elements of the author's page is changed.

Terms:
    quarrel: a page whose nesting libxml2, which premailer uses, does not see as the author wrote it.

Invariants:
    Equal to premailer's own output, for whoever parses both; where the parsers quarrel over the page it *is* premailer's
        output, so that there can be no difference of opinion.
    Otherwise only `style` attributes and `<style>` elements change.

See:
    core/inlining.py, which does this once for all contacts where it may.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.dom import DOMException

from cssselect.parser import SelectorError
from lxml import etree

from core import markup, stylesheets
from core.errors import TemplateError, TemplateLimitError
from core.markup import Page, Site


MAX_DEPTH = 200  # libxml2 drops what is deeper than 255, silently
MAX_WORK = 1_000_000  # rules times tags

Edit = tuple[int, int, str]

_MARK = "data-posthouse-site"


def inline_page(html: str) -> str:
    """Return a rendered page with its CSS inlined.

    Raises:
        TemplateError: The CSS or the page cannot be inlined, or is too large.
    """
    clean = markup.edit(html, scrub(markup.lex(html)))
    page = markup.lex(clean)
    check_size(page)
    learned = learn(page)
    return learned.whole() if quarrel(page, learned) else markup.edit(clean, learned.edits)


def premailers_page(html: str) -> str:
    """Return a rendered page as premailer itself writes it: none of our reading of it, and no edit of ours.

    Raises:
        TemplateError: As `inline_page`.
    """
    clean = markup.edit(html, scrub(markup.lex(html)))
    check_size(markup.lex(clean))
    with _complaints():
        written: str = stylesheets.OfflinePremailer().transform(clean)
    return written


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
    css = "".join(sheets(page))
    stylesheets.check_size(css)
    if page.depth > MAX_DEPTH or css.count("{") * len(page.sites) > MAX_WORK:
        raise TemplateLimitError(
            f"the HTML has {len(page.sites)} tags, {page.depth} deep, and {css.count('{')} CSS rules",
            hint=f"at most {MAX_DEPTH} deep; fewer rules or fewer tags",
            code="html_too_complex",
        )


def sheets(page: Page) -> list[str]:
    """Return the style sheets that premailer reads."""
    read = (site for site in page.named("style") if not site.attribute("data-premailer"))
    return [page.source[slice(*page.content(site))] for site in read]


@dataclass(frozen=True, slots=True)
class Learned:
    """What premailer did to a page.

    Attributes:
        edits: Its answer, as changes of the author's bytes.
        parents: The tree that its parser saw, each site with its parent.
        strangers: Whether the parser made up elements.
        lost: Whether premailer lost text, as it does when it takes out the `<style>` before it.
        root: Its answer as lxml's tree, the tags still numbered.
        doctype: Whether the page began with its document type, as premailer asks before it writes one.
    """

    edits: list[Edit]
    parents: dict[int, int | None]
    strangers: bool
    lost: bool
    root: Any
    doctype: bool

    def whole(self) -> str:
        """Return premailer's own text of the page. This spoils `root`."""
        etree.strip_attributes(self.root, _MARK)
        document = self.root.getroottree() if self.doctype else self.root
        written: str = etree.tostring(document, method="html", encoding="utf-8").decode()
        return written


def learn(page: Page) -> Learned:
    """Run premailer over a page whose tags are numbered, and read off what it did to each.

    Raises:
        TemplateError: premailer cannot use the page or its CSS.
    """
    numbered = markup.edit(
        page.source, [(s.after_name, s.after_name, f' {_MARK}="{s.number}"') for s in page.sites]
    ).strip()
    with _complaints():
        # Bytes with the encoding named, so that a `<meta charset>` of another encoding is not believed.
        root = etree.fromstring(numbered.encode(), etree.HTMLParser(encoding="utf-8"))
        elements = list(root.iter(etree.Element))
        parents = {n: _number(e.getparent()) for e in elements if (n := _number(e)) is not None}
        behind = [e for e in elements if e.tag == "style" and (e.tail or "").strip()]
        stylesheets.OfflinePremailer().transform(root)
    edits = [edit for element in elements for edit in _edits(page, element)]
    lost = any(element.getparent() is None for element in behind)
    doctype = numbered.startswith(root.getroottree().docinfo.doctype)
    return Learned(edits, parents, len(parents) != len(elements), lost, root, doctype)


@contextmanager
def _complaints() -> Iterator[None]:
    """Translate what premailer, and who works for it, raise about a page."""
    try:
        yield
    except (ValueError, AssertionError, etree.LxmlError, SelectorError, DOMException, IndexError) as error:
        raise TemplateError(
            f"the CSS cannot be inlined: {error}", hint="check the style sheet and the page"
        ) from error


class Quarrel(NamedTuple):
    """What libxml2 sees otherwise than it is written, and what to write; `offset` is where, if anywhere."""

    reason: str
    offset: int = -1


def quarrel(page: Page, learned: Learned, edges: frozenset[int] = frozenset()) -> Quarrel | None:
    """Return what libxml2 sees, or writes, otherwise than it is written; None if nothing.

    Args:
        page: A rendered page, or a skeleton's.
        learned: What premailer did to it.
        edges: Where a skeleton's page can have less, or more.
    """
    if page.fault:
        return Quarrel(page.fault, page.fault_at)
    for site in page.sites:
        if site.number not in learned.parents or learned.parents[site.number] != site.parent:
            around = f" in <{page.sites[site.parent].name}>" if site.parent is not None else ""
            advice = f"HTML does not allow <{site.name}>{around}: put it elsewhere, or use another element"
            return Quarrel(advice, site.start)
    if learned.strangers:
        return Quarrel("the page lacks tags that a parser adds: write <html>, <head> and <body>")
    if learned.lost:
        return Quarrel("premailer loses text that follows </style>: put <style> into the head")
    return _empty_item(page, edges)


def _empty_item(page: Page, edges: frozenset[int]) -> Quarrel | None:
    """Return the `<li>` that may be empty beside something else: libxml2 leaves out its end, and takes that in."""
    for item in page.named("li"):
        start, end = page.content(item)
        if start < end and start not in edges:
            continue
        position, until = (
            (0, len(page.source)) if item.parent is None else page.content(page.sites[item.parent])
        )
        for child in page.sites:
            if child.parent == item.parent and child.name == "li":
                if page.source[position : child.start].strip():
                    break
                position = page.closings[child.number][1]
        if page.source[position:until].strip():
            return Quarrel("an <li> may be empty beside what is no <li>: put &nbsp; into it", item.start)
    return None


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
