"""Disposable domains: a dated list of domains that hand out mailboxes for an hour.

The list is a file beside this module, so that nobody asks the network for it at night; its first line has its date. To renew
it, write the newest `blocklist` of the package `disposable-email-domains` into it, one domain a line.
"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple


_FILE: Final = Path(__file__).resolve().parent / "data" / "disposable_domains.txt"


class DisposableDomains(NamedTuple):
    """The domains, in lower case, and the date of the list."""

    domains: frozenset[str]
    dated: date


@cache
def disposable_domains() -> DisposableDomains:
    """Return the list; it is read once in a process."""
    head, *rest = _FILE.read_text(encoding="utf-8").splitlines()
    dated = date.fromisoformat(head.removeprefix("# ").partition(",")[0])
    return DisposableDomains(frozenset(line for line in rest if line and not line.startswith("#")), dated)
