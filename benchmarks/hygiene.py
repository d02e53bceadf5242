"""What a night of hygiene costs: everybody looked at by every rule, one in twenty-five lapses, and some bounce."""

from benchmarks.measuring import Goal, Result, peak_rss_mb, rss_mb
from benchmarks.world import World, a_world
from core.hygiene import Effect
from models import Tenant
from store.session import run
from tasks import hygiene


SIZE = 1_000_000
MESSAGES = 3  # to each person; a sunset after twelve only makes the tables larger
SILENT_EACH = 25
BOUNCING_EACH = 200


def measure(size: int = SIZE) -> Result:
    """Have one night of a tenant with `size` contacts, each of whom has had three messages."""
    with a_world() as world:
        audience_id = world.contacts(size)
        _mail(world, audience_id)
        world.vacuum("contact", "delivery", "delivery_fact", "audience_member")
        tenant = _tenant(world)
        before, rss = world.meter.read(), rss_mb()
        night = hygiene.night(world.resources, tenant)
        cost = world.meter.read() - before
        grown = round(peak_rss_mb() - rss, 1)
        lapsed, suppressed = night.by_effect(Effect.LAPSE), night.by_effect(Effect.SUPPRESS)
        assert not night.waits
        assert lapsed == len(range(SILENT_EACH, size + 1, SILENT_EACH))
        assert suppressed == len(range(BOUNCING_EACH // 2 + 1, size + 1, BOUNCING_EACH))
        return Result(
            goals=[
                Goal(
                    what=f"a night of hygiene over {size:,} contacts",
                    value=round(cost.cpu, 2),
                    bound="at most",
                    limit=120.0 * max(size, 20_000) / 1_000_000,
                    unit="cpu-s",
                ),
                Goal(what="memory that it grows by", value=grown, bound="at most", limit=60.0, unit="MB"),
            ],
            figures={
                "contacts": size,
                "deliveries": MESSAGES * size,
                "lapsed": lapsed,
                "suppressed": suppressed,
                **cost.as_json(),
                "us_per_contact": round(cost.cpu / size * 1e6, 2),
                "rss_mb_peak": peak_rss_mb(),
            },
        )


def _tenant(world: World) -> Tenant:
    """Return the tenant, with patience for three messages and five soft bounces of one message each."""
    with world.resources.database.begin() as session:
        tenant = session.get(Tenant, world.tenant_id)
        assert tenant is not None
        tenant.policies = {"sunset_messages": MESSAGES, "soft_bounces": 1, "soft_bounce_days": 1}
        session.add(tenant)
    return tenant


def _mail(world: World, audience_id: int) -> None:
    """Give everybody three old messages that were delivered, and most of them a look; some also bounced lately."""
    campaigns = [world.campaign(audience_id) for _ in range(MESSAGES)]
    lately = world.campaign(audience_id)
    with world.resources.database.begin() as session:
        key = {"tenant_id": world.tenant_id}
        run(
            session,
            """INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, state)
               SELECT c.tenant_id, k.id, c.id, c.recipient_key, 'sent'
               FROM contact c, unnest(CAST(:campaigns AS bigint[])) AS k (id) WHERE c.tenant_id = :tenant_id""",
            **key,
            campaigns=campaigns,
        )
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT tenant_id, id, 'delivery', at, at
               FROM delivery, (SELECT now() - interval '200 days' AS at) AS told WHERE tenant_id = :tenant_id""",
            **key,
        )
        run(
            session,
            """INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, state)
               SELECT tenant_id, :campaign_id, id, recipient_key, 'sent' FROM contact
               WHERE tenant_id = :tenant_id AND CAST(attributes ->> 'number' AS bigint) % :each = :each / 2 + 1""",
            **key,
            campaign_id=lately,
            each=BOUNCING_EACH,
        )
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT tenant_id, id, 'bounce_transient', now(), now() FROM delivery
               WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id""",
            **key,
            campaign_id=lately,
        )
        run(
            session,
            """UPDATE contact SET engaged_at = now() - interval '1 day'
               WHERE tenant_id = :tenant_id AND CAST(attributes ->> 'number' AS bigint) % :each <> 0""",
            **key,
            each=SILENT_EACH,
        )
