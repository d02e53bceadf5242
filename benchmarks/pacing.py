"""What the limiter costs a message: three real senders in turns, the first without it.

    free      takes no rate at all: every window is granted without a statement
    paced     takes turns and the account's rate, as everybody does
    limited   the same, with an operator's limits of its tenant and of a mailbox provider, and two caps of a warm-up

Each has a database server of its own, so that what the server spends is known for each of them, and all limits are so
high that nobody waits. A difference between two of them is what the one has and the other has not.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from unittest.mock import patch

from benchmarks.ledger import LEDGER, AcceptingSes
from benchmarks.measuring import Goal, Result
from benchmarks.timed import TimedSender
from benchmarks.turns import Lane, take_turns
from benchmarks.world import World, a_world
from core.allowances import ALL
from core.pacing import Grant
from core.providers import OTHER
from core.warmup_schedule import ADAPTIVE
from tasks import campaigns, limits, sending, warmup
from tasks.rate import Reserved
from tasks.resources import Resources


SIZE = 40_000  # messages of each
MS_PER_MESSAGE = 0.05
NOBODY_WAITS = 1e9  # messages a second


class FreeSender(TimedSender):
    """A sender that no rate holds."""

    def send_claim(self) -> int:
        """Send what one claim reserves; every window is granted."""
        with patch.object(sending, "reserve", _everything):
            return super().send_claim()


def measure(size: int = SIZE) -> Result:
    """Send about `size` messages each way."""
    with ExitStack() as stack:
        worlds = [stack.enter_context(a_world()) for _ in range(3)]
        threads = worlds[0].resources.settings.calls_in_flight
        pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="ses"))
        claims = max(-(-size // worlds[0].resources.settings.claim_size), 2)
        kinds = (FreeSender, TimedSender, TimedSender)
        lanes = [
            _lane(kind, world, pool, size=claims * world.resources.settings.claim_size)
            for kind, world in zip(kinds, worlds, strict=True)
        ]
        _limit(worlds[2], people=size)
        take_turns(lanes, claims)
    free, paced, limited = lanes
    return Result(
        goals=[
            _goal("the account's rate and turns", paced.cpu_ms - free.cpu_ms),
            _goal("with limits of the tenant and a provider, and two caps", limited.cpu_ms - free.cpu_ms),
        ],
        figures={
            "messages": free.messages,
            "free": free.as_json(),
            "paced": paced.as_json(),
            "limited": limited.as_json(),
        },
    )


def _lane(kind: type[TimedSender], world: World, pool: ThreadPoolExecutor, *, size: int) -> Lane:
    world.account(max_send_rate=NOBODY_WAITS)
    campaign_id = world.campaign(world.contacts(size))
    campaigns.plan(world.resources, campaign_id)
    world.settle()
    resources = Resources(world.resources.settings)
    # What a `cached_property` has made stands in the instance's own dictionary; this makes it beforehand.
    vars(resources).update(ses=AcceptingSes(), database=world.resources.database)
    sender = kind(resources, campaign_id, pool)
    return Lane(world=world, step=sender.send_claim, clock=lambda: sender.spent_on(LEDGER))


def _limit(world: World, *, people: int) -> None:
    """Limit a tenant and a provider, and let the domain warm up; an hour's part of the caps is enough for everybody."""
    why = {"reason": "a benchmark", "actor": "bench"}
    for provider in (ALL, OTHER):
        limits.put(world.resources, "bench", rate=NOBODY_WAITS, provider=provider, **why)
    warmup.set_schedule(world.resources, tenant_id=world.tenant_id, schedule=ADAPTIVE, **why)
    for provider in (ALL, OTHER):
        warmup.set_today(
            world.resources, tenant_id=world.tenant_id, allowance=100 * people, provider=provider, **why
        )


def _everything(*_: object, providers: list[str], wanted: int, **_asker: object) -> Reserved:
    """Grant a window without asking anybody."""
    count = min(wanted, len(providers))
    return Reserved(Grant(count=count), range(count))


def _goal(what: str, milliseconds: float) -> Goal:
    return Goal(
        what=f"the limiter, {what}",
        value=round(milliseconds, 4),
        bound="at most",
        limit=MS_PER_MESSAGE,
        unit="ms a message",
    )
