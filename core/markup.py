"""Markup: where things stand in an HTML page, without changing a byte of it.

A parser answers with a tree and forgets the author's bytes. We want the opposite: every start tag, attribute and
style sheet *with its offsets*, so that a few characters can be written into the page and all others stay as they
are (conditional comments for Outlook, entities, the exact spelling of a link).

Terms:
    site: a start tag, numbered in document order.
    place: what surrounds an offset: the text of an element, a quoted attribute value, a comment, or the inside of
        a tag. Two offsets in the same place can have anything balanced between them.
    fault: the first thing that makes the page a matter of a parser's opinion (an end tag that closes nothing), and
        what to write.

Invariants:
    Offsets grow; `lex` reads each character once.
    In a page without fault every element is closed by its own end tag, or is void.

Standards:
    HTML Living Standard, 13.2.5 (tokenization): raw text elements, comments that end in `-->` or `--!>`, and
    anything else that begins with `<!`, `<?` or `</` and is not a tag being a comment up to the next `>`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto


VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905 -- reads as a list of words
)
# Their content is text up to the matching end tag, whatever it looks like.
RAW = frozenset({"iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"})
# Raw text that libxml2 reads as browsers do and writes with entities in it, which browsers do not decode there.
_GARBLED = frozenset({"iframe", "noembed", "noframes", "xmp"})
# Where `/>` means what it says. HTML ignores it everywhere else, and libxml2 nowhere.
_FOREIGN = frozenset({"svg", "math"})
_HTML_IN_FOREIGN = frozenset(
    {"annotation-xml", "desc", "foreignobject", "mi", "mn", "mo", "ms", "mtext", "title"}
)

_NAME = re.compile(r"<([a-zA-Z][^\s/>]*)")
_END_TAG = re.compile(r"</([a-zA-Z][^\s/>]*)[^>]*>")
_COMMENT_END = re.compile(r"--!?>")
_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"'][^\s>]*)))?"""
)
_TAG_END = re.compile(r"[\s/]*>")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a start tag; `start:end` spans it whole, `value_start:value_end` its value without quotes."""

    name: str
    start: int
    end: int
    value_start: int
    value_end: int
    quoted: bool

    @property
    def has_value(self) -> bool:
        """Whether there is an equals sign."""
        return self.value_start > self.start


@dataclass(frozen=True, slots=True)
class Site:
    """One start tag. `after_name` is where an attribute may be inserted, `parent` the enclosing site's number."""

    number: int
    name: str
    start: int
    after_name: int
    end: int
    attributes: tuple[Attribute, ...]
    parent: int | None
    closed: bool

    def attribute(self, name: str) -> Attribute | None:
        """Return the first attribute of that name: of two, every parser takes the first."""
        return next((a for a in self.attributes if a.name == name), None)


class Kind(Enum):
    """What surrounds an offset."""

    TEXT = auto()
    VALUE = auto()
    COMMENT = auto()
    BARE = auto()
    TAG = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of an offset: equal places are the same element, attribute or comment, not just alike."""

    kind: Kind
    owner: int | None
    attribute: str = ""


@dataclass(slots=True)
class Page:
    """A page and where everything stands in it."""

    source: str
    sites: list[Site] = field(default_factory=list)
    closings: dict[int, tuple[int, int]] = field(default_factory=dict)  # site -> span of its end tag
    depth: int = 0
    fault: str = ""
    fault_at: int = 0  # its offset
    # Tags and comments in document order, with the element that is open after each.
    _starts: list[int] = field(default_factory=list)
    _tokens: list[tuple[int, Site | None, bool]] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    _open: list[int | None] = field(default_factory=list)

    def value(self, attribute: Attribute) -> str:
        """Return the attribute's value as the author wrote it, entities and all."""
        return self.source[attribute.value_start : attribute.value_end]

    def content(self, site: Site) -> tuple[int, int]:
        """Return the span between the site's start tag and its end tag."""
        return site.end, self.closings.get(site.number, (len(self.source), 0))[0]

    def named(self, name: str) -> Iterator[Site]:
        """Yield the sites of that tag name."""
        return (site for site in self.sites if site.name == name)

    def site_around(self, offset: int) -> Site:
        """Return the site whose tag `offset` stands in. Only for places of a tag or of its attributes."""
        return self.sites[bisect_left(self.sites, offset, key=lambda site: site.start) - 1]

    def place(self, offset: int) -> Place:
        """Return what surrounds `offset`. The edge of a tag or a comment belongs to the text around it."""
        token = bisect_left(self._starts, offset) - 1
        if token >= 0 and offset < self._ends[token]:
            return self._inside(token, offset)
        before = bisect_right(self._ends, offset) - 1
        return Place(Kind.TEXT, self._open[before] if before >= 0 else None)

    def _inside(self, token: int, offset: int) -> Place:
        end, site, is_comment = self._tokens[token]
        if is_comment and self._starts[token] + 4 <= offset <= end - 3:
            return Place(Kind.COMMENT, self._starts[token])
        for attribute in site.attributes if site else ():
            if attribute.has_value and attribute.value_start <= offset <= attribute.value_end:
                kind = Kind.VALUE if attribute.quoted else Kind.BARE
                return Place(kind, attribute.value_start, attribute.name)
        return Place(Kind.TAG, self._starts[token])


def lex(source: str) -> Page:
    """Return the page of `source`. Never fails: what makes no sense is text, or is told in `fault`."""
    page = Page(source)
    _Lexer(page).run()
    return page


