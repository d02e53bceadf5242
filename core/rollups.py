"""Rollups: how many deliveries of a campaign have which fact, by provider, domain, segment, hour and link, kept as sums.

A report over ten million deliveries cannot read them. It reads sums, and a sum that each event adds to is wrong after the
first duplicate. Here each fact's row remembers under what it was counted: its first time, and its links or class. Whatever changes
neither is not counted again, whatever changes one is moved, and a row that remembers nothing is counted for the first time.
So sums follow the facts at any later moment, in any batches, and a process that dies in between has counted nothing.

Terms:
    cell: campaign, dimension, key and fact; its number is of deliveries, not of events.
    dimension: by what is counted: all together, mailbox provider, mail domain, segment, hour, link, class of bounce.
    segment: how engaged the person was when the campaign was planned, the tier of `core.engagement`.
    hour: that of the fact's first time, in UTC. Days of any time zone with whole hours are sums of hours.

Invariants:
    A cell is what counting all facts anew would find, whatever came in any order, number and batches.
    The keys of a dimension other than link and class add up to all together: a delivery may have clicked several links.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from core.facts import Fact, Facts


class Dimension(StrEnum):
    """By what facts are counted."""

    ALL = "all"
    PROVIDER = "provider"
    DOMAIN = "domain"
    SEGMENT = "segment"
    HOUR = "hour"
    LINK = "link"
    CLASS = "class"  # of a bounce, as `core.bounces` has it


HOUR_FORMAT: Final = "%Y-%m-%dT%H"
NO_DOMAIN: Final = "unknown"


class Cell(NamedTuple):
    """What deliveries are counted under."""

    campaign_id: int
    dimension: Dimension
    key: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Whose:
    """What of a delivery its facts are counted under."""

    campaign_id: int
    provider: str
    tier: int
    domain: str


Sums = dict[str, int]  # deliveries by fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """The sums of a campaign. Domains and links are the largest only, as many as were asked for."""

    totals: Sums = field(default_factory=dict)
    providers: Mapping[str, Sums] = field(default_factory=dict)
    segments: Mapping[int, Sums] = field(default_factory=dict)
    domains: Mapping[str, Sums] = field(default_factory=dict)
    links: Mapping[str, Sums] = field(default_factory=dict)
    hours: Mapping[datetime, Sums] = field(default_factory=dict)
    classes: Mapping[str, Sums] = field(default_factory=dict)


def recount(deliveries: Iterable[tuple[Whose, Facts]]) -> Counter[Cell]:
    """Count all facts anew: what the sums must be."""
    cells: Counter[Cell] = Counter()
    for whose, facts in deliveries:
        for fact, seen in facts.items():
            hour = seen.first_at.astimezone(UTC).strftime(HOUR_FORMAT)
            keys = [
                (Dimension.ALL, ""),
                (Dimension.PROVIDER, whose.provider),
                (Dimension.DOMAIN, whose.domain),
                (Dimension.SEGMENT, str(whose.tier)),
                (Dimension.HOUR, hour),
                *((Dimension.LINK, link) for link in seen.detail.get("links", ())),
                *((Dimension.CLASS, name) for name in (seen.detail.get("class"),) if name),
            ]
            cells.update(Cell(whose.campaign_id, dimension, key, fact) for dimension, key in keys)
    return cells
