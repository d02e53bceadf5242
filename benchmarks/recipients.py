"""What the list costs that says who got a campaign, who did not, and why."""

import io

from benchmarks.measuring import Goal, Result, peak_rss_mb, rss_mb
from benchmarks.world import World, a_world
from store.session import run
from tasks import campaigns, recipients


SIZE = 1_000_000


class _Sink(io.RawIOBase):
    """Takes the file and keeps its size alone."""

    size = 0

    def write(self, piece: bytes) -> int:
        self.size += len(piece)
        return len(piece)


def measure(size: int = SIZE) -> Result:
    """Write the list of a campaign to `size` people, of whom nine in ten have two facts and a tenth was left out."""
    with a_world() as world:
        campaign_id = world.campaign(world.contacts(size, duplicates=size // 10))
        campaigns.plan(world.resources, campaign_id)
        _deliver(world)
        world.vacuum("delivery", "delivery_fact")
        sink = _Sink()
        before, rss = world.meter.read(), rss_mb()
        counts = recipients.write(world.resources, campaign_id, sink, actor="benchmark")
        cost = world.meter.read() - before
        grown = round(peak_rss_mb() - rss, 1)
        assert sum(counts.values()) == size
        return Result(
            goals=[
                Goal(
                    what=f"the list of {size:,} recipients",
                    value=round(cost.cpu, 2),
                    bound="at most",
                    limit=60.0 * max(size, 20_000) / 1_000_000,
                    unit="cpu-s",
                ),
                Goal(what="memory that it grows by", value=grown, bound="at most", limit=40.0, unit="MB"),
            ],
            figures={
                "recipients": size,
                "megabytes": round(sink.size / 1e6, 1),
                **cost.as_json(),
                "us_per_recipient": round(cost.cpu / size * 1e6, 2),
                "rss_mb_peak": peak_rss_mb(),
            },
        )


def _deliver(world: World) -> None:
    with world.resources.database.begin() as session:
        run(
            session,
            """UPDATE delivery SET state = 'sent', submitted_at = now(), resolved_at = now(), attempt_id = 'a',
                   ses_message_id = md5(id::text) WHERE tenant_id = :tenant_id""",
            tenant_id=world.tenant_id,
        )
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
               SELECT tenant_id, id, fact, now(), now(), '{}'
               FROM delivery, unnest(ARRAY['sent', 'delivery']) AS fact WHERE tenant_id = :tenant_id""",
            tenant_id=world.tenant_id,
        )
