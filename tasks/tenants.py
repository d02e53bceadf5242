"""Tenants: make one, with the sending domain of its From address."""

from datetime import UTC, datetime

from core import addresses, headers, locales, unsubscribe_mail, warmup, warmup_schedule
from core.breakers import Scope
from core.errors import ConflictError, InputError
from core.tenants import DeliveryApi, TenantState
from models import Tenant
from store import accounts, sending_domains, tenants
from tasks import breakers
from tasks.resources import Resources


def add(
    resources: Resources,
    tenant: Tenant,
    *,
    daily_volume: int | None = None,
    schedule: str = warmup_schedule.ADAPTIVE,
) -> int:
    """Store a tenant and its sending domain; return the tenant's id.

    Args:
        resources: Of this process.
        tenant: The new tenant; its addresses are normalised here.
        daily_volume: Messages a day that receivers already know from this domain; the warm-up starts at a quarter.
        schedule: How the domain warms up, by a name of `core.warmup_schedule`; `warm` needs none.

    Raises:
        InvalidAddressError: The From or Reply-To address is not one.
        InputError: A name cannot stand in a header, there is no postal address, the locale names no language, or there is
            no such schedule.
        ConflictError: The slug is taken.
    """
    sender = addresses.parse(tenant.from_address)
    tenant.from_address = sender.deliverable
    tenant.reply_to = addresses.parse(tenant.reply_to).deliverable
    headers.from_header(tenant.from_name, tenant.from_address)
    if not tenant.postal_address.strip():
        raise InputError(
            "a tenant needs a postal address",
            hint="CAN-SPAM 15 U.S.C. 7704(a)(5) wants one in every commercial message: --postal-address.",
        )
    tenant.locale = _locale(tenant.locale)
    chosen = None if schedule == warmup_schedule.WARM else schedule
    steps = warmup_schedule.steps(chosen) if chosen not in {None, warmup_schedule.ADAPTIVE} else None
    with resources.database.begin() as session:
        tenant_id = tenants.add(session, tenant)
        sending_domains.add(
            session,
            tenant_id=tenant_id,
            domain=sender.domain,
            schedule=chosen,
            rung=None if steps is None else warmup.rung_for(daily_volume or 0, steps),
            known_daily_volume=daily_volume or 0,
            started_on=None if chosen is None else datetime.now(UTC).date(),
        )
        tenants.audit(
            session, tenant_id=tenant_id, actor="operator", action="tenant.added", subject=tenant.slug
        )
    return tenant_id


def _locale(written: str) -> str:
    """Return a locale as templates write it; "" stays."""
    tag = locales.canonical(written) if written else ""
    if tag is None:
        raise InputError(f"{written!r} is no locale", hint="Such as de or de-AT, as BCP 47 has it: --locale.")
    return tag


def set_state(resources: Resources, slug: str, *, state: TenantState, reason: str, actor: str) -> Tenant:
    """Pause or resume a tenant; effective with the next intent of every worker.

    Raises:
        InputError: There is no reason: whoever reads the audit needs one.
    """
    if not reason.strip():
        raise InputError(
            "say why", hint="--reason ends up in the audit and in the state of every waiting campaign."
        )
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        if state is TenantState.ACTIVE:
            breakers.let_go_on(session, tenant.id, Scope.TENANT)
        tenants.set_state(session, tenant_id=tenant.id, state=state, reason=reason, actor=actor)
        session.refresh(tenant)
    return tenant


def lacks_canary(resources: Resources) -> bool:
    """Whether nobody has compared SES's two calls in this region yet."""
    with resources.database.begin() as session:
        return accounts.canary_at(session, region=resources.ses.region) is None


def set_delivery_api(
    resources: Resources, slug: str, *, api: DeliveryApi, actor: str, anyway: bool = False
) -> Tenant:
    """Choose by which of SES's calls a tenant's campaigns go out; runs at work keep theirs.

    Raises:
        NotFoundError: There is no such tenant.
        ConflictError: The bulk call is wanted, and nobody has compared the two in this region (`canary_missing`).
    """
    region = resources.ses.region
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        compared_at = accounts.canary_at(session, region=region)
        if api is DeliveryApi.BULK and compared_at is None and not anyway:
            raise ConflictError(
                f"nobody has compared SES's two calls in {region} yet",
                hint=f"posthouse doctor --ses-canary ADDRESS --tenant {slug}; --anyway goes on without it.",
                code="canary_missing",
            )
        tenant.delivery_api = api
        tenants.audit(
            session,
            tenant_id=tenant.id,
            actor=actor,
            action="tenant.delivery_api",
            subject=slug,
            detail={"delivery_api": api, "canary_at": compared_at, "anyway": anyway},
        )
    return tenant


def everyone(resources: Resources) -> list[tuple[int, str]]:
    """Return the id and slug of every tenant."""
    with resources.database.begin() as session:
        return [(tenant.id, tenant.slug) for tenant in tenants.everyone(session) if tenant.id is not None]


def id_of(resources: Resources, slug: str) -> int:
    """Return a tenant's id.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        tenant_id = tenants.by_slug(session, slug).id
    assert tenant_id is not None
    return tenant_id


def set_unsubscribe_address(resources: Resources, slug: str, *, address: str, actor: str) -> None:
    """Offer an address for unsubscribes by mail in all messages rendered from now on, or none any more with "".

    Raises:
        InputError: It is no plain address.
        NotFoundError: There is no such tenant.
    """
    chosen = unsubscribe_mail.checked_address(address) if address else ""
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        others = {name: value for name, value in tenant.policies.items() if name != "unsubscribe_address"}
        own = {"unsubscribe_address": chosen} if chosen else {}
        tenants.set_policies(session, tenant_id=tenant.id, policies=others | own)
        tenants.audit(
            session, tenant_id=tenant.id, actor=actor, action="tenant.unsubscribe_address", subject=slug
        )
