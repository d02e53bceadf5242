"""What a tenant loses of its throughput while another one's templates do their worst in a process of their own.

The good campaign is sent by the real sender, alone and beside one kind of hostile template, in turns; its two laps beside
each other are compared, so that what else runs on the machine is in both. The hostile side renders as a run does, one
campaign after another: the rule for broken messages pauses each (`core/breakage.py`), and the next begins a second later,
in a new process that knows nothing of the last, which is sooner than any worker would start it. What Jinja's sandbox lets
nobody do is done by filters that the child is given here.

`python -m benchmarks.hostile KIND` is the hostile side: it waits for a line, and then goes on until it is killed.
"""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from benchmarks.measuring import Goal, Result
from benchmarks.sender import SEND_RATE, a_simulator
from benchmarks.timed import TimedSender
from benchmarks.world import TINY, World, a_world
from core.breakage import MOST_AT_FIRST
from core.errors import TemplateError
from core.rendering import TemplateSources
from gateways import templates
from gateways.render_process import BOOTSTRAP, Renderer
from gateways.settings import PROJECT
from tasks import campaigns
from tasks.resources import Resources


SIZE = 60_000
SMALL = 10_000  # below it nothing but the way is tried, and once for each kind is enough
LOSS = 0.10
UNTIL_THE_NEXT = 1.0  # seconds from one campaign to the next
TEMPLATE = "newsletter"

ESCAPED: Final = BOOTSTRAP.replace(
    "main()",
    """
import os
from core import rendering

def burn(_value):
    while True:
        pass

def hoard(_value):
    held = []
    while True:
        held.append(bytearray(2 ** 20))

for environment in (rendering._HTML, rendering._TEXT):
    environment.filters.update(burn=burn, hoard=hoard, die=lambda _value: os._exit(1))
main()
""",
).replace("import main\n\n", "import main\n")

# The last is stopped while it is compiled, where constants are folded: what `template publish` would meet.
KINDS: Final = {
    "burns": "{{ contact|burn }}",
    "hoards": "{{ contact|hoard }}",
    "floods": "{% for a in range(1000) %}{{ 'x' * 1000 }}{% endfor %}",
    "loops": "{% for a in range(900) %}{% for b in range(900) %}{{ a }}{% endfor %}{% endfor %}",
    "nearly": "{% for a in range(300) %}{% for b in range(900) %}{% if a > b %}{{ '' }}{% endif %}{% endfor %}{% endfor %}",
    "dies": "{{ contact|die }}",
    "publishes": "{{ 1|burn }}",
}


def measure(size: int = SIZE) -> Result:
    """Send to `size` people, alone and beside each kind in turns."""
    kinds = [*KINDS] * (1 if size < SMALL else 2)
    # A claim may overshoot a lap, so that a fifth of the people is left over for that.
    lap = max(size * 4 // (5 * (2 * len(kinds) + 1)), 1)
    alone: defaultdict[str, list[float]] = defaultdict(list)
    beside: defaultdict[str, list[float]] = defaultdict(list)
    with a_simulator(), a_world() as world, _good_campaign(world, size, lap) as good:
        _rate(good, lap)
        for kind in kinds:
            alone[kind].append(_rate(good, lap))
            with _hostile(kind):
                beside[kind].append(_rate(good, lap))
    kept = {kind: round(sum(beside[kind]) / sum(alone[kind]), 3) for kind in KINDS}
    loss = 1 - sum(map(sum, beside.values())) / sum(map(sum, alone.values()))
    return Result(
        goals=[
            Goal(
                what="throughput lost to a hostile neighbour",
                value=round(loss, 3),
                bound="at most",
                limit=LOSS,
                unit="of it",
            )
        ],
        figures={
            "people": size,
            "messages_of_a_lap": lap,
            "messages_per_second_alone": round(sum(map(sum, alone.values())) / len(kinds)),
            "kept_beside": kept,
        },
    )


@contextmanager
def _good_campaign(world: World, size: int, lap: int) -> Iterator[TimedSender]:
    world.account(max_send_rate=SEND_RATE)
    campaign_id = world.campaign(world.contacts(size), templates.load(PROJECT / "templates", TEMPLATE))
    campaigns.plan(world.resources, campaign_id)
    world.settle()
    settings = world.resources.settings
    claims = -(-lap // settings.claim_size)
    resources = Resources(settings.model_copy(update={"claim_size": -(-lap // claims)}))
    # What a `cached_property` has made stands in the instance's own dictionary; this makes it beforehand.
    vars(resources).update(database=world.resources.database, ses=world.resources.ses)
    with ThreadPoolExecutor(settings.calls_in_flight, thread_name_prefix="ses") as pool:
        good = TimedSender(resources, campaign_id, pool)
        yield good
    resources.renderer.close()
    sent = campaigns.status_of(resources, campaign_id).sent
    assert sent == good.messages, f"{good.messages} messages were called out, {sent} are sent"


def _rate(good: TimedSender, lap: int) -> float:
    """Send at least so many messages; return how many a second."""
    started, messages = time.monotonic(), 0
    while messages < lap:
        sent = good.send_claim()
        assert sent, "the good campaign has come to its end too early"
        messages += sent
    return messages / (time.monotonic() - started)


@contextmanager
def _hostile(kind: str) -> Iterator[None]:
    """Let another process do its worst, in a session of its own as another run would have."""
    command = [sys.executable, "-m", "benchmarks.hostile", kind]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", (
                "the hostile side has failed; its error stands above"
            )
            process.stdin.write("go\n")
            process.stdin.flush()
            yield
        finally:
            process.kill()


def _do_the_worst(kind: str) -> None:
    """Send one campaign after the other, of which nobody's message can be rendered, or only slowly."""
    Renderer(bootstrap=ESCAPED).walls()
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        renderer = Renderer(bootstrap=ESCAPED)
        with suppress(TemplateError):
            _render(renderer, replace(TINY, subject="s", html="<p>x</p>", text=KINDS[kind]))
        renderer.close()
        time.sleep(UNTIL_THE_NEXT)


def _render(renderer: Renderer, sources: TemplateSources) -> None:
    template, broken = renderer.compile(sources, owner=1), 0
    while broken <= MOST_AT_FIRST:
        try:
            template.render({"contact": {"first_name": "Eve"}})
        except TemplateError:
            broken += 1


if __name__ == "__main__":
    _do_the_worst(sys.argv[1])
