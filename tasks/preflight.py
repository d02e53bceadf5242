"""Preflight: what is known of a campaign or a template before the first message leaves.

Real contacts of this audience are rendered, among them some that lack each field that the template names: a misspelt
field is found before mail 1, not at mail 40,001.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from core import forecast as forecasting
from core import headers, pacing, preflight
from core.errors import ConfigurationError, InputError, TemplateError
from core.forecast import Forecast
from core.preflight import Finding
from core.rendering import CompiledTemplate, compile_template
from core.tenants import TenantState
from gateways import templates
from models import Campaign, Tenant
from store import accounts, audiences, campaigns, planning, sending_domains, tenants
from store.session import Session
from tasks.messages import Voice, context, load_job, unsubscribe_url
from tasks.resources import Resources


SAMPLES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What is known before the first message leaves."""

    findings: Sequence[Finding]
    selected: int
    will_be_sent: int
    skipped: Mapping[str, int]
    forecast: Forecast | None

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
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCheck:
    """What is known of a template and an audience together."""

    findings: Sequence[Finding]
    inlining: str
    why: str

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
        }


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that forbid a start."""
    return [finding for finding in findings if finding.severity == "block"]


def check_campaign(resources: Resources, campaign_id: int) -> Preflight:
    """Answer, without changing anything, whether a campaign may start, who gets it, and when it will be done."""
    findings: list[Finding] = []
    try:
        job = load_job(resources, campaign_id)
        findings += _message_findings(
            resources, job.voice, job.template, audience_id=job.campaign.audience_id
        )
    except TemplateError as error:
        findings.append(_forbidding(error.code, error.message, "template"))
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        campaign = campaigns.find(session, tenant_id=tenant_id, campaign_id=campaign_id)
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        people = planning.preview(session, tenant_id=tenant_id, audience_id=campaign.audience_id)
        will_be_sent = people.pop(None, 0)
        outlook = outlook_of(session, resources, campaign, waiting=will_be_sent)
    return Preflight(
        findings=findings + _standing_findings(tenant, will_be_sent),
        selected=will_be_sent + sum(people.values()),
        will_be_sent=will_be_sent,
        skipped={str(reason): number for reason, number in sorted(people.items(), key=str)},
        forecast=outlook,
    )


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
        compiled = compile_template(sources)
    except TemplateError as error:
        finding = _forbidding(error.code, error.message, "template")
        return TemplateCheck(findings=[finding], inlining="each", why="It does not compile.")
    findings = _message_findings(resources, Voice(tenant, name), compiled, audience_id=audience_id)
    return TemplateCheck(findings=findings, inlining=compiled.inlining, why=compiled.why)


def outlook_of(
    session: Session, resources: Resources, campaign: Campaign, *, waiting: int
) -> Forecast | None:
    """Say when `waiting` messages of a campaign will have left; None before the quota was ever read."""
    domain_of = {"tenant_id": campaign.tenant_id, "sending_domain_id": campaign.sending_domain_id}
    try:
        account, now = accounts.find(session, region=resources.ses.region)
    except ConfigurationError:
        return None
    unlimited = account.max_24_hour_send < 0
    return forecasting.forecast(
        waiting=waiting,
        left_today=sending_domains.left_or_allowed(session, **domain_of),
        rung=sending_domains.rung_of(session, **domain_of),
        quota_left=pacing.quota_left(account),
        quota_per_day=None if unlimited else int(account.max_24_hour_send * pacing.QUOTA_SHARE),
        rate=pacing.rate(account, now),
        now=sending_domains.local_now(session, tenant_id=campaign.tenant_id),
    )


def _standing_findings(tenant: Tenant, will_be_sent: int) -> list[Finding]:
    findings = []
    if will_be_sent == 0:
        findings.append(_forbidding("audience_empty", "nobody of the audience may be sent to", "audience"))
    if tenant.state != TenantState.ACTIVE:
        findings.append(
            _forbidding("tenant_paused", f"the tenant is paused: {tenant.state_reason}", "tenant")
        )
    return findings


def _forbidding(identifier: str, message: str, where: str) -> Finding:
    return Finding(id=identifier, severity="block", message=message, where=where)


def _message_findings(
    resources: Resources, voice: Voice, template: CompiledTemplate, *, audience_id: int
) -> list[Finding]:
    """Render the messages of some contacts; each finding names three of those that show it, by id."""
    shown: dict[Finding, list[int]] = {}
    for contact_id, (address, attributes) in _samples(resources, voice, template, audience_id).items():
        for finding in _findings_of(resources, voice, template, address, attributes):
            shown.setdefault(finding, []).append(contact_id)
    return [
        replace(finding, message=f"{finding.message} (contacts {', '.join(map(str, contact_ids[:3]))})")
        for finding, contact_ids in shown.items()
    ]


def _samples(
    resources: Resources, voice: Voice, template: CompiledTemplate, audience_id: int
) -> dict[int, tuple[str, Mapping[str, Any]]]:
    """Return address and attributes of the first contacts, and of some that lack a field the template names."""
    audience = {"tenant_id": voice.tenant_id, "audience_id": audience_id}
    with resources.database.begin() as session:
        found = list(campaigns.sample_contacts(session, **audience, limit=SAMPLES))
        for field in _contact_fields(template):
            found += campaigns.contacts_without(session, **audience, attribute=field)
    return {row["id"]: (row["address"], row["attributes"]) for row in found}


def _contact_fields(template: CompiledTemplate) -> list[str]:
    """Return the attributes of a contact that the template names; the address every contact has."""
    names = {field.split(".")[1] for field in template.fields if field.startswith("contact.")}
    return sorted(names - {"email"})


def _findings_of(
    resources: Resources,
    voice: Voice,
    template: CompiledTemplate,
    address: str,
    attributes: Mapping[str, Any],
) -> list[Finding]:
    url = unsubscribe_url(resources, tenant_id=voice.tenant_id, delivery_id=0)
    try:
        content = template.render(context(voice, address, attributes, url))
    except (TemplateError, InputError) as error:
        return [_forbidding(error.code, error.message, "template")]
    sender = headers.from_header(voice.tenant.from_name, voice.tenant.from_address)
    return preflight.check_message(
        content,
        headers={"From": sender, **headers.list_headers(url)},
        postal_address=voice.tenant.postal_address,
        unsubscribe_url=url,
    )
