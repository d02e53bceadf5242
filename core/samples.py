"""Samples: a rendered message as the rules of preflight look at it, taken apart once.

Terms:
    hidden: an element that its own style, or that of an element around it, keeps from being seen.
    words: the text that a reader sees, entities resolved, with single spaces.

Invariants:
    Nothing is fetched and nothing executed: a link is text. Taking apart reads the page a bounded number of times.

Standards:
    HTML Living Standard, 13.1.2 (elements). CSS Display 3 (`display: none`). RFC 3986 (URI syntax), 3.2.2 host.
    RFC 5891 (IDNA 2008).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import SplitResult, urlsplit

import idna

from core import markup
from core.rendering import Content


_TAG = re.compile(r"<!--.*?--!?>|<[!?/a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^>\"'])*>", re.DOTALL)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0(?:\.0+)?\s*(?:px|em|pt|%)?\s*(?:;|!|$)",
    re.IGNORECASE,
)
_UNREAD = frozenset({"script", "style", "title"})
# Spaces that show nothing: a preheader is padded with them so that no other text follows it in a list of messages.
_BLANKS = re.compile("[\\s\u00a0\u00ad\u034f\u200b-\u200f\u2007\u2060\ufeff]+")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads, what it shows (the `alt` of its images included), where its tag starts, if it is seen."""

    url: str
    words: str
    start: int
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A rendered message and what it must mention. `headers` are found whatever their case.

    `lang` is the tag of the language that the HTML is written in, "" if nobody knows. `words` are those of the HTML. `hidden` are the texts that its styles hide, in order, without those that are blank.
    """

    content: Content
    headers: Mapping[str, str]
    recipient: str
    postal_address: str
    unsubscribe_url: str
    preferences_url: str
    sending_domains: frozenset[str]
    lang: str
    page: markup.Page
    words: str
    links: tuple[Link, ...]
    hidden: tuple[str, ...]

    def header(self, name: str) -> str:
        """Return a header's value, "" if it is not there."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    def values(self, attribute: str, *tags: str) -> Iterator[str]:
        """Yield an attribute's values, entities resolved, of the tags of these names."""
        for site in self.page.sites:
            if site.name in tags and (found := site.attribute(attribute)):
                yield unescape(self.page.value(found)).strip()

    @property
    def real_links(self) -> Iterator[Link]:
        """Yield the links that lead somewhere."""
        return (link for link in self.links if link.url not in {"", "#"})

    @property
    def foreign_links(self) -> Iterator[Link]:
        """Yield those that are not our own links of this person, which in a demo lead to 127.0.0.1."""
        return (
            link for link in self.real_links if link.url not in {self.unsubscribe_url, self.preferences_url}
        )


def take_apart(
    content: Content,
    *,
    headers: Mapping[str, str],
    recipient: str,
    postal_address: str,
    unsubscribe_url: str,
    sending_domains: frozenset[str],
    preferences_url: str = "",
    lang: str = "",
) -> Sample:
    """Return the sample of a rendered message."""
    page = markup.lex(content.html)
    hidden = _hidden(page)
    spans = [page.content(page.sites[number]) for number in _outermost(page, hidden)]
    return Sample(
        content=content,
        headers=headers,
        recipient=recipient,
        postal_address=postal_address,
        unsubscribe_url=unsubscribe_url,
        preferences_url=preferences_url,
        sending_domains=sending_domains,
        lang=lang,
        page=page,
        words=_words(page, 0, len(page.source), spans),
        links=tuple(_links(page, hidden)),
        hidden=tuple(text for text in (_words(page, start, end, []) for start, end in spans) if text),
    )


def parts_of(url: str) -> SplitResult:
    """Return the parts of a URL; one that cannot be read has none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def host_of(url: str) -> str:
    """Return the host of a URL in lower case, without port and user, "" if it has none."""
    return parts_of(url).hostname or ""


def readable(host: str) -> str:
    """Return a domain as a reader sees it: its A-labels (`xn--…`) in Unicode, where they are any."""
    if "xn--" not in host:
        return host
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


def plain(text: str) -> str:
    """Return text with its runs of spaces, seen and unseen, as one space each."""
    return _BLANKS.sub(" ", text).strip()


def _hidden(page: markup.Page) -> set[int]:
    """Return the numbers of the sites that are hidden; parents come before their children."""
    found: set[int] = set()
    for site in page.sites:
        style = site.attribute("style")
        if site.parent in found or site.attribute("hidden") or (style and _HIDING.search(page.value(style))):
            found.add(site.number)
    return found


def _outermost(page: markup.Page, hidden: set[int]) -> list[int]:
    """Return the hidden sites with content whose parent is not hidden."""
    return [
        number
        for number in sorted(hidden)
        if not page.sites[number].closed and page.sites[number].parent not in hidden
    ]


def _links(page: markup.Page, hidden: set[int]) -> Iterator[Link]:
    pictures = [
        (site.start, unescape(page.value(alt)))
        for site in page.sites
        if site.name == "img" and (alt := site.attribute("alt"))
    ]
    for site in page.sites:
        if site.name not in {"a", "area"} or not (href := site.attribute("href")):
            continue
        start, end = (site.end, site.end) if site.closed else page.content(site)
        shown = [text for at, text in pictures if start <= at < end]
        if site.name == "area" and (alt := site.attribute("alt")):
            shown.append(unescape(page.value(alt)))
        words = plain(" ".join([_words(page, start, end, []), *shown]))
        yield Link(unescape(page.value(href)).strip(), words, site.start, site.number in hidden)


def _words(page: markup.Page, start: int, end: int, without: list[tuple[int, int]]) -> str:
    """Return what is read between two offsets, leaving out some spans, and what no mail program shows as text."""
    unread = [page.content(site) for site in page.sites if site.name in _UNREAD and start <= site.start < end]
    text, position = [], start
    for left, right in sorted([*unread, *without]):
        if left >= position:
            text.append(page.source[position:left])
        position = max(position, right)
    text.append(page.source[position:end])
    return plain(unescape(_TAG.sub(" ", " ".join(text))))
