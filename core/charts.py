"""Charts: some numbers as a small SVG picture, for places that take pictures and neither style nor script.

A picture shows its own background, so that it can be read on a dark page too, and holds its numbers as text, so that nobody has
to compare lengths. Whoever cannot see it has its title and description, and in a report the same numbers as a table beside it.

Invariants:
    The same numbers give the same picture, to the byte.
    Whatever a label says, it is text: nothing in a picture can run, or be fetched.

Standards:
    SVG 2, 5.8 (title and desc). WAI-ARIA (role img). RFC 2397 (the `data` URL scheme). Okabe and Ito, "Color Universal Design"
    (colours that the colour-blind tell apart).
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final


WIDTH: Final = (
    600  # of the column that Prefect shows an artifact in; a wider picture is made smaller, its letters too
)
BLUE, GREEN, ORANGE, RED, GREY, SKY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#BBBBBB", "#56B4E9"

# Square brackets would end the words of a picture, and a backslash would take the meaning from what follows it.
_NO_BRACKETS: Final = str.maketrans("[]\\", "()/")
_INK, _QUIET, _PAPER, _RULE = "#1f2328", "#57606a", "#ffffff", "#d0d7de"
_LABEL = 140  # pixels for the names on the left
_NUMBER = 130  # and for the numbers on the right
_MARGIN = 16
_MOST_LETTERS = 18
_MOST_NAMES = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its name, its parts by colour, and what stands behind it."""

    name: str
    parts: Sequence[tuple[str, float]]
    told: str

    @property
    def length(self) -> float:
        """Return all parts together."""
        return sum(size for _, size in self.parts)


@dataclass(frozen=True, slots=True)
class Panel:
    """Columns of one kind over time."""

    name: str
    colour: str
    values: Sequence[int]


def bars(title: str, description: str, rows: Sequence[Bar], legend: Mapping[str, str] | None = None) -> str:
    """Return bars under each other, all against the longest.

    Args:
        title: What it shows.
        description: The same in words, for who cannot see it.
        rows: From above; at most a few.
        legend: What each colour means, where there are several.
    """
    space = WIDTH - 2 * _MARGIN - _LABEL - _NUMBER
    longest = max((row.length for row in rows), default=0) or 1
    top = 62 if legend else 40
    parts = [*_legend(legend or {})]
    for number, row in enumerate(rows):
        y = top + number * 30
        parts.append(_text(_MARGIN + _LABEL - 10, y + 15, _short(row.name), anchor="end"))
        x = float(_MARGIN + _LABEL)
        for colour, size in row.parts:
            width = space * size / longest
            if size:
                parts.append(_box(x, y, max(width, 1), 20, colour))
            x += width
        parts.append(_text(x + 8, y + 15, row.told, colour=_QUIET))
    return _picture(title, description, top + len(rows) * 30 + 10, parts)


def columns(title: str, description: str, times: Sequence[str], panels: Sequence[Panel]) -> str:
    """Return columns over time, a panel for each kind with a scale of its own: few clicks are no flat line beside the opens.

    Args:
        title: What it shows.
        description: The same in words, for who cannot see it.
        times: What each column is called; the first, the last and some between are written below.
        panels: As many values each as there are times.
    """
    left, space = _MARGIN + 90, WIDTH - 2 * _MARGIN - 90
    step = space / max(len(times), 1)
    parts: list[str] = []
    for number, panel in enumerate(panels):
        base = 40 + number * 84 + 66
        largest = max(panel.values, default=0)
        parts.append(_text(left - 10, base - 34, panel.name, anchor="end"))
        parts.append(_text(left - 10, base - 18, f"up to {largest:,}", anchor="end", colour=_QUIET))
        parts.append(_box(left, base, space, 1, _RULE))
        for place, value in enumerate(panel.values):
            if value:
                height = max(60 * value / largest, 1)
                parts.append(_box(left + place * step, base - height, max(step - 1, 1), height, panel.colour))
    bottom = 40 + len(panels) * 84
    for place in _named(len(times)):
        # The first and the last would stand out of the picture if they stood under the middle of their columns.
        anchor, shift = {0: ("start", 0.0), len(times) - 1: ("end", 1.0)}.get(place, ("middle", 0.5))
        x = left + (place + shift) * step
        parts.append(_text(x, bottom + 8, times[place], anchor=anchor, colour=_QUIET))
    return _picture(title, description, bottom + 22, parts)


def image(svg: str, alternative: str) -> str:
    """Return a picture as Markdown, with the words that stand for it where it cannot be seen."""
    words = " ".join(alternative.split()).translate(_NO_BRACKETS)
    return f"![{words}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"


def _named(number: int) -> list[int]:
    """Return the places of at most four columns that are called by their names."""
    if number <= 1:
        return list(range(number))
    names = min(number, _MOST_NAMES)
    return sorted({round(n * (number - 1) / (names - 1)) for n in range(names)})


def _legend(legend: Mapping[str, str]) -> Iterator[str]:
    x = float(_MARGIN)
    for colour, meaning in legend.items():
        yield _box(x, 38, 12, 12, colour)
        yield _text(x + 18, 48, meaning, colour=_QUIET)
        x += 32 + 6.6 * len(meaning)


def _picture(title: str, description: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc>'
    )
    paper = f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{_PAPER}" stroke="{_RULE}"/>'
    name = f'<text x="{_MARGIN}" y="26" fill="{_INK}" font-size="15" font-weight="600">{escape(title)}</text>'
    return "".join([head, paper, name, *parts, "</svg>"])


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
