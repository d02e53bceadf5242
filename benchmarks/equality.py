"""The run-time audit of every message: whether one in thousands differs from premailer's page, and what an audit costs.

Rendered and audited is where a campaign does it, in the child process, and what is judged is what SES puts together of the
frame and the holes of a bulk call. Half of the readers' fields are missing, empty or hostile.
"""

import time
from dataclasses import asdict, dataclass

import psutil

from benchmarks.measuring import Goal, Result
from benchmarks.readers import contexts
from core.errors import TemplateError
from gateways import templates
from gateways.render_process import Renderer
from gateways.settings import PROJECT
from tasks.auditing import found_in


SIZE = 1_000  # readers of each template


def measure(size: int = SIZE) -> Result:
    """Audit `size` messages of every template that ships."""
    folder = PROJECT / "templates"
    found = {name: _of(name, size) for name in templates.names(folder)}
    return Result(
        goals=[
            Goal(
                what="messages that differ from premailer's page",
                value=sum(len(of_one.different) for of_one in found.values()),
                bound="at most",
                limit=0,
                unit=f"of {size * len(found):,}",
            ),
            Goal(
                what="messages that could not be audited",
                value=sum(len(of_one.not_audited) for of_one in found.values()),
                bound="at most",
                limit=0,
                unit=f"of {size * len(found):,}",
            ),
        ],
        figures={"readers": size, **{name: asdict(of_one) for name, of_one in found.items()}},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Of one template: what differs, why some were not audited, and what an audit costs, in both processes."""

    different: list[str]
    not_audited: list[str]
    audit_cpu_ms: float


def _of(name: str, size: int) -> _Found:
    renderer = Renderer()
    compiled = renderer.compile(templates.load(PROJECT / "templates", name), owner=None)
    different: list[str] = []
    not_audited: list[str] = []
    spent = 0.0
    for data in contexts(name, size):
        content = compiled.render(data)
        child, before = renderer.pid, _cpu_seconds(renderer)
        try:
            told = found_in(compiled, data, content)
        except TemplateError as error:
            not_audited.append(error.message)
        else:
            different += [told] if told else []
        spent += _cpu_seconds(renderer) - before if renderer.pid == child else 0.0
    renderer.close()
    return _Found(different=different, not_audited=not_audited, audit_cpu_ms=round(1000 * spent / size, 1))


def _cpu_seconds(renderer: Renderer) -> float:
    """Return what both processes have spent until now; the child's in hundredths of a second, so only sums mean something."""
    times = psutil.Process(renderer.pid).cpu_times()
    return time.process_time() + float(times.user + times.system)
