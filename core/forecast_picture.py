"""Forecast's picture: how many messages are expected on each day, and by when all have left, as bars; and what was said before.

Prefect shows Markdown and takes foreign markup out of it, so the bars of its report are block characters in a table. The
operator's page draws the same bars from their lengths.

Terms:
    bar: some days in a row, one where few are shown, with what is expected of them.

Invariants:
    The bars hold all days of the forecast, each once.
    The longest bar has the length 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from core.forecast import ExpectedDay, Forecast
from core.forecast_score import Told


MOST_BARS: Final = 21
CELLS: Final = 24
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_NAMED: Final = 3
_MOST_TOLD: Final = 10
_BINDING: Final = {
    "warm-up": "its warm-up cap",
    "rest": "it rests today",
    "window": "hours and dates",
    "quota": "SES's quota of 24 hours",
    "rate": "SES's rate",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """What is expected of some days: by mailbox provider, the largest first.

    Attributes:
        first: The first day.
        last: The last one, or the same.
        sent: Messages by provider.
        length: Against the longest bar, from 0 to 1.
        marks: "P50", "P90": half of the forecast's walks, nine in ten, are done within these days.
    """

    first: date
    last: date
    sent: Sequence[tuple[str, int]]
    length: float
    marks: Sequence[str]

    @property
    def total(self) -> int:
        """Return how many messages are expected together."""
        return sum(number for _, number in self.sent)

    @property
    def days(self) -> str:
        """Return the days as a person reads them."""
        return f"{self.first:%d %b}" if self.first == self.last else f"{self.first:%d %b} – {self.last:%d %b}"


def bars(forecast: Forecast, *, most: int = MOST_BARS) -> list[Bar]:
    """Return a forecast as bars, as many days in each as it takes to need no more than `most`."""
    size = max(-(-len(forecast.days) // most), 1)
    groups = [forecast.days[at : at + size] for at in range(0, len(forecast.days), size)]
    sums = [_together(group) for group in groups]
    longest = max((sum(one.values()) for one in sums), default=0.0) or 1.0
    return [
        Bar(
            first=group[0].on,
            last=group[-1].on,
            sent=[(provider, round(number)) for provider, number in one.items()],
            length=sum(one.values()) / longest,
            marks=_marks(forecast, group),
        )
        for group, one in zip(groups, sums, strict=True)
    ]


def _together(days: Sequence[ExpectedDay]) -> dict[str, float]:
    total: dict[str, float] = {}
    for day in days:
        for provider, number in day.sent.items():
            total[provider] = total.get(provider, 0.0) + number
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _marks(forecast: Forecast, days: Sequence[ExpectedDay]) -> list[str]:
    ends = {"P50": forecast.done_on, "P90": forecast.done_on_p90 or forecast.done_on}
    return [mark for mark, end in ends.items() if days[0].on <= end <= days[-1].on]


def table(forecast: Forecast) -> list[str]:
    """Return the bars as a Markdown table with an empty line before it; nothing where all of it leaves on one day."""
    found = bars(forecast)
    if len(found) < 2:
        return []
    lines = ["", "| Day | Expected | | Of these |", "| --- | ---: | --- | --- |"]
    for bar in found:
        marks = "".join(f" **{mark}**" for mark in bar.marks)
        lines.append(f"| {bar.days} | {bar.total:,} | {_blocks(bar.length)}{marks} | {_named(bar)} |")
    return lines


def _blocks(length: float) -> str:
    """Return a bar of block characters, to an eighth of a cell."""
    eighths = round(length * CELLS * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _named(bar: Bar) -> str:
    """Return the largest providers with their numbers, and the others together."""
    told = [f"{provider} {number:,}" for provider, number in bar.sent[:_NAMED]]
    others = sum(number for _, number in bar.sent[_NAMED:])
    return ", ".join([*told, f"others {others:,}"] if others else told)


def by_provider(forecast: Forecast) -> list[str]:
    """Return each mailbox provider's end as a Markdown table with an empty line before it, the last to end first."""
    if not forecast.providers:
        return []
    lines = [
        "",
        "| Provider | Waiting | Fits today | Done, half sure (P50) | Nine in ten (P90) | What binds it |",
        "| --- | ---: | ---: | --- | --- | --- |",
    ]
    for one in sorted(forecast.providers, key=lambda each: (each.done_on_p90, each.waiting), reverse=True):
        ends = f"{one.done_on.isoformat()} | {one.done_on_p90.isoformat()}"
        binding = _BINDING.get(one.binding, one.binding)
        lines.append(f"| {one.provider} | {one.waiting:,} | {one.today:,} | {ends} | {binding} |")
    return lines


def history(told: Sequence[Told]) -> list[str]:
    """Return what was said of a campaign's end from day to day as a Markdown table, and once it is done, how good that was.

    Args:
        told: The oldest first. Of many the first and the newest are shown.
    """
    said = [one for one in told if not one.is_end]
    happened_on = next((one.made_on for one in told if one.is_end), None)
    if not said:
        return []
    shown = said if len(said) <= _MOST_TOLD else [said[0], *said[1 - _MOST_TOLD :]]
    lines = [
        "| Said on | Waiting then | Half sure (P50) | Nine in ten (P90) | What came of it |",
        "| --- | ---: | --- | --- | --- |",
    ]
    for one in shown:
        ends = f"{one.done_on.isoformat()} | {one.done_on_p90.isoformat()}"
        lines.append(
            f"| {one.made_on.isoformat()} | {one.waiting:,} | {ends} | {_outcome(one, happened_on)} |"
        )
    if len(shown) < len(said):
        lines += ["", f"{len(said) - len(shown):,} days between the first and the second are left out."]
    return lines


def _outcome(told: Told, happened_on: date | None) -> str:
    """Return whether a forecast was kept by its P90."""
    if happened_on is None:
        return "not known yet"
    late = (happened_on - told.done_on_p90).days
    if late > 0:
        return f"**missed**: done on {happened_on.isoformat()}, {late:,} {'day' if late == 1 else 'days'} after the P90"
    return f"kept: done on {happened_on.isoformat()}"
