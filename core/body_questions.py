"""Body questions: what may be wrong with the HTML and the text of a message. Each function is one yes/no question.

Terms:
    footer: the link to unsubscribe and the postal address, of which both must be seen.
    organisation: the part of a domain that somebody registers, as in `kestrel.example` of `news.kestrel.example`.

Standards:
    RFC 3986 (URI syntax), 7.5 and 7.6 on misleading ones. RFC 5322 (Internet message format), 2.1.1 line length.
    RFC 2046 (MIME media types), 5.1.4 multipart/alternative. CAN-SPAM Act, 15 U.S.C. 7704(a)(5).
"""

import re

from core import locales
from core.samples import Link, Sample, host_of, parts_of, plain, readable


# Gmail cuts a message at about 102 KB of HTML; SES adds its pixel and longer links before that.
CLIP_BYTES = 102_000
NEAR_CLIP_BYTES = 90_000
# Above 1 MB SES and receivers slow a campaign down; above 25 MB Gmail and Yahoo refuse it.
HEAVY_BYTES = 1_000_000
MAX_BYTES = 25_000_000
MAX_LINE = 998
PREHEADER = 250

_SHORTENERS = frozenset(
    {
        "bit.ly", "buff.ly", "cutt.ly", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "rb.gy", "rebrand.ly", "shorturl.at",
        "t.co", "t.ly", "tiny.cc", "tinyurl.com", "v.gd",
    }
)  # fmt: skip
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_IP_HOST = re.compile(r"[\d.]+|[\da-f:.]*:[\da-f:.]+|0x[\da-f.x]+", re.IGNORECASE)
_LOCAL = re.compile(r"[^.]+|.+\.(?:internal|local|localhost)")
_URL_LIKE = re.compile(
    r"(?P<clear>https?://|www\.)?(?P<host>(?:[^\W_](?:[\w-]*[^\W_])?\.)+(?P<last>[^\W\d_]{2,}))(?::\d+)?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
# Names of files, which look like domains without a scheme: `README.md`, `main.py`.
_FILE_ENDINGS = frozenset({"ai", "cc", "js", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "ts", "zip"})
_TEMPLATE_CODE = re.compile(r"\{\{|\{%|%\}|\*\|[A-Z_]+\|\*")
_GREETS_NOBODY = re.compile(
    r"\b(?:dear|hello|hi|hey|hallo|liebe[rs]?|guten tag|bonjour|salut|hola|ciao|olá)\s+(?:,|(?:none|null|undefined|nan)\b)",
    re.IGNORECASE,
)
_COLOURS = re.compile(r"(?:^|;)\s*(background(?:-color)?|color)\s*:\s*(#[\da-f]{3,8}|[a-z]+)", re.IGNORECASE)
_ACTIVE = frozenset({"button", "embed", "form", "iframe", "input", "object", "script", "select", "textarea"})


def has_no_text_part(sample: Sample) -> bool:
    """Whether the text part is empty."""
    return not sample.content.text.strip()


def has_a_thin_text_part(sample: Sample) -> bool:
    """Whether the text part says less than a tenth of what the HTML says."""
    return 0 < len(sample.content.text.strip()) < len(sample.words) / 10


def has_a_text_without_links(sample: Sample) -> bool:
    """Whether the HTML leads to pages, and the text part to none of them."""
    targets = {link.url for link in sample.foreign_links if parts_of(link.url).scheme in {"http", "https"}}
    text = sample.content.text
    return bool(targets and text.strip()) and not any(target in text for target in targets)


def is_clipped_before_its_footer(sample: Sample) -> bool:
    """Whether the HTML is so long that Gmail hides its end, and the link to unsubscribe with it."""
    # Where SES has made its links longer, what stood at 90 KB stands at 102.
    return is_clipped(sample) and not any(
        len(sample.content.html[: link.start].encode()) < NEAR_CLIP_BYTES for link in _ways_to_leave(sample)
    )


def is_clipped(sample: Sample) -> bool:
    """Whether the HTML is so long that Gmail hides its end."""
    return len(sample.content.html.encode()) > CLIP_BYTES


def is_clipped_after_its_footer(sample: Sample) -> bool:
    """Whether Gmail hides the end of the HTML, and the link to unsubscribe stands before."""
    return is_clipped(sample) and not is_clipped_before_its_footer(sample)


def is_nearly_clipped(sample: Sample) -> bool:
    """Whether the HTML is nearly as long as Gmail shows."""
    return NEAR_CLIP_BYTES < len(sample.content.html.encode()) <= CLIP_BYTES


def is_heavy(sample: Sample) -> bool:
    """Whether the message, encoded, is larger than a megabyte."""
    return HEAVY_BYTES < _encoded(sample) <= MAX_BYTES


def is_too_heavy(sample: Sample) -> bool:
    """Whether the message, encoded, is larger than the large providers take."""
    return _encoded(sample) > MAX_BYTES


def has_long_lines(sample: Sample) -> bool:
    """Whether a line is longer than a mail may have without being encoded."""
    return any(
        len(line) > MAX_LINE or len(line.encode()) > MAX_LINE
        for part in (sample.content.html, sample.content.text)
        for line in part.splitlines()
    )


def has_forms_or_scripts(sample: Sample) -> bool:
    """Whether the HTML holds what mail programs strip and filters distrust."""
    return any(site.name in _ACTIVE for site in sample.page.sites)


def embeds_images_as_data(sample: Sample) -> bool:
    """Whether an image is written into the HTML, where Gmail does not show it."""
    return any(source.lower().startswith("data:") for source in sample.values("src", "img"))


def hides_text(sample: Sample) -> bool:
    """Whether more is hidden than one preheader."""
    return len(sample.hidden) > 1 or any(len(text) > PREHEADER for text in sample.hidden)


def writes_in_the_colour_of_the_paper(sample: Sample) -> bool:
    """Whether an element's text has the colour of its own background."""
    return any(
        _is_invisible(style) for style in sample.values("style", "a", "div", "font", "p", "span", "td")
    )


def links_to_a_bare_number(sample: Sample) -> bool:
    """Whether a link names an IP address in place of a domain."""
    return any(_IP_HOST.fullmatch(host_of(link.url)) for link in sample.foreign_links)


def links_to_a_local_name(sample: Sample) -> bool:
    """Whether a link leads to a name that only this machine or this network knows."""
    hosts = {host_of(link.url) for link in sample.foreign_links} - {""}
    return any(_LOCAL.fullmatch(host) and not _IP_HOST.fullmatch(host) for host in hosts)


def links_with_a_user(sample: Sample) -> bool:
    """Whether a link has a user before its host, as in `https://bank.example@evil.example/`."""
    return any("@" in parts_of(link.url).netloc for link in sample.foreign_links)


def links_without_scheme(sample: Sample) -> bool:
    """Whether a link leads to something other than the web, a mailbox or a telephone."""
    return any(parts_of(link.url).scheme.lower() not in _SCHEMES for link in sample.real_links)


def links_in_clear(sample: Sample) -> bool:
    """Whether a link is `http:`, so that anybody on the way reads and changes what it shows."""
    return any(parts_of(link.url).scheme.lower() == "http" for link in sample.foreign_links)


def links_through_a_shortener(sample: Sample) -> bool:
    """Whether a link hides its domain behind a public shortener."""
    return any(host_of(link.url).removeprefix("www.") in _SHORTENERS for link in sample.real_links)


def shows_another_domain(sample: Sample) -> bool:
    """Whether the text of a link is the address of another organisation than the one it leads to."""
    return any(_is_misleading(link) for link in sample.foreign_links)


def links_to_nothing(sample: Sample) -> bool:
    """Whether a link is empty, or `#` because its value was not a web address."""
    return any(link.url in {"", "#"} for link in sample.links)


def has_images_without_words(sample: Sample) -> bool:
    """Whether an image has no `alt`, so that nothing is read where images are blocked."""
    return any(site.name == "img" and not site.attribute("alt") for site in sample.page.sites)


def has_images_from_nowhere(sample: Sample) -> bool:
    """Whether an image has no address of the web, and so shows nowhere."""
    sources = list(sample.values("src", "img"))
    images = sum(site.name == "img" for site in sample.page.sites)
    return len(sources) < images or any(
        parts_of(source).scheme.lower() not in {"http", "https", "data"} for source in sources
    )


def shows_template_code(sample: Sample) -> bool:
    """Whether a field to be filled in survived into what is read."""
    read = (sample.content.subject, sample.words, sample.content.text)
    return any(_TEMPLATE_CODE.search(text) for text in read)


def greets_nobody(sample: Sample) -> bool:
    """Whether a greeting has no name where one was meant: `Hello ,` or `Dear None`."""
    read = (sample.content.subject, sample.words, sample.content.text)
    return any(_GREETS_NOBODY.search(text) for text in read)


def names_no_language(sample: Sample) -> bool:
    """Whether `<html>` has no `lang`, or an empty one."""
    return not any(sample.values("lang", "html"))


def names_another_language(sample: Sample) -> bool:
    """Whether `<html>` has the `lang` of another language than the HTML is written in."""
    said = {locales.language(locales.canonical(value) or value) for value in sample.values("lang", "html")}
    return bool(sample.lang) and bool(said - {"", locales.language(sample.lang)})


def names_no_direction(sample: Sample) -> bool:
    """Whether the HTML is in a language that is written from right to left, and no element of it begins so."""
    pages = (value.lower() for value in sample.values("dir", "html", "body", "table", "div", "td"))
    return locales.direction(sample.lang) == "rtl" and "rtl" not in pages


def has_no_unsubscribe_link(sample: Sample) -> bool:
    """Whether the HTML lacks a link to unsubscribe that a reader sees."""
    return not _ways_to_leave(sample)


def has_no_unsubscribe_link_in_text(sample: Sample) -> bool:
    """Whether the text part lacks the address to unsubscribe."""
    return sample.unsubscribe_url not in sample.content.text


def has_no_postal_address(sample: Sample) -> bool:
    """Whether the sender's postal address is missing from what is read of the HTML."""
    address = _letters(sample.postal_address)
    return not address or address not in _letters(sample.words)


def has_no_postal_address_in_text(sample: Sample) -> bool:
    """Whether the sender's postal address is missing from the text part."""
    address = _letters(sample.postal_address)
    return not address or address not in _letters(sample.content.text)


def _ways_to_leave(sample: Sample) -> list[Link]:
    return [
        link for link in sample.links if link.url == sample.unsubscribe_url and link.words and not link.hidden
    ]


def _encoded(sample: Sample) -> int:
    """Return about how many bytes the message has as it travels: base64 makes four of three."""
    return (len(sample.content.html.encode()) + len(sample.content.text.encode())) * 4 // 3


def _is_invisible(style: str) -> bool:
    colours = {name.lower()[:5]: colour.lower() for name, colour in _COLOURS.findall(style)}
    return "color" in colours and colours["color"] == colours.get("backg")


def _is_misleading(link: Link) -> bool:
    shown = _URL_LIKE.fullmatch(plain(link.words))
    target = host_of(link.url)
    if not shown or not target or (not shown["clear"] and shown["last"].lower() in _FILE_ENDINGS):
        return False
    return _organisation(shown["host"].lower()) != _organisation(target)


def _organisation(host: str) -> str:
    """Return about what somebody registers: two labels, or three under such as `co.uk`."""
    labels = readable(host).split(".")
    short_second = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if short_second else labels[-2:])


def _letters(text: str) -> str:
    """Return only letters and figures: commas, dots and line breaks of an address are a matter of taste."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
