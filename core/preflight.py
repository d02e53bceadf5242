"""Preflight: what one rendered sample says about a campaign, before anybody gets it.

Each rule is one yes/no question with a name; a campaign does not start while a blocking one answers yes. The names
are those of the sender rules that Google, Yahoo and Microsoft enforce, and of the laws behind them.

Terms:
    block: it would be refused, hurt the sender's name or break a law. warn: a person should look. info: good to know.
    sample: the message as one real contact would get it.

Invariants:
    `check_message` looks at the sample alone: no DNS, no database. It answers in the order of `RULES`.

Standards:
    RFC 5322 (Internet message format). RFC 2369 (List-Unsubscribe). RFC 8058 (one-click unsubscribe).
    Google, Email sender guidelines; Yahoo, Sender best practices. CAN-SPAM Act, 15 U.S.C. 7704(a)(5).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from html import unescape
from typing import Literal
from urllib.parse import urlsplit

from core import markup
from core.rendering import Content


Severity = Literal["block", "warn", "info"]

# Gmail cuts a message at about 102 KB of HTML; SES adds its pixel and longer links before that.
CLIP_BYTES = 102_000
NEAR_CLIP_BYTES = 90_000

_FREE_MAIL = frozenset(
    {
        "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com",
        "mail.ru", "me.com", "outlook.com", "proton.me", "protonmail.com", "web.de", "yahoo.com", "ymail.com",
    }
)  # fmt: skip
_SHORTENERS = frozenset({"bit.ly", "goo.gl", "is.gd", "ow.ly", "t.co", "tinyurl.com"})
_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
_IP_HOST = re.compile(r"\[?[\d.]+\]?|\[[\da-fA-F:.]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that answered yes. `where` is the part of the message to look at."""

    id: str
    severity: Severity
    message: str
    where: str

    def as_json(self) -> dict[str, str]:
        """Return the finding as the command line and the web answer it."""
        return {"id": self.id, "severity": self.severity, "message": self.message, "where": self.where}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A rendered message and what it must mention. `headers` are found whatever their case."""

    content: Content
    headers: Mapping[str, str]
    postal_address: str
    unsubscribe_url: str
    page: markup.Page
    words: str  # what a reader sees of the HTML, with single spaces

    def header(self, name: str) -> str:
        """Return a header's value, "" if it is not there."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    def values(self, attribute: str, *tags: str) -> Iterator[str]:
        """Yield an attribute's values, entities resolved, of the tags of these names."""
        for site in self.page.sites:
            if site.name in tags and (found := site.attribute(attribute)):
                yield unescape(self.page.value(found)).strip()

    @property
    def links(self) -> list[str]:
        """Where the HTML's links lead."""
        return list(self.values("href", "a", "area"))


def has_no_subject(sample: Sample) -> bool:
    """Whether the subject is empty."""
    return not sample.content.subject.strip()


def has_a_long_subject(sample: Sample) -> bool:
    """Whether the subject is longer than any mail program shows."""
    return len(sample.content.subject) > 150


def pretends_to_be_a_reply(sample: Sample) -> bool:
    """Whether the subject claims an earlier conversation."""
    return bool(re.match(r"\s*(re|fwd?|aw|wg)\s*:", sample.content.subject, re.IGNORECASE))


def sends_from_free_mail(sample: Sample) -> bool:
    """Whether the sender's domain is one whose owner forbids others to send from it."""
    return parseaddr(sample.header("From"))[1].rpartition("@")[2].lower() in _FREE_MAIL


def has_a_misleading_name(sample: Sample) -> bool:
    """Whether the sender's name holds an address or an emoji."""
    name = parseaddr(sample.header("From"))[0]
    return "@" in name or bool(_EMOJI.search(name))


def has_no_text_part(sample: Sample) -> bool:
    """Whether the text part is empty."""
    return not sample.content.text.strip()


def has_a_thin_text_part(sample: Sample) -> bool:
    """Whether the text part says less than a tenth of what the HTML says."""
    return 0 < len(sample.content.text.strip()) < len(sample.words) / 10


