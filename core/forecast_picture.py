"""Forecast's picture: how many messages are expected on each day, and by when all have left, as bars.

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


MOST_BARS: Final = 21
CELLS: Final = 24
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_NAMED: Final = 3


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
