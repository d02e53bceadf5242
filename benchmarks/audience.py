"""What it costs to make an audience into deliveries, with a tenth of it suppressed and one in a hundred a duplicate."""

from benchmarks.measuring import Goal, Result, peak_rss_mb
from benchmarks.world import World, a_world
from store.session import run
from tasks import campaigns


SIZE = 1_000_000


def measure(size: int = SIZE) -> Result:
    """Plan a campaign to `size` contacts."""
    with a_world() as world:
        duplicates = size // 100
        audience_id = world.contacts(size, duplicates=duplicates)
        suppressed = _suppress(world, every=10)
        campaign_id = world.campaign(audience_id)
        world.settle()
        before = world.meter.read()
        planned = campaigns.plan(world.resources, campaign_id)
        cost = world.meter.read() - before
        status = campaigns.status_of(world.resources, campaign_id)
        assert status.audience == size
        # A suppressed person's second contact is suppressed too, and not a duplicate.
        assert planned == status.pending == size - duplicates - suppressed
        return Result(
            goals=[
                Goal(
                    what=f"audience of {size:,} into deliveries",
                    value=round(cost.cpu, 2),
                    bound="at most",
                    limit=15.0 * size / 1_000_000,
                    unit="cpu-s",
                )
            ],
            figures={
                "contacts": size,
                "deliveries": planned,
                "skipped": dict(status.skipped_by_reason),
                **cost.as_json(),
                "us_per_contact": round(cost.cpu / size * 1e6, 2),
                "rss_mb_peak": peak_rss_mb(),
            },
        )


def _suppress(world: World, *, every: int) -> int:
    """Suppress each `every`-th person; return how many."""
    with world.resources.database.begin() as session:
        return run(
            session,
            """INSERT INTO suppression (tenant_id, recipient_key, scope, reason)
               SELECT tenant_id, recipient_key, 'tenant', 'unsubscribe'
               FROM (SELECT DISTINCT tenant_id, recipient_key, min(id) OVER (PARTITION BY recipient_key) AS first
                     FROM contact WHERE tenant_id = :tenant_id) AS person
               WHERE first % :every = 0""",
            tenant_id=world.tenant_id,
            every=every,
        ).rowcount
