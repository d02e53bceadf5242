"""Builders of what is sent: a tenant with an audience, a campaign, its contacts, and what happens to them.

`tests/mailed.py` has those of one delivery and of what SES reports of it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from core import addresses, locales
from core.campaigns import CampaignState
from core.rendering import TemplateSources
from core.suppression import Reason, Scope
from core.warmup_schedule import LADDER
from models import Audience, AudienceMember, Campaign, Contact, Tenant
from store import accounts, campaigns, planning, sending_domains, suppressions
from store.session import Database, one, rows, run
from store.suppressions import NewSuppression
from tests.fakes import REGION, SECRETS


_numbers = itertools.count(1)

NEWSLETTER = TemplateSources(
    name="newsletter",
    subject="{{ campaign.name }} for {{ contact.first_name }}",
    html="""<!DOCTYPE html>
<html lang="en"><head><title>{{ campaign.name }}</title></head><body>
<p>Hello {{ contact.first_name }}</p>
<p>{{ tenant.postal_address }}</p>
<p><a href="{{ unsubscribe_url }}">Leave</a></p>
</body></html>
""",
    text="Hello {{ contact.first_name }}\n{{ tenant.postal_address }}\nLeave: {{ unsubscribe_url }}\n",
    shared={},
)


@dataclass(frozen=True)
class Scene:
    """The ids of one campaign and of what it hangs on."""

    slug: str
    tenant_id: int
    audience_id: int
    sending_domain_id: int
    campaign_id: int

    @property
    def campaign(self) -> dict[str, int]:
        """The keyword arguments that name the campaign."""
        return {"tenant_id": self.tenant_id, "campaign_id": self.campaign_id}

    @property
    def domain(self) -> dict[str, int]:
        """The keyword arguments that name the sending domain."""
        return {"tenant_id": self.tenant_id, "sending_domain_id": self.sending_domain_id}


def a_tenant(session: Session, **columns: Any) -> Tenant:
    """A tenant that may send."""
    slug = columns.pop("slug", f"acme-{next(_numbers)}")
    values = {
        "name": "Acme Travel",
        "from_name": "Acme",
        "from_address": "news@acme.example",
        "reply_to": "hi@acme.example",
        "postal_address": "1 Main St, Springfield",
        "configuration_set": f"{slug}-set",
        "ses_tenant_name": slug,
    }
    tenant = Tenant(slug=slug, **values | columns)
    session.add(tenant)
    session.flush()
    return tenant


def a_scene(
    session: Session,
    *,
    contacts: int = 0,
    rung: int | None = None,
    schedule: str | None = None,
    state: CampaignState = CampaignState.SENDING,
    sources: TemplateSources = NEWSLETTER,
    **tenant_columns: Any,
) -> Scene:
    """A tenant whose campaign is being sent but not planned; the domain is warm unless it has a rung of our ladder or a schedule."""
    tenant = a_tenant(session, **tenant_columns)
    assert tenant.id is not None
    audience = Audience(tenant_id=tenant.id, name="readers")
    session.add(audience)
    session.flush()
    domain_id = sending_domains.add(
        session,
        tenant_id=tenant.id,
        domain="acme.example",
        schedule=schedule if rung is None else LADDER,
        rung=rung,
        started_on=date(2026, 11, 1),
    )
    scene = Scene(tenant.slug, tenant.id, audience.id, domain_id, 0)
    scene = a_campaign(session, scene, state=state, sources=sources)
    some_contacts(session, scene, contacts)
    return scene


def a_campaign(
    session: Session,
    scene: Scene,
    *,
    state: CampaignState = CampaignState.SENDING,
    sources: TemplateSources = NEWSLETTER,
    **columns: Any,
) -> Scene:
    """Another campaign of the same tenant to the same audience."""
    digest = campaigns.pin_template(session, tenant_id=scene.tenant_id, sources=sources)
    campaign = Campaign(
        tenant_id=scene.tenant_id,
        name="Spring",
        audience_id=scene.audience_id,
        sending_domain_id=scene.sending_domain_id,
        template_digest=digest,
        state=state,
        **columns,
    )
    return Scene(
        scene.slug,
        scene.tenant_id,
        scene.audience_id,
        scene.sending_domain_id,
        campaigns.add(session, campaign),
    )


def key_of(address: str) -> str:
    """The recipient key of an address under the tests' pepper."""
    return addresses.recipient_key(addresses.parse(address).comparable, SECRETS.recipient_key)


def a_contact(session: Session, scene: Scene, address: str = "", **columns: Any) -> Contact:
    """A member of the audience; two spellings of one address have one recipient key."""
    address = address or f"reader{next(_numbers)}@example.net"
    columns.setdefault("attributes", {"first_name": "Ann"})
    contact = Contact(tenant_id=scene.tenant_id, address=address, recipient_key=key_of(address), **columns)
    session.add(contact)
    session.flush()
    assert contact.id is not None
    session.add(
        AudienceMember(tenant_id=scene.tenant_id, audience_id=scene.audience_id, contact_id=contact.id)
    )
    session.flush()
    return contact


