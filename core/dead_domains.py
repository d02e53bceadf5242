"""Dead domains: when a domain that took mail is given up, and when the DNS is not believed.

A domain without a mail exchanger takes nothing, and each message to it waits for hours and then bounces. But a zone that was
broken on Friday is mended on Monday, and a resolver that is broken itself says of every domain that it does not exist. So a domain is
dead only after it was so on several nights, and a night on which too many die at once is a night of the DNS and not of theirs.

Terms:
    dead answer: there is no such name, it has neither exchangers nor an address, or its MX says that it takes no mail.
    night: a UTC day on which the answer was dead; several answers of one day are one night.
    canary: a domain that certainly takes mail. If the DNS does not find it, nothing else that it says is believed.

Invariants:
    An unknown answer (a timeout, SERVFAIL) neither counts nor ends a count.
    One answer of a domain that takes mail ends its count, and what was known of its exchangers is kept until then.

Standards:
    RFC 5321 (SMTP), section 5.1. RFC 7505 (null MX). RFC 8020 (NXDOMAIN means that there is nothing underneath).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from core.mailbox_domains import Lookup, Reach


CANARIES: Final = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com")

# Of the domains that took mail last night; companies die one by one, and a resolver all at once.
MOST_AT_ONCE: Final = 0.1
_FEW: Final = 20  # so many may die in any night


def believed(
    lookups: Sequence[Lookup], *, canaries: Sequence[Lookup], reachable: Collection[str]
) -> list[Lookup]:
    """Return the answers with those that are not believed made unknown.

    Args:
        lookups: What the DNS says tonight.
        canaries: What it says of `CANARIES`; none where nobody had to be asked, for no answer was dead.
        reachable: The domains of these that took mail when they were last asked.
    """
    dead = [lookup.domain for lookup in lookups if lookup.reach.is_dead]
    if not dead:
        return list(lookups)
    lost = len(set(dead) & set(reachable))
    is_trouble = any(canary.reach is not Reach.EXCHANGERS for canary in canaries) or not canaries
    if not is_trouble and lost <= max(_FEW, MOST_AT_ONCE * len(reachable)):
        return list(lookups)
    return [
        replace(lookup, reach=Reach.UNKNOWN, exchangers=()) if lookup.reach.is_dead else lookup
        for lookup in lookups
    ]
