"""Whether a sender's memory grows with the messages that it has sent: a long campaign of a tiny template."""

from benchmarks.measuring import Goal, Result
from benchmarks.sender import a_simulator, send
from benchmarks.world import TINY, a_world


SIZE = 200_000
MB = 200.0
GROWTH = 1.1


def measure(size: int = SIZE) -> Result:
    """Send `size` messages in one process and compare its memory at the first mark with that at the last."""
    with a_simulator(), a_world() as world:
        figures = send(world, world.contacts(size), size, TINY)
    first, last = figures["rss_mb"][0], figures["rss_mb"][-1]
    return Result(
        goals=[
            Goal(
                what=f"sender's memory after {size:,} messages",
                value=last[1],
                bound="at most",
                limit=MB,
                unit="MB",
            ),
            Goal(
                what=f"its memory after {last[0]:,} messages to that after {first[0]:,}",
                value=round(last[1] / first[1], 3),
                bound="at most",
                limit=GROWTH,
                unit="x",
            ),
        ],
        figures={"messages": size, **figures},
    )
