"""Onboard a tenant: its name and addresses, its sending domain, and the start of its warm-up."""

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from core import warmup_schedule
from flows import forms
from flows.refusals import told_in_words
from flows.steps import ONCE
from models import Tenant
from tasks import tenants
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="onboard-tenant", flow_run_name="onboard {slug}", persist_result=False)
@told_in_words
def onboard_tenant(
    slug: str = forms.field(
        "Slug", "Lower-case letters, digits and hyphens, such as acme.", pattern=forms.SLUG
    ),
    name: str = forms.field("Name", "What readers know the sender as.", minLength=1),
    sending_domain: str = forms.field(
        "Sending domain", "Such as mail.acme.example; verified at SES.", pattern="^[^@ ]+$"
    ),
    postal_address: str = forms.field(
        "Postal address", "Stands in every message; the law asks for it.", minLength=1
    ),
    from_local_part: str = forms.field(
        "From, before the @",
        "Only the part before the @: no address is kept in Prefect.",
        "news",
        pattern="^[^@ ]+$",
    ),
    configuration_set: str = forms.field(
        "SES configuration set", "Without one SES reports nothing, and the warm-up cannot rise.", ""
    ),
    ses_tenant: str = forms.field("SES tenant", "The tenant's name at SES, if it has one.", ""),
    time_zone: str = forms.field("Time zone", "IANA name; a day of warm-up is a day there.", "UTC"),
    locale: str = forms.field(
        "Locale", "Of readers who say none, such as de-AT; empty: a template's own.", ""
    ),
    website: str = forms.field("Website", "Linked in the footer.", ""),
    known_daily_volume: int = forms.field(
        "Known daily volume", "Messages a day that receivers know from this domain; 0 if new.", 0, minimum=0
    ),
    *,
    schedule: str = forms.field(
        "Warm-up",
        "How the domain warms up. Adaptive decides each mailbox provider's cap from what it does with the mail.",
        warmup_schedule.ADAPTIVE,
        enum=list(warmup_schedule.names()),
    ),
    warm: bool = forms.field("Warm already", "On: the domain needs no warm-up at all.", False),
) -> State[None]:
    """Make a tenant; one of that name is refused."""
    address = f"{from_local_part}@{sending_domain}"
    tenant = Tenant(
        slug=slug,
        name=name,
        from_name=name,
        from_address=address,
        reply_to=address,
        postal_address=postal_address,
        website=website,
        time_zone=time_zone,
        locale=locale,
        ses_tenant_name=ses_tenant or None,
        configuration_set=configuration_set or None,
    )
    return Completed(
        message=make(tenant, known_daily_volume, schedule=warmup_schedule.WARM if warm else schedule)
    )


@task(name="Make the tenant", **ONCE)
def make(tenant: Tenant, daily_volume: int, *, schedule: str) -> str:
    """Store the tenant with its sending domain; return what was done in words."""
    tenants.add(resources(), tenant, daily_volume=daily_volume, schedule=schedule)
    begins = "without a warm-up" if schedule == warmup_schedule.WARM else "at the start of its warm-up"
    told = f"tenant {tenant.slug} was made, {begins}"
    run_logger().info(told)
    return told
