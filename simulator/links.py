"""The links of a message that a reader may click.

SES tracks http and https links without the attribute `ses:no-track` and reports the tags of `ses:tags="name:value;"`. A
simulated reader clicks any of them but those that would unsubscribe: nobody here wants to leave.

Source: SES developer guide, "faqs-metrics".
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulator.message import Message


_ANCHOR: Final = re.compile(r"<a\s([^>]*)>(.*?)</a>", re.IGNORECASE | re.DOTALL)
_HREF: Final = re.compile(r"""href\s*=\s*["'](https?://[^"']+)["']""", re.IGNORECASE)
_LINK_TAGS: Final = re.compile(r"""ses:tags\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_FAREWELL: Final = re.compile(r"unsubscrib|opt-?out|preferences|abmelden|abbestellen", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that a reader may click, with the tags SES reports for it."""

    url: str
    tags: Mapping[str, list[str]] | None


def links_of(message: Message) -> list[Link]:
    """Return the links a reader may click: http(s), tracked, and none that would unsubscribe."""
    farewell = message.headers.get("List-Unsubscribe", "")
    return [
        Link(url, _link_tags(attributes))
        for attributes, label in _ANCHOR.findall(message.html)
        if (href := _HREF.search(attributes))
        and (url := html.unescape(href[1])) not in farewell
        and not _FAREWELL.search(url + label)
        and "ses:no-track" not in attributes
    ]


def _link_tags(attributes: str) -> dict[str, list[str]] | None:
    """Return `{"block": ["hero"]}` for the attribute `ses:tags="block:hero;"`, None without one."""
    if not (match := _LINK_TAGS.search(attributes)):
        return None
    pairs = (pair.partition(":") for pair in match[1].split(";") if pair.strip())
    return {name.strip(): [value.strip()] for name, _, value in pairs}