def is_clipped(sample: Sample) -> bool:
    """Whether the HTML is so long that Gmail hides its end, and the unsubscribe link with it."""
    return len(sample.content.html.encode()) > CLIP_BYTES


def is_nearly_clipped(sample: Sample) -> bool:
    """Whether the HTML is nearly so long."""
    return NEAR_CLIP_BYTES < len(sample.content.html.encode()) <= CLIP_BYTES


def has_forms_or_scripts(sample: Sample) -> bool:
    """Whether the HTML holds what mail programs strip and filters distrust."""
    return any(site.name in {"embed", "form", "iframe", "object", "script"} for site in sample.page.sites)


def embeds_images_as_data(sample: Sample) -> bool:
    """Whether an image is written into the HTML, where Gmail does not show it."""
    return any(source.lower().startswith("data:") for source in sample.values("src", "img"))


def links_to_nothing(sample: Sample) -> bool:
    """Whether a link is empty, or `#` because its value was not a web address."""
    return any(link in {"", "#"} for link in sample.links)


def links_without_scheme(sample: Sample) -> bool:
    """Whether a link leads to something other than the web, a mailbox or a telephone."""
    return any(
        urlsplit(link).scheme not in {"http", "https", "mailto", "tel"} for link in _real(sample.links)
    )


def links_to_a_bare_number(sample: Sample) -> bool:
    """Whether a link names an IP address in place of a domain."""
    hosts = (urlsplit(link).netloc.rpartition("@")[2].partition(":")[0] for link in _elsewhere(sample))
    return any(_IP_HOST.fullmatch(host) for host in hosts)


def links_through_a_shortener(sample: Sample) -> bool:
    """Whether a link hides its domain behind a public shortener."""
    return any((urlsplit(link).hostname or "") in _SHORTENERS for link in _real(sample.links))


def has_images_without_words(sample: Sample) -> bool:
    """Whether an image has no `alt`, so that nothing is read where images are blocked."""
    return any(site.name == "img" and not site.attribute("alt") for site in sample.page.sites)


def shows_template_code(sample: Sample) -> bool:
    """Whether a `{{ }}` or `{% %}` survived into what is read."""
    return any(
        re.search(r"\{\{|\{%|%\}", text)
        for text in (sample.content.subject, sample.words, sample.content.text)
    )


def has_no_list_header(sample: Sample) -> bool:
    """Whether `List-Unsubscribe` lacks its one HTTPS address."""
    return not re.match(r"<https?://[^<>\s]+>(,\s*<mailto:[^<>\s]+>)?$", sample.header("List-Unsubscribe"))


