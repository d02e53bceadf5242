"""Warm-up: once a day, judge each sending domain's last day, provider by provider, and give today its caps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from core import providers, warmup, warmup_blocks, warmup_controller, warmup_schedule
from core.allowances import ALL
from core.breakers import Scope
from core.errors import InputError, NotFoundError
from core.warmup import DayReport, Decision
from core.warmup_controller import Decision as PaceDecision
from core.warmup_controller import ProviderDay, Tally
from store import campaigns, sending_domains, standings, tenants
from store.session import Row, Session
from store.standings import Reported
from tasks import breakers
from tasks.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """One decision of today: a sending domain's, or a sending domain's at one mailbox provider."""

    tenant: str
    domain: str
    provider: str
    before: int | None
    allowance: int | None
    rule: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """Return the allowances before and after, the rule and its sentence."""
        return {
            "tenant": self.tenant,
            "domain": self.domain,
            "provider": self.provider,
            "allowance_before": self.before,
            "allowance": self.allowance,
            "rule": self.rule,
            "why": self.why,
        }


def advance(resources: Resources, *, tenant_id: int) -> list[Advance]:
    """Decide today's allowance of each of a tenant's domains that is warming up; a day is decided once."""
    with resources.database.begin() as session:
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        domains = sending_domains.of_tenant(session, tenant_id=tenant_id)
    return [
        decided
        for domain in domains
        if domain["schedule"] is not None
        for decided in _advance(resources, tenant_id, tenant.slug, domain)
    ]


def set_today(
    resources: Resources,
    *,
    tenant_id: int,
    allowance: int,
    reason: str,
    actor: str,
    domain: str | None = None,
    provider: str = ALL,
) -> dict[str, Any]:
    """Set today's allowance of a sending domain; effective with the next window of calls, also of a campaign that waits.

    Returns:
        The domain, the day and its allowance, which is not below what was used already.

    Raises:
        InputError: The allowance is negative, there is no such provider, or the tenant has several sending domains and none
            was named.
        NotFoundError: The tenant has no such sending domain.
    """
    if allowance < 0:
        raise InputError("an allowance is not negative", hint="0 lets nothing leave today.")
    if provider not in {ALL, *providers.known()}:
        raise InputError(
            f"there is no mailbox provider {provider}", hint=f"One of {', '.join(providers.known())}."
        )
    with resources.database.begin() as session:
        name, domain_id = _one_domain(session, tenant_id, domain)
        key = {"tenant_id": tenant_id, "sending_domain_id": domain_id}
        today = sending_domains.local_now(session, tenant_id=tenant_id).date()
        evidence = {"why": f"Set by {actor}: {reason}"}
        now = sending_domains.set_day(
            session, **key, day=today, allowance=allowance, evidence=evidence, provider=provider
        )
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="warmup.set",
            subject=f"sending domain {name}",
            reason=reason,
            detail={"on_day": today, "provider": provider, "allowance": now},
        )
        _wake_campaigns(session, tenant_id)
    return {"domain": name, "on_day": today, "provider": provider, "allowance": now}


def set_schedule(
    resources: Resources, *, tenant_id: int, schedule: str, reason: str, actor: str, domain: str | None = None
) -> dict[str, Any]:
    """Let a sending domain warm up in another way, or be warm; from the next window on.

    What was used today of a cap that both ways have goes on being counted; caps that only the old way had are dropped.

    Raises:
        InputError: There is no such schedule, no reason, or the tenant has several sending domains and none was named.
        NotFoundError: The tenant has no such sending domain.
    """
    if schedule not in {warmup_schedule.WARM, *warmup_schedule.names()}:
        names = ", ".join((*warmup_schedule.names(), warmup_schedule.WARM))
        raise InputError(f"there is no schedule {schedule!r}", hint=f"One of {names}.")
    if not reason.strip():
        raise InputError("say why", hint="--reason is kept in the audit.")
    with resources.database.begin() as session:
        name, domain_id = _one_domain(session, tenant_id, domain)
        key = {"tenant_id": tenant_id, "sending_domain_id": domain_id}
        rung, chosen = (
            _rung_of(session, key, schedule),
            None if schedule == warmup_schedule.WARM else schedule,
        )
        sending_domains.set_schedule(session, **key, schedule=chosen, rung=rung)
        today = sending_domains.local_now(session, tenant_id=tenant_id).date()
        sending_domains.drop_caps(session, **key, day=today)
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="warmup.schedule",
            subject=f"sending domain {name}",
            reason=reason,
            detail={"schedule": schedule},
        )
        _wake_campaigns(session, tenant_id)
    return {"domain": name, "schedule": schedule}


def wake(
    resources: Resources, *, tenant_id: int, provider: str, reason: str, actor: str, domain: str | None = None
) -> dict[str, Any]:
    """End a provider's rest, for a person who knows that it was mended.

    Raises:
        InputError: No reason, or the tenant has several sending domains and none was named.
        NotFoundError: The tenant has no such sending domain, or the provider does not rest.
    """
    if not reason.strip():
        raise InputError("say why", hint="--reason is kept in the audit.")
    with resources.database.begin() as session:
        name, domain_id = _one_domain(session, tenant_id, domain)
        key = {"tenant_id": tenant_id, "sending_domain_id": domain_id}
        was_stopped = breakers.let_go_on(session, tenant_id, Scope.TENANT_AT_PROVIDER, provider)
        if not standings.wake(session, **key, provider=provider) and not was_stopped:
            raise NotFoundError(f"{provider} does not rest", hint="posthouse warmup show names who does.")
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="provider.woken",
            subject=f"sending domain {name} at {provider}",
            reason=reason,
        )
        _wake_campaigns(session, tenant_id)
    return {"domain": name, "provider": provider}


def standing(session: Session, *, tenant_id: int, domain: Row) -> dict[str, Any]:
    """Return how a sending domain stands: its schedule, the cap for all providers together, and each provider's."""
    key = {"tenant_id": tenant_id, "sending_domain_id": domain["id"]}
    schedule, is_adaptive = domain["schedule"], domain["schedule"] == warmup_schedule.ADAPTIVE
    has_steps = schedule is not None and not is_adaptive
    resting = standings.rests(session, **key)
    return {
        "domain": domain["domain"],
        "schedule": schedule or warmup_schedule.WARM,
        "rung": domain["rung"],
        "allowance": warmup.allowance(domain["rung"], warmup_schedule.steps(schedule)) if has_steps else None,
        "providers": {
            each.provider: each.pace.cap for each in (standings.paced(session, **key) if is_adaptive else ())
        },
        "rests": {
            provider: {"block": block, "minutes": round(still.total_seconds() / 60, 1)}
            for provider, (block, still) in resting.items()
        },
    }


