"""Results' report: the funnel, what came back, the course over time and the providers, as pictures with a table beside each.

Prefect shows Markdown, and in it pictures with a `data:` address; nothing else that draws. Counts, never an address.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from core import charts
from core.charts import BLUE, GREEN, GREY, ORANGE, RED, SKY, Bar, Panel
from core.engagement import TIER_DAYS
from core.facts import Fact
from core.results import BOUNCES, Results
from core.rollups import Sums


MOST_PROVIDERS: Final = 8
MOST_LINKS: Final = 15
HOURLY: Final = timedelta(hours=72)  # a longer course is shown by days
_COURSE: Final = {
    "delivered": (Fact.DELIVERY, BLUE),
    "opened": (Fact.OPEN, GREEN),
    "clicked": (Fact.CLICK, ORANGE),
}
_ENDS: Final = {
    Fact.DELIVERY: (BLUE, "delivered"),
    Fact.BOUNCE_PERMANENT: (RED, "hard bounce"),
    Fact.BOUNCE_TRANSIENT: (ORANGE, "soft bounce"),
    Fact.BOUNCE_BLOCK: (SKY, "blocked"),
}


def sections(results: Results) -> list[str]:
    """Return the lines of a report; none while nothing was reported."""
    if not results.rollup.totals:
        return []
    return [
        *_funnel(results),
        *_came_back(results),
        *_over_time(results),
        *_providers(results),
        *_segments(results),
        *_links(results),
        *_domains(results),
    ]


def _funnel(results: Results) -> list[str]:
    steps = results.funnel
    told = ", ".join(f"{step.people:,} {step.name}{_share(step.share)}" for step in steps)
    bars = [Bar(step.name, [(BLUE, step.people)], f"{step.people:,}{_share(step.share)}") for step in steps]
    return [
        "",
        "## From the audience to the click",
        "",
        charts.image(charts.bars("From the audience to the click", told, bars), f"Funnel: {told}"),
        "",
        "| Step | People | Share of sent |",
        "| --- | ---: | ---: |",
        *(f"| {step.name} | {step.people:,} | {_percent(step.share)} |" for step in steps),
        "",
        _machines(results),
    ]


def _machines(results: Results) -> str:
    opened, clicked = (results.rollup.totals.get(fact, 0) for fact in (Fact.OPEN_MACHINE, Fact.CLICK_MACHINE))
    return (
        "Opened and clicked are by people. Machines (scanners, and proxies that load pictures beforehand) opened "
        f"{opened:,} and clicked {clicked:,}; they are in no rate."
    )


def _came_back(results: Results) -> list[str]:
    totals, sent = results.rollup.totals, results.status.sent
    lines = [
        "",
        "## Bounces, complaints and unsubscribes",
        "",
        "| What | Messages | Share of sent |",
        "| --- | ---: | ---: |",
    ]
    kinds = {**BOUNCES, Fact.COMPLAINT: "complaints", Fact.UNSUBSCRIBE: "unsubscribes"}
    for fact, name in kinds.items():
        number = totals.get(fact, 0)
        lines.append(f"| {name} | {number:,} | {_percent(number / sent if sent else None)} |")
        lines += [
            f"| – {reason.replace('_', ' ')} | {sums[fact]:,} | {_percent(sums[fact] / sent if sent else None)} |"
            for reason, sums in results.rollup.classes.items()
            if fact in sums
        ]
    return lines


def _over_time(results: Results) -> list[str]:
    hours = results.rollup.hours
    if not hours:
        return []
    is_hourly = max(hours) - min(hours) <= HOURLY
    times, course = _hourly(hours) if is_hourly else _daily(results)
    each = "hour" if is_hourly else "day"
    panels = [
        Panel(name, colour, [sums.get(fact, 0) for sums in course])
        for name, (fact, colour) in _COURSE.items()
    ]
    told = "; ".join(_peak(panel, times, each) for panel in panels)
    title = f"By {each} (UTC)"
    lines = [
        "",
        "## Over time",
        "",
        charts.image(charts.columns(title, told, times, panels), f"{title}: {told}"),
        "",
        "| Day (UTC) | Delivered | Opened | Clicked | Bounced hard | Complaints | Unsubscribed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    shown = (Fact.DELIVERY, Fact.OPEN, Fact.CLICK, Fact.BOUNCE_PERMANENT, Fact.COMPLAINT, Fact.UNSUBSCRIBE)
    return lines + [f"| {day:%d %b} | {_cells(sums, shown)} |" for day, sums in results.days.items()]


def _hourly(hours: Mapping[datetime, Sums]) -> tuple[list[str], list[Sums]]:
    """Return every hour from the first to the last, also those in which nothing happened."""
    first, last = min(hours), max(hours)
    every = [first + timedelta(hours=n) for n in range(int((last - first) / timedelta(hours=1)) + 1)]
    return [f"{hour:%d %b %H:00}" for hour in every], [hours.get(hour, {}) for hour in every]


def _daily(results: Results) -> tuple[list[str], list[Sums]]:
    days = results.days
    first, last = min(days), max(days)
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [f"{day:%d %b}" for day in every], [days.get(day, {}) for day in every]


def _peak(panel: Panel, times: Sequence[str], each: str) -> str:
    largest = max(panel.values)
    if not largest:
        return f"nobody {panel.name}"
    return f"most {panel.name} in one {each}: {largest:,}, {times[panel.values.index(largest)]}"


def _providers(results: Results) -> list[str]:
    providers = dict(list(results.rollup.providers.items())[:MOST_PROVIDERS])
    bars = [_provider(name, sums) for name, sums in providers.items()]
    legend = dict(_ENDS.values()) | {GREY: "no end reported yet"}
    told = "; ".join(_delivered(name, sums) for name, sums in providers.items())
    lines = [
        "",
        "## By mailbox provider",
        "",
        charts.image(charts.bars("By mailbox provider", told, bars, legend), f"By mailbox provider: {told}"),
        "",
        "| Provider | Sent | Delivered | Hard | Soft | Blocked | Complaints | Opened | Clicked |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    return lines + [
        f"| {_cell(name)} | {_cells(sums, _TABLE)} |" for name, sums in results.rollup.providers.items()
    ]


_TABLE: Final = (
    Fact.SENT,
    Fact.DELIVERY,
    Fact.BOUNCE_PERMANENT,
    Fact.BOUNCE_TRANSIENT,
    Fact.BOUNCE_BLOCK,
    Fact.COMPLAINT,
    Fact.OPEN,
    Fact.CLICK,
)


def _provider(name: str, sums: Sums) -> Bar:
    """Return a provider's bar. A message that bounced after its delivery is in both parts, so the rest is no less than none."""
    parts = [(colour, float(sums.get(fact, 0))) for fact, (colour, _) in _ENDS.items()]
    sent, delivered = sums.get(Fact.SENT, 0), sums.get(Fact.DELIVERY, 0)
    rest = max(sent - sum(size for _, size in parts), 0.0)
    return Bar(name, [*parts, (GREY, rest)], f"{delivered:,}{_share(delivered / sent if sent else None)}")


