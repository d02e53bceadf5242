"""Preview report: a campaign's messages as the Markdown that people look at in Prefect before they say yes.

Prefect's interface cleans Markdown: no frame, no style, no script. What is left for a look is a picture in a `data:` URI,
which it shows (3.8.8, `lazy-markdown`), and what a message is made of, in words.

Invariants:
    Nothing of a message is Markdown or HTML of the report: it is escaped, or in a code block that it cannot end.
    Samples are made of masked contacts (`core.masking`); the report says so.

Standards:
    CommonMark 0.31, 2.4 (backslash escapes), 4.5 (fenced code blocks). RFC 2397 (the `data` URL scheme).
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Final

from core import reporting
from core.preflight import Finding
from core.preview import Sample


MOST_PICTURE: Final = 350_000  # bytes of a PNG; one that is larger is not shown
MOST_SOURCE: Final = 20_000  # characters of a text or HTML part

_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")
_HIDDEN: Final = re.compile(
    r"<(div|span|td|p)\b[^>]*display\s*:\s*none[^>]*>(.*?)</\1>", re.DOTALL | re.IGNORECASE
)
_LONG_WORD: Final = re.compile(r"(\S{40})\S+")
_TAGS: Final = re.compile(r"<[^<>]*>")
_BLANKS: Final = re.compile("[\\s\u00a0\u00ad\u034f\u200b-\u200f\u2007\u2060\ufeff]+")


_INTRODUCTION: Final = (
    "What some contacts would get. Their names and addresses are masked here, where they could not be erased; "
    "a test to a seed list shows the real mail."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One sample, and a picture of it as PNG where a browser is installed."""

    sample: Sample
    picture: bytes | None = None


def report(*, tenant: str, campaign: str, shown: Sequence[Shown], findings: Sequence[Finding] = ()) -> str:
    """Return the report of some samples, and of what preflight found in all that it looked at."""
    lines = [f"# {tenant} · {_plain(campaign)} · preview", ""]
    lines += [_INTRODUCTION, ""]
    for one in shown:
        lines += _section(one)
    if not shown:
        lines += [
            "Nobody's message could be shown: the audience is empty, or its messages cannot be rendered.",
            "",
        ]
    lines += ["## What preflight found", ""]
    lines += reporting.findings_table(findings) if findings else ["Nothing."]
    return "\n".join([*lines, ""])


def preheader_of(html: str) -> str:
    """Return what a list of messages shows behind the subject: the text of the first element that is hidden."""
    found = _HIDDEN.search(html[:MOST_SOURCE])
    return _BLANKS.sub(" ", unescape(_TAGS.sub(" ", found[2]))).strip() if found else ""


def _section(shown: Shown) -> list[str]:
    sample = shown.sample
    content = sample.content
    facts = {
        "Subject": content.subject,
        "Preheader": preheader_of(content.html),
        "Locale": sample.locale,
        **sample.headers,
        "HTML": f"{sample.html_bytes:,} bytes",
        "Text": f"{len(content.text.encode()):,} bytes",
    }
    lines = [f"## {_plain(sample.label)}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {_plain(_short(value))} |" for name, value in facts.items() if value]
    lines += ["", *_picture(shown), "### Text part", "", *_block(content.text, "text")]
    if shown.picture is None:
        lines += ["### HTML part", "", *_block(content.html, "html")]
    return lines


def _picture(shown: Shown) -> list[str]:
    if shown.picture is None:
        return ["There is no picture: no Chromium is installed where this ran.", ""]
    if len(shown.picture) > MOST_PICTURE:
        return [f"The picture is too large to be kept here: {len(shown.picture):,} bytes.", ""]
    return [f"![{_plain(shown.sample.label)}](data:image/png;base64,{b64encode(shown.picture).decode()})", ""]


def _block(text: str, language: str) -> list[str]:
    """Return a code block whose fence is longer than any that stands in the text."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    kept = text[:MOST_SOURCE].rstrip()
    cut = [f"{len(text):,} characters, of which these are the first {MOST_SOURCE:,}.", ""]
    return [*(cut if len(text) > MOST_SOURCE else []), f"{fence}{language}", kept, fence, ""]


def _short(text: str) -> str:
    """Return text whose long words are cut: an unsubscribe link would push the table over the page's edge."""
    return _LONG_WORD.sub(r"\1…", text)


def _plain(text: str) -> str:
    """Return text that is no Markdown, in one line."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))
