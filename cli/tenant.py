"""`posthouse tenant`: the clients that send."""

import getpass
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, pairs, stderr, stdout
from core import warmup_schedule
from core.tenants import DeliveryApi, TenantState
from models import Tenant
from store import sending_domains, tenants
from tasks import limits, timing
from tasks import tenants as steps
from tasks import warmup as warmup_steps
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="The tenant's slug, such as acme.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit.")]


@app.command()
def add(
    slug: Slug,
    *,
    name: Annotated[str, typer.Option(help="What readers know the sender as.")],
    from_address: Annotated[str, typer.Option(help="The header From; its domain is the sending domain.")],
    postal_address: Annotated[str, typer.Option(help="Stands in every message; the law asks for it.")],
    reply_to: Annotated[str | None, typer.Option(help="Default: the From address.")] = None,
    from_name: Annotated[str | None, typer.Option(help="Default: the name.")] = None,
    website: Annotated[str, typer.Option(help="Linked in the footer.")] = "",
    time_zone: Annotated[str, typer.Option(help="IANA name; a day of warm-up is a day there.")] = "UTC",
    locale: Annotated[
        str, typer.Option(help="Of readers who say none, such as de-AT; default: the template's own.")
    ] = "",
    ses_tenant: Annotated[str | None, typer.Option(help="SES tenant name, if SES has one for it.")] = None,
    configuration_set: Annotated[str | None, typer.Option(help="SES configuration set.")] = None,
    delivery_api: Annotated[
        DeliveryApi, typer.Option(help="SES's call: one message each, or up to fifty together.")
    ] = DeliveryApi.SINGLE,
    daily_volume: Annotated[
        int, typer.Option(help="Messages a day that receivers know from this domain already.")
    ] = 0,
    schedule: Annotated[
        str, typer.Option(help="How the domain warms up: adaptive, ladder, or a published table.")
    ] = warmup_schedule.ADAPTIVE,
    warm: Annotated[bool, typer.Option("--warm", help="The domain needs no warm-up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a tenant with its sending domain."""
    with errors_as_answers(as_json=as_json):
        tenant = Tenant(
            slug=slug,
            name=name,
            from_name=from_name or name,
            from_address=from_address,
            reply_to=reply_to or from_address,
            postal_address=postal_address,
            website=website,
            time_zone=time_zone,
            locale=locale,
            ses_tenant_name=ses_tenant,
            configuration_set=configuration_set,
            delivery_api=delivery_api,
        )
        chosen = warmup_schedule.WARM if warm else schedule
        steps.add(resources(), tenant, daily_volume=daily_volume, schedule=chosen)
        if delivery_api is DeliveryApi.BULK and steps.lacks_canary(resources()):
            advice = f"posthouse doctor --ses-canary ADDRESS --tenant {slug}"
            stderr.print(f"nobody has compared SES's two calls here yet: {advice}", highlight=False)
        _answer(slug, as_json=as_json)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the tenants."""
    with errors_as_answers(as_json=as_json):
        with resources().database.begin() as session:
            everyone = [
                {"tenant": tenant.slug, "name": tenant.name, "state": str(tenant.state)}
                for tenant in tenants.everyone(session)
            ]
        table = listing(("tenant", "name", "state"), [list(line.values()) for line in everyone])
        answer({"tenants": everyone}, as_json=as_json, show=lambda: stdout.print(table))


@app.command()
def show(slug: Slug, *, as_json: AsJson = False) -> None:
    """Show a tenant and its sending domains."""
    with errors_as_answers(as_json=as_json):
        _answer(slug, as_json=as_json)


@app.command("set")
def set_(
    slug: Slug,
    *,
    delivery_api: Annotated[
        DeliveryApi | None, typer.Option(help="SES's call: one message each, or up to fifty together.")
    ] = None,
    weight: Annotated[
        float | None, typer.Option(help="Its part of the account's rate, against 1 of the others.")
    ] = None,
    unsubscribe_address: Annotated[
        str | None,
        typer.Option(
            help="Where readers may unsubscribe by mail, such as leave@mail.example.com; `none` ends it."
        ),
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if nobody has run the canary.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose by which of SES's calls a tenant's campaigns go out, and its weight. Bulk wants a canary first: posthouse doctor."""
    actor = getpass.getuser()
    with errors_as_answers(as_json=as_json):
        if weight is not None:
            limits.set_weight(resources(), slug, weight=weight, actor=actor)
        if delivery_api is not None:
            steps.set_delivery_api(resources(), slug, api=delivery_api, actor=actor, anyway=anyway)
        if unsubscribe_address is not None:
            address = "" if unsubscribe_address == "none" else unsubscribe_address
            steps.set_unsubscribe_address(resources(), slug, address=address, actor=actor)
        _answer(slug, as_json=as_json)


@app.command()
def manners(
    slug: Slug,
    *,
    quiet_hours: Annotated[
        str | None, typer.Option(help="Hours in which nothing leaves, such as 21:00-08:00; `none` ends them.")
    ] = None,
    blackout: Annotated[
        str | None,
        typer.Option(help="Dates on which nothing leaves, such as 2026-12-24,2026-12-25; `none` ends them."),
    ] = None,
    frequency_cap: Annotated[
        str | None,
        typer.Option(help="Messages to one person within days, such as 3/7; `none` ends it."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show or set what holds for all of a tenant's campaigns: quiet hours, days off, and how often one person is mailed."""
    with errors_as_answers(as_json=as_json):
        given = {"quiet_hours": quiet_hours, "blackout": blackout, "frequency_cap": frequency_cap}
        changes = {name: _written(name, text) for name, text in given.items() if text is not None}
        if changes:
            document = timing.set_manners(resources(), slug, changes, reason=reason, actor=getpass.getuser())
        else:
            document = timing.manners(resources(), slug)
        answer(document, as_json=as_json)


def _written(name: str, text: str) -> object:
    if text == "none":
        return None
    return [part.strip() for part in text.split(",")] if name == "blackout" else text


@app.command()
def pause(slug: Slug, *, reason: Reason, as_json: AsJson = False) -> None:
    """Stop all of a tenant's mail within one window of calls; nothing is cancelled."""
    with errors_as_answers(as_json=as_json):
        steps.set_state(resources(), slug, state=TenantState.PAUSED, reason=reason, actor=getpass.getuser())
        _answer(slug, as_json=as_json)


@app.command()
def resume(slug: Slug, *, reason: Reason, as_json: AsJson = False) -> None:
    """Let a paused tenant send again."""
    with errors_as_answers(as_json=as_json):
        steps.set_state(resources(), slug, state=TenantState.ACTIVE, reason=reason, actor=getpass.getuser())
        _answer(slug, as_json=as_json)


_SHOWN = (
    "name",
    "state",
    "state_reason",
    "from_name",
    "from_address",
    "reply_to",
    "postal_address",
    "website",
    "time_zone",
    "locale",
    "ses_tenant_name",
    "configuration_set",
    "delivery_api",
    "weight",
    "created_at",
)


def _document(slug: str) -> dict[str, Any]:
    with resources().database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        domains = [
            warmup_steps.standing(session, tenant_id=tenant.id, domain=domain)
            for domain in sending_domains.of_tenant(session, tenant_id=tenant.id)
        ]
    return {
        "tenant": tenant.slug,
        **{name: getattr(tenant, name) for name in _SHOWN},
        "unsubscribe_address": tenant.policies.get("unsubscribe_address"),
        "sending_domains": domains,
    }


def _answer(slug: str, *, as_json: bool) -> None:
    document = _document(slug)
    answer(document, as_json=as_json, show=lambda: _show(document))


def _show(document: dict[str, Any]) -> None:
    stdout.print(pairs({name: value for name, value in document.items() if name != "sending_domains"}))
    for domain in document["sending_domains"]:
        stdout.print(f"sends from {domain['domain']}: {warmup_steps.in_words(domain)}", highlight=False)
