"""How many SES events a CPU second takes from the queues to facts, client and database together, and in how much memory.

Measured with `FileQueue` in the place of SQS, whose calls cost every design the same: two for ten events.
"""

import time

from benchmarks import history, mail_events
from benchmarks.mail_events import FileQueue
from benchmarks.measuring import Goal, Result, peak_rss_mb, rss_mb
from benchmarks.world import World, a_world
from store.session import one, rows
from tasks import events


SIZE = 200_000
EVENTS_PER_CPU_SECOND = 18_000
GROWTH = 1.1


def measure(size: int = SIZE) -> Result:
    """Drain two queues of about `size` events of messages that were sent."""
    with a_world() as world:
        messages = _sent(world, round(size / mail_events.EVENTS_PER_MESSAGE))
        queues = [FileQueue(path.stem, path) for path in mail_events.write(world.folder, messages)]
        del messages
        memory = [rss_mb()]
        commits = _commits(world)
        before = world.meter.read()
        total = events.DrainReport()
        while (done := events.drain(world.resources, queues=queues, until_empty=False)).received:
            total += done
            memory.append(rss_mb())
        cost = world.meter.read() - before
        commits = _commits(world) - commits
        facts = _facts(world)
    spent = cost.client + cost.backends
    early = memory[len(memory) // 10 + 1]
    return Result(
        goals=[
            Goal(what=f"{total.received:,} events from queue to fact", value=round(total.received / spent), bound="at least",
                 limit=EVENTS_PER_CPU_SECOND, unit="events a cpu-s"),
            Goal(what="memory at the end to that after a tenth", value=round(memory[-1] / early, 3), bound="at most",
                 limit=GROWTH, unit="x"),
        ],
        figures={
            "events": total.received,
            "applied": total.applied,
            "duplicates": total.duplicates,
            "deleted": sum(queue.deleted for queue in queues),
            "commits": commits,
            "facts": facts,
            "us_per_event": {
                "client": round(cost.client / total.received * 1e6, 1),
                "backends": round(cost.backends / total.received * 1e6, 1),
                "background": round(cost.background / total.received * 1e6, 1),
            },
            **cost.as_json(),
            "rss_mb": [early, memory[-1]],
            "rss_mb_peak": peak_rss_mb(),
        },
    )  # fmt: skip


def _sent(world: World, count: int) -> list[dict[str, object]]:
    """Send a campaign to new people; return its messages as events need them."""
    audience = world.contacts(count)
    history.fill(world, audience, count, rows=count)
    with world.resources.database.begin() as session:
        found = rows(
            session,
            """SELECT d.id, d.campaign_id, d.attempt_id, c.address,
                      coalesce(d.ses_message_id, 'ses-' || d.id) AS ses_message_id
               FROM delivery d JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
               WHERE d.tenant_id = :tenant_id ORDER BY d.id""",
            tenant_id=world.tenant_id,
        )
    return [
        {
            "number": number,
            "address": row["address"],
            "ses_message_id": row["ses_message_id"],
            "tags": {
                "tenant": ["bench"],
                "campaign": [str(row["campaign_id"])],
                "delivery": [str(row["id"])],
                "attempt": [row["attempt_id"]],
                "ses:configuration-set": ["bench"],
            },
        }
        for number, row in enumerate(found)
    ]


def _commits(world: World) -> int:
    # An idle backend tells what it has done within a second.
    time.sleep(1.5)
    with world.resources.database.begin() as session:
        found = one(
            session,
            "SELECT xact_commit AS n FROM pg_stat_database WHERE datname = current_database()",
        )
    assert found is not None
    commits: int = found["n"]
    return commits


def _facts(world: World) -> dict[str, int]:
    with world.resources.database.begin() as session:
        found = rows(session, "SELECT fact, count(*) AS n FROM delivery_fact GROUP BY fact ORDER BY fact")
        return {row["fact"]: row["n"] for row in found}