def in_words(standing: dict[str, Any]) -> str:
    """Return in a line what `standing` says."""
    if standing["allowance"] is not None:
        told = f"{standing['schedule']}, {standing['allowance']:,} a day"
    elif standing["providers"]:
        told = (
            "adaptive, "
            + ", ".join(f"{each} {cap:,}" for each, cap in standing["providers"].items())
            + " a day"
        )
    else:
        told = str(standing["schedule"])
    rests = [f"{provider} rests ({rest['block']})" for provider, rest in standing["rests"].items()]
    return "; ".join([told, *rests])


def _rung_of(session: Session, key: dict[str, int], schedule: str) -> int | None:
    if schedule in {warmup_schedule.WARM, warmup_schedule.ADAPTIVE}:
        return None
    known = sending_domains.standing_of(session, **key)["known_daily_volume"]
    return warmup.rung_for(known, warmup_schedule.steps(schedule))


def _wake_campaigns(session: Session, tenant_id: int) -> None:
    """Let campaigns that wait for another cap look again."""
    for campaign_id in campaigns.open_ones(session, tenant_id=tenant_id):
        campaigns.wait_for(session, tenant_id=tenant_id, campaign_id=campaign_id, pause=timedelta(0))


def _one_domain(session: Session, tenant_id: int, name: str | None) -> tuple[str, int]:
    if name:
        return name, sending_domains.by_name(session, tenant_id=tenant_id, domain=name)["id"]
    found = sending_domains.of_tenant(session, tenant_id=tenant_id)
    if len(found) != 1:
        raise InputError("the tenant has several sending domains", hint="Name one with --domain.")
    return found[0]["domain"], found[0]["id"]


def _advance(resources: Resources, tenant_id: int, slug: str, domain: Row) -> list[Advance]:
    if domain["schedule"] == warmup_schedule.ADAPTIVE:
        return _advance_paces(resources, tenant_id, slug, domain)
    decided = _advance_rung(resources, tenant_id, slug, domain)
    return [] if decided is None else [decided]


