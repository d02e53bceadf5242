"""What the sums of facts cost: a fact that is counted, one that comes again, and a report over few and over many deliveries.

The facts are those of a campaign as it is: all are sent, most are delivered, a third is opened by people, one in twenty-five
clicks on one of five links, one in fifty bounces. They lie in the table as events have left them, and are counted as
`reconcile-events` counts them. Then all facts are told of once more, as a queue that repeats everything would.
"""

from collections.abc import Callable

from benchmarks.measuring import Cost, Goal, Result
from benchmarks.world import World, a_world
from core.campaigns import CampaignState
from store import rollups as sums
from store.session import one, run
from tasks import rollups


SIZE = 1_000_000  # deliveries of the largest campaign
STEPS = (100, 10, 1)  # the sizes, as parts of it
REPORTS = 20

US_PER_FACT = 30.0
LARGE_TO_SMALL = 3.0  # a report over a hundred times as many deliveries: more hours and domains, not more rows for each person


def measure(size: int = SIZE) -> Result:
    """Count and report campaigns of a hundredth of `size`, of a tenth and of all of it."""
    with a_world() as world:
        rounds = [_round(world, max(size // part, 10), name=f"step{part}") for part in STEPS]
    largest, smallest = rounds[-1], rounds[0]
    return Result(
        goals=[
            Goal(
                what=f"rollups, a fact counted, {largest['facts']:,} facts",
                value=round(largest["us_per_fact"], 2),
                bound="at most",
                limit=US_PER_FACT,
                unit="us",
            ),
            Goal(
                what=f"rollups, report of {largest['deliveries']:,} deliveries to that of {smallest['deliveries']:,}",
                value=round(largest["report_ms"] / smallest["report_ms"], 2)
                if smallest["report_ms"]
                else 0.0,
                bound="at most",
                limit=LARGE_TO_SMALL,
                unit="x",
            ),
        ],
        figures={"deliveries": largest["deliveries"], "rounds": rounds},
    )


def _round(world: World, people: int, *, name: str) -> dict[str, float]:
    audience_id = world.contacts(people, name=name)
    campaign_id = world.campaign(audience_id, state=CampaignState.DONE)
    facts = _tell(world, campaign_id, audience_id)
    counting = _spent(world, lambda: rollups.refresh(world.resources, tenant_id=world.tenant_id))
    world.vacuum("delivery_fact", "campaign_rollup")
    _tell_again(world)
    again = _spent(world, lambda: rollups.refresh(world.resources, tenant_id=world.tenant_id))
    report = _spent(world, lambda: _report(world, campaign_id))
    with world.resources.database.begin() as session:
        cells = one(
            session, "SELECT count(*) AS n FROM campaign_rollup WHERE campaign_id = :id", id=campaign_id
        )
        total = sums.of_campaign(session, tenant_id=world.tenant_id, campaign_id=campaign_id).totals["sent"]
    assert cells is not None
    assert total == people, "every delivery is counted once"
    return {
        "deliveries": people,
        "facts": facts,
        "us_per_fact": round(counting.cpu / facts * 1e6, 2),
        "us_per_repeated_fact": round(again.cpu / facts * 1e6, 3),
        "report_ms": round(report.cpu / REPORTS * 1e3, 2),
        "sums": cells["n"],
    }


def _spent(world: World, what: Callable[[], object]) -> Cost:
    before = world.meter.read()
    what()
    return world.meter.read() - before


def _report(world: World, campaign_id: int) -> None:
    for _ in range(REPORTS):
        with world.resources.database.begin() as session:
            sums.of_campaign(session, tenant_id=world.tenant_id, campaign_id=campaign_id)


def _tell(world: World, campaign_id: int, audience_id: int) -> int:
    """Plan the campaign and leave its facts as events would; return how many there are."""
    with world.resources.database.begin() as session:
        run(session, "SET LOCAL session_replication_role = replica")  # all of these rows point at something
        run(session, _PLAN, tenant_id=world.tenant_id, campaign_id=campaign_id, audience_id=audience_id)
        facts = run(session, _FACTS, tenant_id=world.tenant_id, campaign_id=campaign_id).rowcount
    world.vacuum("delivery", "delivery_fact")
    return facts


def _tell_again(world: World) -> None:
    with world.resources.database.begin() as session:
        run(session, "UPDATE delivery_fact SET times = times + 1, last_at = last_at + interval '1 second'")


_PLAN = """
    INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, provider, tier, state, ses_message_id, resolved_by)
    SELECT c.tenant_id, :campaign_id, c.id, c.recipient_key,
           (ARRAY['gmail', 'microsoft_consumer', 'yahoo', 'apple', 'other'])[1 + c.id % 5], c.id % 6, 'sent', 'ses-' || c.id, 'api'
    FROM audience_member m JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
    WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id ORDER BY c.recipient_key
"""

# Over two days, most of it in the first hours.
_FACTS = """
    INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
    SELECT d.tenant_id, d.id, told.fact, told.at, told.at, told.detail
    FROM delivery d
    CROSS JOIN LATERAL (SELECT now() - interval '3 days' + make_interval(secs => 7200 * random()) AS at, random() AS lot) AS sent
    CROSS JOIN LATERAL (VALUES
        ('sent', true, 1, '{}'::jsonb),
        ('delivery', sent.lot < 0.98, 30, '{}'),
        ('bounce_permanent', sent.lot >= 0.98, 30, '{"class": "bad_mailbox", "reason": "no_such_mailbox"}'),
        ('open', sent.lot < 0.33, 172800, '{}'),
        ('click', sent.lot < 0.04, 172800,
         jsonb_build_object('links', jsonb_build_array('https://kestrel.example/' || floor(sent.lot * 125))))
    ) AS likely (fact, happens, within, detail)
    CROSS JOIN LATERAL (
        SELECT likely.fact, likely.detail, sent.at + make_interval(secs => likely.within * random() ^ 3) AS at) AS told
    WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id AND likely.happens
"""
