"""Whether the ledger costs a message more in a table of millions of rows than in one of ten thousand.

Two worlds take turns, one with a short history and one with a long one, in which a campaign is sent to people who have had
all the earlier ones. The sender is the real one and only SES is replaced, as in `benchmarks.ledger`; its statistics
are those that autovacuum has made of the history, so they know nothing of the campaign, which was planned just now.

Beside the time stand the pages and the log of a message (`benchmarks.counting`), which say where a difference comes from.
An index of millions is a page or two deeper, and nothing else should grow.
"""

from concurrent.futures import ThreadPoolExecutor

from benchmarks import counting
from benchmarks.history import fill
from benchmarks.ledger import LEDGER, AcceptingSes
from benchmarks.measuring import Goal, Result
from benchmarks.timed import TimedSender
from benchmarks.turns import Lane, take_turns
from benchmarks.world import World, a_world
from tasks import campaigns
from tasks.resources import Resources


SIZE = 5_000_000  # rows of the long history
SHORT = 10_000
MESSAGES = 30_000
LARGE_TO_SMALL = 1.15
# Pages of the history that take in some of the new campaign are logged as a whole once, and pages split a little more often.
LOG_LARGE_TO_SMALL = 1.25


def measure(size: int = SIZE) -> Result:
    """Send a campaign behind a history of `size` rows, and one behind a short history."""
    messages = min(MESSAGES, size // 10)
    with a_world() as few, a_world() as many, ThreadPoolExecutor(12) as pool:
        claim_size = few.resources.settings.claim_size
        short = _lane(few, pool, messages, rows=min(SHORT, messages))
        long = _lane(many, pool, messages, rows=size)
        before = [counting.read(world) for world in (few, many)]
        take_turns([short, long], -(-messages // claim_size))
        after = [counting.read(world) for world in (few, many)]
    ratio = long.cpu_ms / short.cpu_ms
    counts = [(end - start).per_message(messages) for start, end in zip(before, after, strict=True)]
    return Result(
        goals=[
            Goal(
                what=f"ledger with {size:,} rows to that with {min(SHORT, messages):,}",
                value=round(ratio, 3),
                bound="at most",
                limit=LARGE_TO_SMALL,
                unit="x",
            ),
            Goal(
                what=f"ledger, log of a message, with {size:,} rows to {min(SHORT, messages):,}",
                value=round(counts[1]["wal_bytes"] / counts[0]["wal_bytes"], 3),
                bound="at most",
                limit=LOG_LARGE_TO_SMALL,
                unit="x",
            ),
        ],
        figures={
            "rows": size,
            "messages": messages,
            "short": short.as_json() | counts[0],
            "long": long.as_json() | counts[1],
        },
    )


def _lane(world: World, pool: ThreadPoolExecutor, messages: int, *, rows: int) -> Lane:
    world.account(max_send_rate=1e9)
    audience_id = world.contacts(messages)
    fill(world, audience_id, messages, rows=rows)
    resources = Resources(world.resources.settings)
    vars(resources).update(ses=AcceptingSes(), database=world.resources.database)
    campaign_id = world.campaign(audience_id)
    campaigns.plan(resources, campaign_id)
    world.settle()
    sender = TimedSender(resources, campaign_id, pool)
    return Lane(world=world, step=sender.send_claim, clock=lambda: sender.spent_on(LEDGER))
