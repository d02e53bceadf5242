# ruff: noqa: SLF001 -- the engine itself is measured, without the CSS that the entry inlines
"""Our dialect against the sandbox that it is made of, and what the process around it adds to a message.

Both sandboxes print the same characters: our side is compiled without its CSS inlined, and metered as always. They take
turns in one run, and of each the best turn counts, since other work on the machine only ever makes a turn longer.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
from jinja2 import DictLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

from benchmarks.measuring import Goal, Result
from core import filling, rendering
from core.rendering import TemplateSources, compile_template
from gateways import templates
from gateways.render_process import Renderer
from gateways.settings import PROJECT


SIZE = 2_000  # messages of each kind and template
TURNS = 10
TEMPLATES = ("newsletter", "product-digest")
RATIO = 2.5
BOUNDARY_MS = 0.15
# What a template sees beside its data, in its own language.
_SUPPLIED = {"lang": "en", "dir": "ltr", "locale": "en", "preheader": "Spring"}


def measure(size: int = SIZE) -> Result:
    """Render the templates that ship with their samples, in every way."""
    figures = {name: _of(name, max(size // TURNS, 1)) for name in TEMPLATES}
    goals = []
    for name, found in figures.items():
        ratio = round(found["stock_ms"] / found["ours_ms"], 2)
        goals += [
            Goal(
                what=f"Jinja's sandbox to ours, {name}", value=ratio, bound="at least", limit=RATIO, unit="x"
            ),
            Goal(
                what=f"the process boundary, {name}",
                value=round(found["process_ms"] - found["here_ms"], 3),
                bound="at most",
                limit=BOUNDARY_MS,
                unit="ms a message",
            ),
        ]
    return Result(goals=goals, figures={"messages": size, **figures})


def _of(name: str, messages: int) -> dict[str, float]:
    folder = PROJECT / "templates"
    sources, context = templates.load(folder, name), templates.sample(folder, name)
    seen = {**_SUPPLIED, **context}
    stock, ours = _stock(sources, seen), _ours(sources, seen)
    assert stock() == ours()
    here = compile_template(sources)
    renderer = Renderer()
    there = renderer.compile(sources, owner=None)
    assert there.render(context) == here.render(context)
    child = psutil.Process(renderer.pid)

    def both_processes() -> float:
        times = child.cpu_times()
        return time.process_time() + float(times.user + times.system)

    ways: dict[str, tuple[Callable[[], object], Callable[[], float]]] = {
        "stock_ms": (stock, time.process_time),
        "ours_ms": (ours, time.process_time),
        "here_ms": (lambda: here.render(context), time.process_time),
        "process_ms": (lambda: there.render(context), both_processes),
    }
    # The kernel counts a child's time in hundredths of a second, so its turns are ten times as long.
    counts = {way: messages * 10 if way == "process_ms" else messages for way in ways}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for way, (render, clock) in ways.items():
            best[way] = min(best[way], _turn(render, clock, counts[way]))
    renderer.close()
    return {way: round(cost * 1000, 4) for way, cost in best.items()}


def _turn(render: Callable[[], object], clock: Callable[[], float], messages: int) -> float:
    started = clock()
    for _ in range(messages):
        render()
    return (clock() - started) / messages


def _stock(sources: TemplateSources, context: Mapping[str, Any]) -> Callable[[], list[str]]:
    files = {"subject.txt": sources.subject, "body.html": sources.html, "body.txt": sources.text}
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader({**sources.shared, **files}),
        autoescape=lambda name: ".html" in (name or ""),
        keep_trailing_newline=True,
    )
    compiled = [environment.get_template(name) for name in files]
    return lambda: [template.render(context) for template in compiled]


def _ours(sources: TemplateSources, context: Mapping[str, Any]) -> Callable[[], list[str]]:
    parts = {"subject": rendering._TEXT, "html": rendering._HTML, "text": rendering._TEXT}
    compiled = [
        (
            rendering._code(rendering._vetted(environment, part, getattr(sources, part), sources.shared, "")),
            environment,
        )
        for part, environment in parts.items()
    ]

    def render() -> list[str]:
        with filling.metered(context):
            data = {**rendering._GLOBALS, **context}
            return [filling.filled(template, environment, data) for template, environment in compiled]

    return render