def _delivered(name: str, sums: Sums) -> str:
    return f"{name} took {sums.get(Fact.DELIVERY, 0):,} of {sums.get(Fact.SENT, 0):,}"


def _segments(results: Results) -> list[str]:
    segments = results.rollup.segments
    if len(segments) < 2:
        return []
    lines = [
        "",
        "## By how lately people were engaged",
        "",
        "| Engaged | Sent | Delivered | Hard | Soft | Blocked | Complaints | Opened | Clicked |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    return lines + [f"| {segment_name(tier)} | {_cells(sums, _TABLE)} |" for tier, sums in segments.items()]


def segment_name(tier: int) -> str:
    """Return a segment as a person says it."""
    return f"{TIER_DAYS[tier]} days ago at most" if tier < len(TIER_DAYS) else "longer ago, or never"


def _links(results: Results) -> list[str]:
    links = list(results.rollup.links.items())[:MOST_LINKS]
    if not links:
        return []
    lines = ["", "## Links", "", "| Link | People | Machines |", "| --- | ---: | ---: |"]
    return lines + [
        f"| {_code(link)} | {_cells(sums, (Fact.CLICK, Fact.CLICK_MACHINE))} |" for link, sums in links
    ]


def _domains(results: Results) -> list[str]:
    if not results.domains:
        return []
    lines = [
        "",
        "## The largest domains",
        "",
        "| Domain | Sent | Delivered | Hard | Soft | Blocked | Complaints | Opened | Clicked |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    return lines + [f"| {_cell(name)} | {_cells(sums, _TABLE)} |" for name, sums in results.domains.items()]


def _cells(sums: Sums, facts: Sequence[Fact]) -> str:
    return " | ".join(f"{sums.get(fact, 0):,}" for fact in facts)


def _share(share: float | None) -> str:
    return "" if share is None else f" ({share:.1%})"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    """Return a link as text that is no link: who looks at a report should not click for a reader."""
    return f"`{_cell(text).replace('`', '%60')}`"
