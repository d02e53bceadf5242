"""Machines: opens and clicks that no person made, told by what the event says of itself.

Mail programs fetch pictures before anybody looks, and gateways of companies follow links to see where they lead. Both look like
engagement. Amazon calls some of them `Likely` a bot; the rows here know more, and each says who said so and when. A machine's
open or click is kept and counted, and is a reason for nothing: it engages nobody, decides nothing, and ends no suppression.

Terms:
    prefetch: a mail program loads pictures on arrival (Apple's Mail Privacy Protection), whether or not somebody reads.
    proxy: a provider loads pictures in a person's place when that person looks (Gmail, Yahoo); that is a person's open.
    scanner: software that follows links to judge them.

Invariants:
    One event is judged by itself alone, so that no order of events changes a verdict.
    A browser of a person is never called a machine by a name that is only like one's (`CUBOT` is a telephone).

Standards:
    RFC 9110 (HTTP Semantics) 10.1.5 User-Agent; Amazon SES "Open object", "Click object" (`isBotEvent`, since 2026-08-07).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of machine: a pattern of its user agent, what it is about, who said so, and when that was read."""

    id: str
    pattern: str
    about: str
    source: str
    read_on: str


# Amazon's own word, which is asked first.
SES: Final = "ses"

RULES: Final = (
    Rule("prefetch", r"^Mozilla/5\.0$", "Apple's Mail Privacy Protection and others that name no platform",
         "SocketLabs, Identifying Apple MPP Opens in Notification API Events", "2026-11-24"),
    Rule("nameless", r"^\s*$", "no user agent at all, as Microsoft's Safe Links leaves it", "Live Direct Marketing, Bot clicks from security scanners", "2026-11-24"),
    Rule("library", r"^(python-(requests|urllib|httpx)|aiohttp|curl|wget|java|jetty|apache-httpclient|go-http-client|lua-resty-http|libwww-perl|node-fetch|axios)\b",
         "a programming library fetches", "Suped, How to identify bot user agents in email click data", "2026-11-24"),
    Rule("scanner", r"barracuda|proofpoint|mimecast|ciscosecureemail|ironport|\btmes\b|fortinet|fortimail|sophos",
         "a gateway follows links", "Live Direct Marketing, Bot clicks from security scanners", "2026-11-24"),
    Rule("preview", r"slackbot|facebookexternal|snap url preview|bingpreview", "a chat or a search engine makes a preview",
         "Suped, How to identify bot user agents in email click data", "2026-11-24"),
    Rule("crawler", r"(?<!cu)bot\b|crawler|spider|headlesschrome|phantomjs", "a crawler, or a browser without a window",
         "Suped, How to identify bot user agents in email click data", "2026-11-24"),
)  # fmt: skip

# More of a user agent tells nothing new, and somebody else chose its length.
LONGEST: Final = 500

_PATTERNS: Final = tuple((rule.id, re.compile(rule.pattern, re.IGNORECASE)) for rule in RULES)


def machine(*, is_bot_event: str, user_agent: str) -> str:
    """Return the id of the rule that calls an open or a click a machine's; "" for a person's.

    Args:
        is_bot_event: SES's `isBotEvent`, "Likely" or "Unlikely"; empty in events from before it was there.
        user_agent: As SES tells it.
    """
    return SES if is_bot_event == "Likely" else _by_agent(user_agent[:LONGEST])


@lru_cache(maxsize=4096)
def _by_agent(user_agent: str) -> str:
    return next((name for name, pattern in _PATTERNS if pattern.search(user_agent)), "")
