"""Warm-up: once a day, judge each sending domain's last day and give today its allowance."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from core import warmup
from core.errors import InputError
from core.warmup import DayReport, Decision
from store import campaigns, sending_domains, tenants
from store.session import Row, Session
from tasks.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """One sending domain's decision of today."""

    tenant: str
    domain: str
    before: int | None
    decision: Decision

    def as_json(self) -> dict[str, Any]:
        """Return the allowances before and after, the rule and its sentence."""
        return {
            "tenant": self.tenant,
            "domain": self.domain,
            "allowance_before": self.before,
            "allowance": warmup.allowance(self.decision.rung),
            "rule": self.decision.rule,
            "why": self.decision.why,
        }


def advance(resources: Resources, *, tenant_id: int) -> list[Advance]:
    """Decide today's allowance of each of a tenant's domains that is warming up; a day is decided once."""
    with resources.database.begin() as session:
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        domains = sending_domains.of_tenant(session, tenant_id=tenant_id)
    found = (_advance(resources, tenant_id, tenant.slug, domain) for domain in domains)
    return [decided for decided in found if decided is not None]


def set_today(
    resources: Resources,
    *,
    tenant_id: int,
    allowance: int,
    reason: str,
    actor: str,
    domain: str | None = None,
) -> dict[str, Any]:
    """Set today's allowance of a sending domain; effective with the next window of calls, also of a campaign that waits.

    Returns:
        The domain, the day and its allowance, which is not below what was used already.

    Raises:
        InputError: The allowance is negative, or the tenant has several sending domains and none was named.
        NotFoundError: The tenant has no such sending domain.
    """
    if allowance < 0:
        raise InputError("an allowance is not negative", hint="0 lets nothing leave today.")
    with resources.database.begin() as session:
        name, domain_id = _one_domain(session, tenant_id, domain)
        key = {"tenant_id": tenant_id, "sending_domain_id": domain_id}
        today = sending_domains.local_now(session, tenant_id=tenant_id).date()
        evidence = {"why": f"Set by {actor}: {reason}"}
        now = sending_domains.set_day(session, **key, day=today, allowance=allowance, evidence=evidence)
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="warmup.set",
            subject=f"sending domain {name}",
            reason=reason,
            detail={"on_day": today, "allowance": now},
        )
        for campaign_id in campaigns.open_ones(session, tenant_id=tenant_id):
            campaigns.wait_for(session, tenant_id=tenant_id, campaign_id=campaign_id, pause=timedelta(0))
    return {"domain": name, "on_day": today, "allowance": now}


def _one_domain(session: Session, tenant_id: int, name: str | None) -> tuple[str, int]:
    if name:
        return name, sending_domains.by_name(session, tenant_id=tenant_id, domain=name)["id"]
    found = sending_domains.of_tenant(session, tenant_id=tenant_id)
    if len(found) != 1:
        raise InputError("the tenant has several sending domains", hint="Name one with --domain.")
    return found[0]["domain"], found[0]["id"]


def _advance(resources: Resources, tenant_id: int, slug: str, domain: Row) -> Advance | None:
    key = {"tenant_id": tenant_id, "sending_domain_id": domain["id"]}
    with resources.database.begin() as session:
        today = sending_domains.local_now(session, tenant_id=tenant_id).date()
        if domain["rung"] is None or sending_domains.is_decided(session, **key, day=today):
            return None
        last = sending_domains.last_day_before(session, **key, day=today)
        report = sending_domains.day_report(session, **key, day=last) if last else None
        if report and last and sending_domains.rule_of(session, **key, day=last) == sending_domains.OPERATOR:
            report = _by_its_rung(report, domain["rung"])
        decision = warmup.next_rung(domain["rung"], report) if report else _first_day(domain["rung"])
        evidence = {"day": last, "why": decision.why, **(asdict(report) if report else {})}
        sending_domains.climb(session, **key, day=today, decision=decision, evidence=evidence)
        for campaign_id in campaigns.open_ones(session, tenant_id=tenant_id):
            campaigns.wait_for(session, tenant_id=tenant_id, campaign_id=campaign_id, pause=timedelta(0))
    return Advance(tenant=slug, domain=domain["domain"], before=_allowed(report), decision=decision)


def _by_its_rung(report: DayReport, rung: int) -> DayReport:
    """Judge a day that a person has made smaller by its rung: to have filled it is no reason to climb."""
    return replace(report, allowance=max(report.allowance, warmup.allowance(rung) or 0))


def _first_day(rung: int) -> Decision:
    return Decision(rung=rung, rule="first_day", why="The first day: nothing is known yet.")


def _allowed(report: DayReport | None) -> int | None:
    return report.allowance if report else None
