"""Whether memory stays flat over ten thousand templates, ours and that of the process that compiles them.

Every one differs, is compiled and filled in once. The first is kept by us all the while, long after the child has forgotten
it, and must go on rendering.
"""

from dataclasses import replace

import psutil

from benchmarks.measuring import Goal, Result, rss_mb
from core.rendering import TemplateSources
from gateways.settings import Settings
from tasks.resources import Resources


SIZE = 10_000
FIRST_MARK = 10  # of so many parts the first is warming up
GROWTH_MB = 8.0

# A sheet and a class, so that premailer, cssutils and lxml have something to keep as well.
SMALL = TemplateSources(
    name="small",
    subject="Number {{ contact.number }}",
    html="<html><head><style>.a {color: red}</style></head><body><p class='a'>{{ contact.number }}</p></body></html>",
    text="Number {{ contact.number }}\n",
    shared={},
)


def measure(size: int = SIZE) -> Result:
    """Compile `size` templates, each for one message."""
    renderer = Resources(Settings()).renderer
    first = renderer.compile(_numbered(0), owner=1)
    marks: list[dict[str, float]] = []
    for number in range(1, size + 1):
        text = renderer.compile(_numbered(number), owner=1).render(_someone(number)).text
        assert text == f"{number}: Number {number}\n", text
        if number % max(size // FIRST_MARK, 1) == 0:
            assert first.render(_someone(number)).text == f"0: Number {number}\n"
            child = psutil.Process(renderer.pid).memory_info().rss / 2**20
            marks.append({"templates": number, "ours_mb": rss_mb(), "child_mb": round(child, 1)})
    starts = renderer.starts
    renderer.close()
    return Result(
        goals=[
            Goal(
                what=f"{whose} memory, {marks[-1]['templates']:,} templates to {marks[0]['templates']:,}",
                value=round(marks[-1][key] - marks[0][key], 1),
                bound="at most",
                limit=GROWTH_MB,
                unit="MB more",
            )
            for whose, key in (("our", "ours_mb"), ("the child's", "child_mb"))
        ],
        figures={"templates": size, "children": starts, "marks": marks},
    )


def _numbered(number: int) -> TemplateSources:
    return replace(
        SMALL,
        html=SMALL.html.replace("red", f"#{number:06x}").replace(".a", f".a, .b{number}"),
        text=f"{number}: {SMALL.text}",
    )


def _someone(number: int) -> dict[str, dict[str, int]]:
    return {"contact": {"number": number}}
