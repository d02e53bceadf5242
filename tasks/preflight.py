"""Preflight: what is known of a campaign or a template before the first message leaves.

Messages to real contacts are looked at (`tasks/message_checks.py`), then the tenant, the account, the template's own record and
who of the audience gets one at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from core import auditing, breakage, preflight
from core.errors import TemplateError
from core.forecast import Forecast
from core.preflight import Finding
from core.tenants import TenantState
from gateways import templates
from models import Campaign, Tenant
from store import account_breaker, audiences, campaigns, planning, tenants
from store import auditing as records_of_audit
from store import outlook as outlooks
from store import preflight as records
from store.session import Session
from tasks import message_checks
from tasks.messages import Voice, load_job
from tasks.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's decision that a finding does not forbid the start."""

    rule: str
    finding: str
    reason: str
    actor: str
    at: datetime

    def as_json(self) -> dict[str, str]:
        """Return the override as the command line answers it."""
        return {
            "id": self.rule,
            "finding": self.finding,
            "reason": self.reason,
            "actor": self.actor,
            "at": self.at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What is known before the first message leaves. `findings` begin with the worst."""

    findings: Sequence[Finding]
    selected: int
    will_be_sent: int
    skipped: Mapping[str, int]
    forecast: Forecast | None
    overrides: Sequence[Override] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing forbids the start."""
        return not blocking(self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `campaign preflight`."""
        return {
            "ok": self.ok,
            "findings": [finding.as_json() for finding in self.findings],
            "audience": {
                "selected": self.selected,
                "will_be_sent": self.will_be_sent,
                "skipped": dict(self.skipped),
            },
            "forecast": self.forecast.as_json() if self.forecast else None,
            "overrides": [override.as_json() for override in self.overrides],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCheck:
    """What is known of a template and an audience together."""

    findings: Sequence[Finding]
    inlining: str
    why: str
    locales: Sequence[dict[str, Any]] = ()

    @property
    def ok(self) -> bool:
        """Whether a campaign could start with it."""
        return not blocking(self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `template check`."""
        return {
            "ok": self.ok,
            "findings": [finding.as_json() for finding in self.findings],
            "inlining": self.inlining,
            "why": self.why,
            "locales": list(self.locales),
        }


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that forbid a start."""
    return preflight.forbidding(findings)


def check_campaign(resources: Resources, campaign_id: int) -> Preflight:
    """Answer, without changing anything, whether a campaign may start, who gets it, and when it will be done."""
    findings: list[Finding] = []
    try:
        job = load_job(resources, campaign_id)
        findings += message_checks.findings(
            resources, job.voice, job.template, audience_id=job.campaign.audience_id
        )
    except TemplateError as error:
        findings.append(preflight.forbid(error.code, error.message, "template", error.hint))
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        people = planning.preview(session, tenant_id=tenant_id, audience_id=campaign.audience_id)
        will_be_sent = people.pop(None, 0)
        outlook = outlook_of(session, resources, campaign, waiting=will_be_sent)
        standing = records_of_audit.standing(session, tenant_id=tenant_id, digest=campaign.template_digest)
        stopped = account_breaker.reason_to_wait(session)
        overrides = [
            Override(
                rule=row["rule"],
                finding=row["finding"],
                reason=row["reason"],
                actor=row["actor"],
                at=row["created_at"],
            )
            for row in records.overrides(session, tenant_id=tenant_id, campaign_id=campaign_id)
        ]
    findings += _standing_findings(tenant, will_be_sent) + preflight.check_rulebook(_today())
    if stopped:
        remedy = "docs/runbooks/account-stopped.md, then posthouse account resume --reason …"
        findings.append(preflight.forbid("account_stopped", stopped, "account", remedy))
    findings += _breakage_findings(campaign) + auditing.findings(standing.demoted_why)
    found = preflight.overridden(findings, {override.rule for override in overrides})
    return Preflight(
        findings=preflight.in_order(found),
        selected=will_be_sent + sum(people.values()),
        will_be_sent=will_be_sent,
        skipped={str(reason): number for reason, number in sorted(people.items(), key=str)},
        forecast=outlook,
        overrides=overrides,
    )


def override(
    resources: Resources, campaign_id: int, *, rules: Iterable[str], reason: str, actor: str
) -> Preflight:
    """Let a campaign start in spite of findings that block it; return what is known then. Both stay in the audit.

    The template is pinned, so what is overridden does not become something else. Doing so again changes nothing.

    Args:
        resources: Of this process.
        campaign_id: Whose findings.
        rules: The ids of blocking findings that it has now.
        reason: Why; kept, and shown wherever the findings are.
        actor: Who answers for it.

    Raises:
        InputError: No reason, no such blocking finding, or one that nobody may override; nothing is overridden.
        NotFoundError: There is no such campaign.
    """
    result = check_campaign(resources, campaign_id)
    chosen = preflight.check_override(result.findings, list(rules), reason=reason)
    fresh = [finding for finding in chosen if not finding.overridden]
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        for finding in fresh:
            records.override(
                session,
                tenant_id=tenant_id,
                campaign_id=campaign_id,
                rule=finding.id,
                finding=finding.message,
                reason=reason.strip(),
                actor=actor,
            )
        if fresh:
            tenants.audit(
                session,
                tenant_id=tenant_id,
                actor=actor,
                action="campaign.preflight_overridden",
                subject=f"campaign {campaign_id}",
                reason=reason.strip(),
                detail={"rules": [finding.id for finding in fresh]},
            )
    return check_campaign(resources, campaign_id)


def check_template(resources: Resources, *, name: str, tenant_slug: str, audience: str) -> TemplateCheck:
    """Compile a template as it is now, and render it with real contacts of an audience.

    Raises:
        NotFoundError: There is no such tenant, audience or template.
    """
    sources = templates.load(resources.settings.templates_dir, name)
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        assert tenant.id is not None
        audience_id = audiences.find(session, tenant_id=tenant.id, name=audience)
    try:
        compiled = resources.renderer.compile(sources, owner=tenant.id)
    except TemplateError as error:
        finding = preflight.forbid(error.code, error.message, "template", error.hint)
        return TemplateCheck(findings=[finding], inlining="each", why="It does not compile.")
    findings = message_checks.findings(resources, Voice(tenant, name), compiled, audience_id=audience_id)
    findings = preflight.in_order(findings + preflight.check_rulebook(_today()))
    told = [variant.as_json() for variant in compiled.variants.values()]
    return TemplateCheck(findings=findings, inlining=compiled.inlining, why=compiled.why, locales=told)


def outlook_of(
    session: Session, resources: Resources, campaign: Campaign, *, waiting: int
) -> Forecast | None:
    """Say when `waiting` messages of a campaign will have left; None before the quota was ever read."""
    return outlooks.of_campaign(
        session, campaign, tenant_id=campaign.tenant_id, region=resources.ses.region, waiting=waiting
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _standing_findings(tenant: Tenant, will_be_sent: int) -> list[Finding]:
    findings = []
    if will_be_sent == 0:
        message = "nobody of the audience may be sent to"
        findings.append(preflight.forbid("audience_empty", message, "audience", "Import contacts into it."))
    if tenant.state != TenantState.ACTIVE:
        message = f"the tenant is paused: {tenant.state_reason}"
        remedy = f"posthouse tenant resume {tenant.slug}, when its reason is gone"
        findings.append(preflight.forbid("tenant_paused", message, "tenant", remedy))
    return findings


def _breakage_findings(campaign: Campaign) -> list[Finding]:
    """Return the finding of a campaign that was paused because its messages cannot be rendered; it may be overridden."""
    rule, _, told = campaign.state_reason.partition(": ")
    if rule != breakage.RULE:
        return []
    assert campaign.id is not None, "it came from the database"
    return [
        Finding(
            id=rule,
            severity="block",
            message=told.removesuffix(f". {breakage.advice(campaign.id)}"),
            where="template",
            remedy=breakage.advice(campaign.id),
            firm=False,
        )
    ]
