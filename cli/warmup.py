"""`posthouse warmup`: how much a sending domain may send, and why."""

import getpass
from collections.abc import Iterable
from dataclasses import asdict
from itertools import product
from random import Random
from typing import Annotated, Any

import typer

from cli.output import AsJson, answer, errors_as_answers, listing, stdout
from core import warmup, warmup_trial
from core.allowances import ALL
from core.errors import InputError
from core.warmup import DayReport
from core.warmup_worlds import SCENARIOS
from store import sending_domains, tenants
from tasks import tenants as tenant_steps
from tasks import warmup as steps
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Domain = Annotated[str | None, typer.Option("--domain", help="Of a tenant with several sending domains.")]


@app.command()
def show(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")], *, as_json: AsJson = False
) -> None:
    """Show a tenant's allowances by day, the rule that fired and its evidence."""
    with errors_as_answers(as_json=as_json):
        document = _document(tenant)
        answer(document, as_json=as_json, show=lambda: _show(document))


def _document(slug: str) -> dict[str, Any]:
    with resources().database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        domains = []
        for domain in sending_domains.of_tenant(session, tenant_id=tenant.id):
            days = sending_domains.days(session, tenant_id=tenant.id, sending_domain_id=domain["id"])
            standing = steps.standing(session, tenant_id=tenant.id, domain=domain)
            domains.append({**standing, "days": [dict(day) for day in days]})
    return {"tenant": slug, "sending_domains": domains}


def _show(document: dict[str, Any]) -> None:
    for domain in document["sending_domains"]:
        stdout.print(f"[bold]{domain['domain']}[/bold]  {steps.in_words(domain)}")
        lines = [
            (
                day["on_day"],
                day["provider"],
                day["allowance"],
                day["used"],
                day["evidence"].get("why", ""),
            )
            for day in domain["days"]
        ]
        stdout.print(listing(("day", "provider", "allowance", "used", "why"), lines))


@app.command("set")
def set_(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")],
    *,
    today: Annotated[int, typer.Option(min=0, help="Messages that may leave today; 0 stops the domain.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")],
    domain: Domain = None,
    provider: Annotated[
        str, typer.Option(help="Only of this mailbox provider; default: of all together.")
    ] = ALL,
    as_json: AsJson = False,
) -> None:
    """Set today's allowance by hand, also while a campaign is being sent; tomorrow's is decided as ever."""
    with errors_as_answers(as_json=as_json):
        done = steps.set_today(
            resources(),
            tenant_id=tenant_steps.id_of(resources(), tenant),
            allowance=today,
            reason=reason,
            actor=getpass.getuser(),
            domain=domain,
            provider=provider,
        )
        answer({"tenant": tenant, **done}, as_json=as_json)


@app.command()
def schedule(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")],
    name: Annotated[str, typer.Argument(help="adaptive, ladder, a published table, or warm.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")],
    domain: Domain = None,
    as_json: AsJson = False,
) -> None:
    """Let a sending domain warm up in another way, or be warm, from the next window of calls on."""
    with errors_as_answers(as_json=as_json):
        done = steps.set_schedule(
            resources(),
            tenant_id=tenant_steps.id_of(resources(), tenant),
            schedule=name,
            reason=reason,
            actor=getpass.getuser(),
            domain=domain,
        )
        answer({"tenant": tenant, **done}, as_json=as_json)


@app.command()
def wake(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")],
    provider: Annotated[str, typer.Argument(help="The mailbox provider that rests.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")],
    domain: Domain = None,
    as_json: AsJson = False,
) -> None:
    """End the rest of a mailbox provider that has refused us; another refusal begins another."""
    with errors_as_answers(as_json=as_json):
        done = steps.wake(
            resources(),
            tenant_id=tenant_steps.id_of(resources(), tenant),
            provider=provider,
            reason=reason,
            actor=getpass.getuser(),
            domain=domain,
        )
        answer({"tenant": tenant, **done}, as_json=as_json)


@app.command()
def advance(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")], *, as_json: AsJson = False
) -> None:
    """Decide today's allowance now instead of at night; a day is decided once."""
    with errors_as_answers(as_json=as_json):
        decided = [
            decision.as_json()
            for decision in steps.advance(resources(), tenant_id=tenant_steps.id_of(resources(), tenant))
        ]
        answer({"decided": decided}, as_json=as_json)


@app.command()
def simulate(
    *,
    volume: Annotated[int, typer.Option(min=1, help="Messages a day that the tenant wants to send.")],
    known: Annotated[int, typer.Option(min=0, help="Messages a day that receivers know already.")] = 0,
    worlds: Annotated[
        int, typer.Option(min=0, help="Compare ways of pacing in so many invented worlds of each scenario.")
    ] = 0,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Only this scenario; may be repeated. All by default.")
    ] = None,
    schedule: Annotated[
        list[str] | None, typer.Option(help="Only this way of pacing; may be repeated. All by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first world; the same seed is the same worlds.")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Walk the ladder with receivers that are friendly throughout: the shortest way to a daily volume.

    With --worlds, also try an adaptive controller, the ladder and published tables on invented receivers. The worlds rank
    ways of pacing; they do not predict how long a real domain takes.
    """
    with errors_as_answers(as_json=as_json):
        days = _walk(volume, warmup.rung_for(known))
        scenarios = _chosen("scenario", scenario, SCENARIOS)
        schedules = _chosen("schedule", schedule, warmup_trial.ways())
        tried = [
            warmup_trial.trial(
                SCENARIOS[receivers], way, chances=_chances(worlds, seed), volume=volume, known=known
            )
            for receivers, way in product(scenarios, schedules)
            if worlds
        ]
        document = {
            "days": days,
            "reached_on_day": len(days),
            "scenarios": [asdict(one) for one in tried],
        }
        answer(document, as_json=as_json, show=lambda: _show_simulated(days, tried))


def _chances(worlds: int, seed: int) -> list[Random]:
    return [Random(seed + number) for number in range(worlds)]  # noqa: S311  # nothing secret: invented worlds


def _chosen(option: str, named: list[str] | None, known: Iterable[str]) -> list[str]:
    """Return the names that were asked for, or all.

    Raises:
        InputError: There is none of that name.
    """
    names = list(known)
    for name in named or ():
        if name not in names:
            raise InputError(f"there is no {option} {name!r}", hint=f"One of: {', '.join(names)}.")
    return named or names


def _show_simulated(days: list[dict[str, Any]], tried: list[warmup_trial.Summary]) -> None:
    stdout.print(listing(("day", "allowance"), [(day["day"], day["allowance"]) for day in days]))
    lines = [
        (
            one.scenario,
            one.schedule,
            f"{one.reached:.1%}",
            one.median_days,
            one.p90_days,
            f"{one.deferred_rate:.2%}",
            f"{one.penalised:.1f}",
        )
        for one in tried
    ]
    if lines:
        columns = ("receivers", "way", "reached", "median day", "90 % by day", "deferred", "offences")
        stdout.print(listing(columns, lines))


def _walk(volume: int, rung: int | None) -> list[dict[str, Any]]:
    days: list[dict[str, Any]] = []
    while (allowance := warmup.allowance(rung)) is not None:
        days.append({"day": len(days) + 1, "allowance": allowance})
        if allowance >= volume:
            break
        sent = DayReport(allowance=allowance, accepted=allowance, delivered=allowance)
        rung = warmup.next_rung(rung, sent).rung
    return days
