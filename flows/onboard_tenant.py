"""Onboard a tenant: its name and addresses, its sending domain, and the start of its warm-up."""

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from core.errors import ConflictError
from flows.steps import ONCE
from models import Tenant
from tasks import tenants
from tasks.resources import resources


@flow(name="onboard-tenant", flow_run_name="onboard {slug}", persist_result=False)
def onboard_tenant(
    slug: str = Field(title="Slug", description="Lower-case letters, digits and hyphens, such as `acme`."),
    name: str = Field(title="Name", description="What readers know the sender as."),
    from_local_part: str = Field(
        "news",
        title="From, before the @",
        description="Only the part before the @, so that no address is stored here.",
    ),
    sending_domain: str = Field(title="Sending domain", description="Such as `mail.acme.example`."),
    postal_address: str = Field(
        title="Postal address", description="Stands in every message; the law asks for it."
    ),
    known_daily_volume: int = Field(
        0,
        ge=0,
        title="Known daily volume",
        description="Messages a day that receivers know from this domain; 0 if new.",
    ),
) -> State[None]:
    """Make a tenant; one that exists is left as it is."""
    address = f"{from_local_part}@{sending_domain}"
    tenant = Tenant(
        slug=slug,
        name=name,
        from_name=name,
        from_address=address,
        reply_to=address,
        postal_address=postal_address,
    )
    return Completed(message=make(tenant, known_daily_volume))


@task(name="Make the tenant", **ONCE)
def make(tenant: Tenant, daily_volume: int) -> str:
    """Store the tenant; being run twice is harmless."""
    slug = tenant.slug
    try:
        tenants.add(resources(), tenant, daily_volume=daily_volume)
    except ConflictError:
        return f"{slug} existed already"
    get_run_logger().info("Tenant %s was made", slug)
    return f"{slug} was made"