def _advance_paces(resources: Resources, tenant_id: int, slug: str, domain: Row) -> list[Advance]:
    """Decide each provider's cap of today, a day that was missed by a day that was missed."""
    key = {"tenant_id": tenant_id, "sending_domain_id": domain["id"]}
    with resources.database.begin() as session:
        today = sending_domains.local_now(session, tenant_id=tenant_id).date()
        waiting = [each for each in standings.paced(session, **key) if each.decided_on < today]
        days = {
            day: standings.reported(session, **key, day=day)
            for day in _days(min((each.decided_on for each in waiting), default=today), today)
        }
        decided = []
        for standing in waiting:
            before, last = standing.pace.cap, None
            for day in _days(standing.decided_on, today):
                last = warmup_controller.decide(
                    last.pace if last else standing.pace, _day_of(days[day].get(standing.provider))
                )
            assert last is not None
            _keep(session, key, standing.provider, today, last)
            decided.append(_told(slug, domain["domain"], standing.provider, before, last))
        if decided:
            _wake_campaigns(session, tenant_id)
    return decided


def _days(first: date, end: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((end - first).days)]


def _day_of(reported: Reported | None) -> ProviderDay:
    """Return a provider's day; one without mail is an empty one."""
    if reported is None:
        return ProviderDay(tally=Tally())
    return ProviderDay(
        tally=reported.tally, block=warmup_blocks.telling(reported.blocks, reported.tally.accepted)
    )


def _keep(session: Session, key: dict[str, int], provider: str, today: date, decision: PaceDecision) -> None:
    standings.set_pace(session, **key, provider=provider, pace=decision.pace, decided_on=today)
    evidence = {"why": decision.why, "cap_before": decision.before, **asdict(decision.judged)}
    sending_domains.decide_day(
        session,
        **key,
        day=today,
        provider=provider,
        allowance=decision.cap,
        rule=decision.rule,
        evidence=evidence,
    )


def _told(slug: str, domain: str, provider: str, before: int, decision: PaceDecision) -> Advance:
    return Advance(
        tenant=slug,
        domain=domain,
        provider=provider,
        before=before,
        allowance=decision.cap,
        rule=decision.rule,
        why=decision.why,
    )


def _advance_rung(resources: Resources, tenant_id: int, slug: str, domain: Row) -> Advance | None:
    """Decide the cap of all providers together by the steps of the domain's ladder or table."""
    key = {"tenant_id": tenant_id, "sending_domain_id": domain["id"]}
    ladder = warmup_schedule.steps(domain["schedule"])
    with resources.database.begin() as session:
        today = sending_domains.local_now(session, tenant_id=tenant_id).date()
        if sending_domains.is_decided(session, **key, day=today):
            return None
        last = sending_domains.last_day_before(session, **key, day=today)
        report = sending_domains.day_report(session, **key, day=last) if last else None
        if report and last and sending_domains.rule_of(session, **key, day=last) == sending_domains.OPERATOR:
            report = _by_its_rung(report, domain["rung"], ladder)
        decision = warmup.next_rung(domain["rung"], report, ladder) if report else _first_day(domain["rung"])
        allowance = warmup.allowance(decision.rung, ladder)
        evidence = {"day": last, "why": decision.why, **(asdict(report) if report else {})}
        if sending_domains.decide_day(
            session, **key, day=today, allowance=allowance, rule=decision.rule, evidence=evidence
        ):
            sending_domains.set_rung(session, **key, rung=decision.rung)
        _wake_campaigns(session, tenant_id)
    return Advance(
        tenant=slug,
        domain=domain["domain"],
        provider=ALL,
        before=report.allowance if report else None,
        allowance=allowance,
        rule=decision.rule,
        why=decision.why,
    )


def _by_its_rung(report: DayReport, rung: int, ladder: Sequence[int]) -> DayReport:
    """Judge a day that a person has made smaller by its rung: to have filled it is no reason to climb."""
    return replace(report, allowance=max(report.allowance, warmup.allowance(rung, ladder) or 0))


def _first_day(rung: int) -> Decision:
    return Decision(rung=rung, rule="first_day", why="The first day: nothing is known yet.")
