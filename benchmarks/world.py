"""A world for one benchmark: a scratch PostgreSQL of its own with full durability, a warm tenant, and its people."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.measuring import Meter
from core import warmup_schedule
from core.campaigns import CampaignState
from core.rendering import TemplateSources
from gateways import postgres
from gateways.settings import Settings
from models import Audience, Campaign, Tenant
from store import accounts, campaigns, migrations
from store.session import one, run
from tasks import tenants as tenant_steps
from tasks.resources import Resources


REGION = "us-east-1"
DOMAIN = "news.example"

# No Amazon is reachable with these, and none is asked.
AMAZON = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
}

TINY = TemplateSources(
    name="tiny",
    subject="{{ campaign.name }}",
    html="""<!DOCTYPE html>
<html lang="en"><head><title>{{ campaign.name }}</title></head><body><p>Hello {{ contact.first_name }}</p>
<p>{{ tenant.postal_address }}</p><a href="{{ unsubscribe_url }}">Leave</a></body></html>
""",
    text="Hello {{ contact.first_name }}\n{{ tenant.postal_address }}\nLeave: {{ unsubscribe_url }}\n",
    shared={},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a benchmark works on."""

    resources: Resources
    meter: Meter
    folder: Path
    tenant_id: int

    def contacts(self, count: int, *, duplicates: int = 0, name: str = "everybody") -> int:
        """Make an audience of new contacts, the last `duplicates` of them with the keys of the first; return its id."""
        with self.resources.database.begin() as session:
            audience = Audience(tenant_id=self.tenant_id, name=name)
            session.add(audience)
            session.flush()
            assert audience.id is not None
            run(
                session,
                _CONTACTS,
                tenant_id=self.tenant_id,
                audience_id=audience.id,
                name=name,
                people=count,
                distinct=count - duplicates,
            )
        self.settle()
        return audience.id

    def settle(self) -> None:
        """Do what autovacuum would have done before long, and write everything out, so that no benchmark pays for it."""
        with self.resources.database.begin() as session:
            run(session, "ANALYZE contact, audience_member, suppression")
        with self.resources.database.begin() as session:
            run(session, "CHECKPOINT")

    def vacuum(self, *tables: str) -> None:
        """Do what autovacuum would have done after a while: make room, and statistics."""
        with psycopg.connect(
            self.resources.database.url.replace("+psycopg", ""), autocommit=True
        ) as connection:
            for table in tables:
                connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))

    def campaign(
        self,
        audience_id: int,
        sources: TemplateSources | None = None,
        *,
        state: CampaignState = CampaignState.SENDING,
    ) -> int:
        """Make a campaign that is not planned, of a tiny template if of no other; return its id."""
        sources = sources or TINY
        with self.resources.database.begin() as session:
            domain = one(
                session,
                "SELECT id FROM sending_domain WHERE tenant_id = :tenant_id",
                tenant_id=self.tenant_id,
            )
            assert domain is not None
            return campaigns.add(
                session,
                Campaign(
                    tenant_id=self.tenant_id,
                    name="Autumn letter",
                    audience_id=audience_id,
                    sending_domain_id=domain["id"],
                    template_digest=campaigns.pin_template(
                        session, tenant_id=self.tenant_id, sources=sources
                    ),
                    state=state,
                ),
            )

    def account(self, *, max_send_rate: float) -> None:
        """Give the region a quota without an end."""
        with self.resources.database.begin() as session:
            accounts.refresh(
                session,
                region=REGION,
                max_send_rate=max_send_rate,
                max_24_hour_send=-1,
                sent_last_24_hours=0,
            )


# The real keys are 128-bit hashes in hexadecimal too, so these are as wide and as evenly spread.
_CONTACTS = """
    WITH made AS (
        INSERT INTO contact (tenant_id, address, recipient_key, attributes)
        SELECT :tenant_id, :name || '.' || n || '@example' || n % 997 || '.com',
               md5(:name || CASE WHEN n > :distinct THEN n - :distinct ELSE n END),
               jsonb_build_object('first_name', 'Ada', 'last_name', 'Lovelace', 'city', 'Bristol', 'number', n)
        FROM generate_series(1, :people) AS n
        RETURNING id
    )
    INSERT INTO audience_member (tenant_id, audience_id, contact_id) SELECT :tenant_id, :audience_id, id FROM made
"""


@contextmanager
def a_world() -> Iterator[World]:
    """Yield a world, and leave nothing of it behind."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = postgres.ensure_running(folder)
        try:
            url = server.url("posthouse")
            migrations.upgrade(url)
            os.environ.update(AMAZON)
            # Nobody tells what became of a message here, so that a vanguard would wait for half an hour.
            resources = Resources(
                Settings(database_url=url, state_dir=folder, dns_lookups=False, vanguard_from=0)
            )
            yield World(
                resources=resources,
                meter=Meter(server),
                folder=folder,
                tenant_id=tenant_steps.add(resources, _tenant(), schedule=warmup_schedule.WARM),
            )
            resources.database.dispose()
        finally:
            server.stop()


def _tenant() -> Tenant:
    return Tenant(
        slug="bench",
        name="Kestrel Workshop",
        from_name="Kestrel Workshop",
        from_address=f"letter@{DOMAIN}",
        reply_to=f"hello@{DOMAIN}",
        postal_address="Kestrel Workshop Ltd, 14 Quay Street, Bristol BS1 4DJ, United Kingdom",
        website="https://kestrel.example/",
        configuration_set="bench",
        ses_tenant_name="bench",
    )