def has_no_one_click_header(sample: Sample) -> bool:
    """Whether `List-Unsubscribe-Post` is not the very words of RFC 8058."""
    return sample.header("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click"


def has_no_unsubscribe_link(sample: Sample) -> bool:
    """Whether the HTML lacks a link to unsubscribe."""
    return sample.unsubscribe_url not in sample.links


def has_no_unsubscribe_link_in_text(sample: Sample) -> bool:
    """Whether the text part lacks the address to unsubscribe."""
    return sample.unsubscribe_url not in sample.content.text


def has_no_postal_address(sample: Sample) -> bool:
    """Whether the sender's postal address is missing from the HTML or the text."""
    address = _words(sample.postal_address)
    return not address or address not in sample.words or address not in _words(sample.content.text)


@dataclass(frozen=True, slots=True)
class Rule:
    """A question, and what to say when its answer is yes."""

    id: str
    severity: Severity
    where: str
    asks: Callable[[Sample], bool]
    message: str


RULES: tuple[Rule, ...] = (
    Rule("FMT-HDR-06", "block", "subject", has_no_subject, "the subject is empty"),
    Rule("FMT-HDR-06", "warn", "subject", has_a_long_subject, "the subject has more than 150 characters"),
    Rule("FMT-HDR-06", "warn", "subject", pretends_to_be_a_reply, "the subject begins like a reply"),
    Rule(
        "FMT-HDR-02", "block", "From", sends_from_free_mail, "the sender's domain is a free-mail provider's"
    ),
    Rule(
        "FMT-HDR-05", "block", "From", has_a_misleading_name, "the sender's name holds an address or an emoji"
    ),
    Rule("FMT-BODY-01", "block", "text", has_no_text_part, "the text part is empty"),
    Rule("FMT-BODY-01", "warn", "text", has_a_thin_text_part, "the text part says much less than the HTML"),
    Rule("FMT-BODY-02", "block", "html", is_clipped, "the HTML is over 102 KB: Gmail cuts off its end"),
    Rule("FMT-BODY-02", "warn", "html", is_nearly_clipped, "the HTML is over 90 KB: Gmail cuts at 102 KB"),
    Rule(
        "FMT-BODY-04",
        "warn",
        "html",
        has_forms_or_scripts,
        "a form, script or frame is stripped by mail programs",
    ),
    Rule(
        "FMT-BODY-04",
        "warn",
        "html",
        embeds_images_as_data,
        "an image is embedded as data; Gmail does not show it",
    ),
    Rule("FMT-BODY-05", "block", "html", links_to_a_bare_number, "a link leads to an IP address"),
    Rule("FMT-BODY-05", "warn", "html", links_without_scheme, "a link has no https:, mailto: or tel:"),
    Rule("FMT-BODY-05", "warn", "html", links_through_a_shortener, "a link goes through a public shortener"),
    Rule(
        "FMT-BODY-06",
        "block",
        "html",
        links_to_nothing,
        "a link leads nowhere: its href is empty, or what it was given is no web address",
    ),
    Rule("FMT-BODY-06", "block", "html", has_images_without_words, "an image has no alt text"),
    Rule("FMT-BODY-06", "block", "html", shows_template_code, "template code is visible"),
    Rule(
        "UNS-01",
        "block",
        "List-Unsubscribe",
        has_no_list_header,
        "List-Unsubscribe needs one <https://...> address",
    ),
    Rule(
        "UNS-02",
        "block",
        "List-Unsubscribe-Post",
        has_no_one_click_header,
        "it must be List-Unsubscribe=One-Click",
    ),
    Rule("UNS-06", "block", "html", has_no_unsubscribe_link, "the HTML has no link to unsubscribe"),
    Rule("UNS-06", "warn", "text", has_no_unsubscribe_link_in_text, "the text has no address to unsubscribe"),
    Rule("LAW-US-01", "block", "footer", has_no_postal_address, "the sender's postal address is missing"),
)


def check_message(
    content: Content, *, headers: Mapping[str, str], postal_address: str, unsubscribe_url: str
) -> list[Finding]:
    """Return what is wrong with a rendered sample, in the order of `RULES`.

    Args:
        content: The sample, as one contact would get it.
        headers: At least `From` and the two list headers.
        postal_address: The tenant's, which must be readable in both parts.
        unsubscribe_url: The contact's own, which both parts must lead to.
    """
    page = markup.lex(content.html)
    sample = Sample(
        content=content,
        headers=headers,
        postal_address=postal_address,
        unsubscribe_url=unsubscribe_url,
        page=page,
        words=_words(unescape(visible_text(page))),
    )
    return [
        Finding(id=rule.id, severity=rule.severity, message=rule.message, where=rule.where)
        for rule in RULES
        if rule.asks(sample)
    ]


def visible_text(page: markup.Page) -> str:
    """Return the text between the tags, without that of `<style>`, `<script>` and `<title>`."""
    hidden = [page.content(site) for site in page.sites if site.name in {"script", "style", "title"}]
    bare = markup.edit(page.source, [(start, end, "") for start, end in hidden])
    return re.sub(r"<!--.*?--!?>|<[!?/a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^>\"'])*>", " ", bare, flags=re.DOTALL)


def _words(text: str) -> str:
    return " ".join(text.split())


def _real(links: list[str]) -> list[str]:
    return [link for link in links if link not in {"", "#"}]


def _elsewhere(sample: Sample) -> list[str]:
    """Return the links other than our own: in a demo the unsubscribe link leads to 127.0.0.1."""
    return [link for link in _real(sample.links) if link != sample.unsubscribe_url]