def read_attributes(source: str, position: int) -> tuple[list[Attribute], re.Match[str] | None]:
    """Return the attributes of the tag whose name ends at `position`, and its end, None if there is none."""
    attributes: list[Attribute] = []
    while not (end := _TAG_END.match(source, position)):
        found = _ATTRIBUTE.match(source, position)
        if found is None:
            break
        attributes.append(_attribute(found))
        position = found.end()
    return attributes, end


def edit(source: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return `source` with each span `start:end` replaced by its text; spans do not overlap."""
    pieces: list[str] = []
    position = 0
    for start, end, text in sorted(edits):
        pieces += (source[position:start], text)
        position = end
    return "".join([*pieces, source[position:]])


class _Lexer:
    """One pass over the source, carrying the stack of open elements."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.stack: list[Site] = []

    def run(self) -> None:
        source, position = self.page.source, 0
        while (position := source.find("<", position)) >= 0:
            position = self._token(position)
        if self.stack:
            self._fault(f"<{self.stack[-1].name}> is never closed: close what you open", self.stack[-1].start)

    def _token(self, position: int) -> int:
        source = self.page.source
        if source.startswith("<!--", position):
            return self._comment(position, _COMMENT_END.search(source, position + 2))
        if name := _NAME.match(source, position):
            return self._start_tag(name)
        if closing := _END_TAG.match(source, position):
            return self._end_tag(closing)
        if source.startswith(("<!", "<?", "</"), position):
            end = source.find(">", position)
            return self._record(position, end + 1 if end >= 0 else len(source), None)
        return position + 1

    def _comment(self, start: int, end: re.Match[str] | None) -> int:
        if end is None:
            self._fault("a comment is never closed: write -->", start)
        return self._record(start, end.end() if end else len(self.page.source), None, comment=True)

    def _start_tag(self, name: re.Match[str]) -> int:
        source = self.page.source
        attributes, end = read_attributes(source, name.end())
        if end is None:
            self._fault(f"<{name[1]} is never finished: write >", name.start())
            return self._record(name.start(), len(source), None)
        # Outside HTML's own void elements, libxml2 takes `/>` at its word, as XHTML did.
        closed = name[1].lower() in VOID or (end[0].endswith("/>") and name[1].lower() not in RAW)
        if closed and name[1].lower() not in VOID and not self._in_foreign(name[1].lower()):
            self._fault(
                f"<{name[1]}/> closes itself in XML but not in HTML: write <{name[1]}></{name[1]}>",
                name.start(),
            )
        parent = self.stack[-1].number if self.stack else None
        site = Site(
            len(self.page.sites),
            name[1].lower(),
            name.start(),
            name.end(),
            end.end(),
            tuple(attributes),
            parent,
            closed,
        )
        self.page.sites.append(site)
        if not closed:
            self.stack.append(site)
            self.page.depth = max(self.page.depth, len(self.stack))
        self._record(site.start, site.end, site)
        if site.name == "plaintext":
            self._fault("<plaintext> never ends: use <pre>", site.start)
            return len(source)
        return self._raw_text(site) if site.name in RAW and not closed else site.end

    def _raw_text(self, site: Site) -> int:
        closing = re.compile(rf"</{re.escape(site.name)}(?=[\s/>])", re.IGNORECASE).search(
            self.page.source, site.end
        )
        end = closing.start() if closing else len(self.page.source)
        if site.name in _GARBLED and self.page.source[site.end : end].strip():
            self._fault(
                f"the text in <{site.name}> is not read the same by all parsers: use <pre>", site.start
            )
        return end

    def _in_foreign(self, name: str) -> bool:
        for site in reversed(self.stack):
            if site.name in _HTML_IN_FOREIGN:
                return False
            if site.name in _FOREIGN:
                return True
        return name in _FOREIGN

    def _end_tag(self, closing: re.Match[str]) -> int:
        name = closing[1].lower()
        if not any(site.name == name for site in self.stack):
            self._fault(f"</{name}> closes nothing: take it out", closing.start())
            return self._record(closing.start(), closing.end(), None)
        if self.stack[-1].name != name:
            self._fault(
                f"</{name}> closes <{self.stack[-1].name}>: close all tags, in the order in which they were opened",
                closing.start(),
            )
        while self.stack:
            site = self.stack.pop()
            self.page.closings[site.number] = closing.span()
            if site.name == name:
                break
        return self._record(closing.start(), closing.end(), None)

    def _record(self, start: int, end: int, site: Site | None, *, comment: bool = False) -> int:
        self.page._starts.append(start)  # noqa: SLF001 -- the lexer fills the page it was given
        self.page._ends.append(end)  # noqa: SLF001 -- the same
        self.page._tokens.append((end, site, comment))  # noqa: SLF001 -- the same
        self.page._open.append(self.stack[-1].number if self.stack else None)  # noqa: SLF001 -- the same
        return end

    def _fault(self, message: str, offset: int) -> None:
        if not self.page.fault:
            self.page.fault, self.page.fault_at = message, offset


def _attribute(found: re.Match[str]) -> Attribute:
    group = next((g for g in ("double", "single", "bare") if found[g] is not None), "")
    value = found.span(group) if group else (found.start(1), found.start(1))
    return Attribute(
        found[1].lower(), found.start(1), found.end(), *value, quoted=group in {"double", "single"}
    )
