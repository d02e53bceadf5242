"""Ways of pacing a new domain: the adaptive controller against the ladder and published tables, in invented worlds.

The days, shares and offences are no measurement of this machine: the same worlds give the same figures everywhere. Only the CPU is.
"""

import time
from dataclasses import asdict
from itertools import product
from random import Random
from statistics import median_low

from benchmarks.measuring import Goal, Result
from core.warmup_tables import SCHEDULES
from core.warmup_trial import Summary, trial, ways
from core.warmup_worlds import SCENARIOS


SIZE = 400
VOLUME = 120_000
SEED = 1_000
NEVER = 10_000  # days of a table that never gets there, so that it is the slowest


def measure(size: int = SIZE) -> Result:
    """Walk every way through `size` worlds of each scenario."""
    before = time.process_time()
    found = {
        (scenario, way): trial(SCENARIOS[scenario], way, chances=_chances(size), volume=VOLUME)
        for scenario, way in product(SCENARIOS, ways())
    }
    spent = time.process_time() - before
    strict, lenient = found["strict", "controller"], found["lenient", "controller"]
    usual = median_low(_days(found["lenient", table]) for table in SCHEDULES)
    return Result(
        goals=[
            Goal(what="strict worlds won", value=strict.reached, bound="at least", limit=0.95, unit="of all"),
            Goal(
                what="deferred by strict receivers",
                value=round(strict.deferred_rate, 4),
                bound="at most",
                limit=0.005,
                unit="of all messages",
            ),
            Goal(
                what="lenient worlds, to the median table",
                value=round(_days(lenient) / usual, 2),
                bound="at most",
                limit=1.15,
                unit="times as many days",
            ),
        ],
        figures={
            "worlds": size,
            "volume": VOLUME,
            "cpu_ms_a_world": round(spent * 1_000 / (size * len(found)), 2),
            "ways": [asdict(one) for one in found.values()],
        },
    )


def _chances(size: int) -> list[Random]:
    return [Random(SEED + number) for number in range(size)]


def _days(one: Summary) -> int:
    return NEVER if one.median_days is None else one.median_days
