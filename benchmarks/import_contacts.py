"""How many contacts a CPU second imports. Every one of them is new, which is the dearest case."""

import random
from pathlib import Path

from benchmarks.measuring import Goal, Result, peak_rss_mb
from benchmarks.world import a_world
from tasks.contacts import import_contacts


SIZE = 1_000_000
ROWS_PER_CPU_SECOND = 35_000
RSS_MB = 200
_FIRST = ("anna", "ben", "carla", "dmitri", "elena", "farid", "gita", "hugo", "ines", "jonas", "kim", "lena")
_LAST = ("miller", "garcia", "okafor", "novak", "rossi", "tanaka", "silva", "dubois", "larsen", "kowalski")


def write_file(path: Path, count: int, seed: int = 1) -> None:
    """Write a file of `count` people, one of a hundred of them a second time in capitals."""
    dice = random.Random(seed)
    previous = ""
    with path.open("w") as target:
        target.write("email,first_name,last_name,country,plan\n")
        for number in range(count):
            first, last = dice.choice(_FIRST), dice.choice(_LAST)
            address = f"{first}.{last}.{number}@example{number % 997}.com"
            if number % 100 == 99:
                address = previous.upper()
            previous = address
            target.write(f"{address},{first.title()},{last.title()},DE,{'gold' if number % 3 else 'free'}\n")


def measure(size: int = SIZE) -> Result:
    """Import a file of `size` rows into an empty audience."""
    with a_world() as world:
        file = world.folder / "contacts.csv"
        write_file(file, size)
        before = world.meter.read()
        report = import_contacts(
            world.resources, tenant_id=world.tenant_id, location=str(file), audience="everybody"
        )
        cost = world.meter.read() - before
        rows, memory = report.counts["rows"], peak_rss_mb()
        assert rows == size
    rate = round(rows / (cost.client + cost.backends))
    return Result(
        goals=[
            Goal(
                what=f"import of {size:,} rows",
                value=rate,
                bound="at least",
                limit=ROWS_PER_CPU_SECOND,
                unit="rows a cpu-s",
            ),
            Goal(what="its memory", value=memory, bound="at most", limit=RSS_MB, unit="MB"),
        ],
        figures={
            "rows": rows,
            "created": report.counts["created"],
            "unchanged": report.counts["unchanged"],
            **cost.as_json(),
            "rss_mb_peak": memory,
        },
    )