def some_contacts(session: Session, scene: Scene, number: int) -> None:
    """Members of the audience, many at once."""
    for _ in range(number):
        address = f"reader{next(_numbers)}@example.net"
        session.add(
            Contact(
                tenant_id=scene.tenant_id,
                address=address,
                recipient_key=key_of(address),
                attributes={"first_name": "Ann"},
            )
        )
    session.flush()
    run(
        session,
        """INSERT INTO audience_member (tenant_id, audience_id, contact_id)
           SELECT tenant_id, :audience_id, id FROM contact WHERE tenant_id = :tenant_id
           ON CONFLICT DO NOTHING""",
        tenant_id=scene.tenant_id,
        audience_id=scene.audience_id,
    )


def suppress(
    session: Session, scene: Scene, address: str, reason: Reason, *, audience_id: int | None = None
) -> None:
    """Suppress an address for the tenant, or for one audience."""
    suppressions.add(
        session,
        tenant_id=scene.tenant_id,
        suppressions=[
            NewSuppression(
                recipient_key=key_of(address),
                address=address,
                reason=reason,
                scope=Scope.TENANT if audience_id is None else Scope.AUDIENCE,
                audience_id=audience_id,
            )
        ],
    )


def plan(session: Session, scene: Scene) -> int:
    """Plan the whole campaign; return how many deliveries there are."""
    planned = 0
    for key_from, key_below in planning.slices(
        session, tenant_id=scene.tenant_id, audience_id=scene.audience_id
    ):
        planned += planning.plan_slice(
            session, **scene.campaign, audience_id=scene.audience_id, key_from=key_from, key_below=key_below
        )
    planning.finish_plan(session, **scene.campaign)
    return planned


def an_account(session: Session, **changes: Any) -> None:
    """The SES account of the tests' region, unlimited unless told otherwise."""
    values = {"max_send_rate": 1e6, "max_24_hour_send": -1.0, "sent_last_24_hours": 0.0}
    accounts.refresh(session, region=REGION, **values | changes)


def ledger(session: Session, scene: Scene) -> Sequence[dict[str, Any]]:
    """The campaign's deliveries in order of id, with the address of each."""
    found = rows(
        session,
        """SELECT d.*, c.address FROM delivery d JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
           WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id ORDER BY d.id""",
        **scene.campaign,
    )
    return [dict(row) for row in found]


def states(session: Session, scene: Scene) -> dict[str, int]:
    """How many of the campaign's deliveries are in each state."""
    found = rows(
        session,
        """SELECT state, count(*) AS number FROM delivery
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id GROUP BY state""",
        **scene.campaign,
    )
    return {row["state"]: row["number"] for row in found}


def excluded(session: Session, scene: Scene) -> dict[int, str]:
    """Who was left out of the campaign, and why."""
    return {
        row["contact_id"]: row["reason"]
        for row in campaigns.exclusions(session, **scene.campaign, limit=1000)
    }


def allowance(session: Session, scene: Scene) -> tuple[int, int] | None:
    """Today's allowance of the sending domain and how much of it is used."""
    row = one(
        session,
        """SELECT allowance, used FROM warmup_allowance WHERE tenant_id = :tenant_id
           AND sending_domain_id = :sending_domain_id ORDER BY on_day DESC LIMIT 1""",
        **scene.domain,
    )
    return (row["allowance"], row["used"]) if row else None


def allow_today(session: Session, scene: Scene, messages: int) -> None:
    """Give today an allowance that no rung has, so that few messages fill it."""
    run(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule)
           VALUES (:tenant_id, :sending_domain_id, :day, 'all', :messages, 'test')""",
        **scene.domain,
        day=sending_domains.local_now(session, tenant_id=scene.tenant_id).date(),
        messages=messages,
    )


def pass_time(database: Database, pause: timedelta) -> None:
    """Let time pass without waiting for it: every moment in the ledger and the account moves into the past."""
    with database.begin() as session:
        run(
            session,
            """UPDATE delivery SET not_before = not_before - :pause, lease_until = lease_until - :pause,
                   submitted_at = submitted_at - :pause, send_after = greatest(send_after - :pause, '1970-01-01Z')
               WHERE not_before IS NOT NULL OR lease_until IS NOT NULL OR submitted_at IS NOT NULL
                  OR send_after > '2000-01-01'""",
            pause=pause,
        )
        run(
            session,
            """UPDATE ses_account SET due_at = due_at - :pause, slowed_at = slowed_at - :pause,
                   blocked_until = blocked_until - :pause, told_twice_until = told_twice_until - :pause""",
            pause=pause,
        )
        run(session, "UPDATE campaign SET resume_at = resume_at - :pause", pause=pause)
        run(
            session,
            "UPDATE delivery_fact SET first_at = first_at - :pause, last_at = last_at - :pause",
            pause=pause,
        )


def write_template(folder: Path, sources: TemplateSources = NEWSLETTER) -> None:
    """Write a template as authors keep it."""
    home = folder / sources.name
    home.mkdir(parents=True, exist_ok=True)
    (home / "subject.txt.j2").write_text(sources.subject)
    (home / "body.html.j2").write_text(sources.html)
    (home / "body.txt.j2").write_text(sources.text)
    if sources.preheader is not None:
        (home / "preheader.txt.j2").write_text(sources.preheader)
    for tag, parts in sources.variants.items():
        for part, source in parts.items():
            (home / locales.file_name(part, tag)).write_text(source)
