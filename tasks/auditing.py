"""Auditing: some messages are compared with premailer's page before they are sent, and a template that differs is demoted."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.auditing import Schedule
from core.errors import InputError, TemplateError
from core.rendering import Content, TemplateSources
from core.sampling import Candidate
from core.unsubscribe import NOBODY
from gateways.render_process import RemoteTemplate
from store import audiences, auditing, campaigns, tenants
from store import preflight as records
from store.deliveries import Claimed
from store.session import Session
from tasks.log import run_logger
from tasks.messages import Job, Voice, context, context_of, links_of
from tasks.resources import Resources
from tasks.templates import sources_for


ACTOR: Final = "the audit"


class Auditor:
    """Audits the messages that one sender is about to render, and hears of what other processes have found.

    Args:
        resources: Of this process.
        job: What is sent. Its template is told when it is demoted.
    """

    def __init__(self, resources: Resources, job: Job) -> None:
        self._resources = resources
        self._job = job
        self._schedule = Schedule(resources.settings.audit_one_in)
        self._started = time.monotonic()
        self._has_complained = False

    def check(self, claimed: Sequence[Claimed]) -> None:
        """Audit those of the messages whose turn it is; the first that differs demotes the template, also for these."""
        if self._job.template.demoted:
            return
        by_id = {delivery.delivery_id: delivery for delivery in claimed}
        elapsed, audited = time.monotonic() - self._started, 0
        for delivery_id in self._schedule.choose(by_id, elapsed=elapsed):
            found = self._audit(by_id[delivery_id])
            audited += found is not None
            if found:
                self._demote(by_id[delivery_id], found)
                break
        if audited:
            with self._resources.database.begin() as session:
                auditing.count_audited(session, **self._sources, messages=audited)

    def hears_of_demotion(self, session: Session) -> bool:
        """Whether somebody else has demoted the template since it was last asked; what is rendered is then outdated."""
        template = self._job.template
        if template.demoted or not auditing.standing(session, **self._sources).is_demoted:
            return False
        template.demoted = True
        return True

    @property
    def _sources(self) -> dict[str, Any]:
        return {"tenant_id": self._job.tenant_id, "digest": self._job.campaign.template_digest}

    def _audit(self, delivery: Claimed) -> str | None:
        """Return how a message differs, "" if it does not, None if that cannot be found out."""
        data = context_of(self._resources, self._job, delivery)
        try:
            content = self._job.template.render(data)
        except (TemplateError, InputError):
            return None  # it is not sent, and whoever renders it says why
        started = time.monotonic()
        try:
            return found_in(self._job.template, data, content)
        except TemplateError as error:
            self._complain(delivery, error)
            return None
        finally:
            self._schedule.note(time.monotonic() - started)

    def _complain(self, delivery: Claimed, error: TemplateError) -> None:
        """Say, once for a run, that audits cannot be made; nothing is known against the message, so it is sent."""
        if not self._has_complained:
            self._has_complained = True
            run_logger().warning(
                "Campaign %d: the message of contact %d could not be audited: %s",
                self._job.campaign_id,
                delivery.contact_id,
                error.message,
            )

    def _demote(self, delivery: Claimed, what: str) -> None:
        detail = {
            "campaign": self._job.campaign_id,
            "contact": delivery.contact_id,
            "delivery": delivery.delivery_id,
        }
        self._job.template.demoted = True
        with self._resources.database.begin() as session:
            demote(session, **self._sources, what=what, detail=detail)
        run_logger().warning(
            "Campaign %d: the message of contact %d is not premailer's page (%s). Template %s is demoted: premailer "
            "itself writes every message from now on, correctly and slowly.",
            self._job.campaign_id,
            delivery.contact_id,
            what,
            self._job.campaign.template_digest[:12],
        )


def found_in(template: RemoteTemplate, data: Mapping[str, Any], content: Content) -> str:
    """Return how a message differs from premailer's page of the same contact, in words without data; "" if it does not.

    Judged is what SES puts together of the frame and the holes that it is sent.

    Raises:
        TemplateError: That cannot be found out.
    """
    filling = content.filling
    if filling and filling.put_together() != (content.html, content.text):
        return "the frame and its holes make another message than was rendered"
    return template.audit(data, content)


def demote(session: Session, *, tenant_id: int, digest: str, what: str, detail: dict[str, int]) -> None:
    """Demote stored sources, and write down whose message has shown what; nothing, if they are demoted already."""
    if auditing.demote(session, tenant_id=tenant_id, digest=digest, why=what):
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=ACTOR,
            action="template.demoted",
            subject=f"template {digest[:12]}",
            reason=what,
            detail=detail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What auditing some contacts' messages has found. `differences` says of a contact's id what differs."""

    audited: int
    differences: Mapping[int, str]
    not_audited: Mapping[int, str]
    demoted: bool

    @property
    def ok(self) -> bool:
        """Whether every message is premailer's page."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `template audit`."""
        return {
            "audited": self.audited,
            "different": len(self.differences),
            "differences": _listed(self.differences),
            "not_audited": _listed(self.not_audited),
            "demoted": self.demoted,
        }


def _listed(found: Mapping[int, str]) -> list[dict[str, Any]]:
    return [{"contact": contact_id, "what": what} for contact_id, what in found.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Who wants a demotion taken back, and why."""

    actor: str
    reason: str


def of_template(
    resources: Resources,
    *,
    template: str,
    tenant_slug: str,
    audience: str,
    limit: int,
    restore: Restore | None = None,
) -> Report:
    """Audit the messages of contacts from all over an audience, and demote the template if one differs.

    A demotion can be taken back here and nowhere else, so that nobody does it without having looked.

    Args:
        resources: Of this process.
        template: `newsletter` as it stands in its folder, `newsletter@3` as published. A demoted one is judged as it was
            before.
        tenant_slug: Whose it is.
        audience: Whose contacts.
        limit: How many of them.
        restore: Take an earlier demotion back if every one of these messages is premailer's page.

    Raises:
        NotFoundError: There is no such tenant, audience, template or version.
        TemplateError: It does not compile.
    """
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        voice = Voice(tenant, template.partition("@")[0])
        sources = sources_for(resources, session, tenant_id=voice.tenant_id, template=template)
        contacts = _contacts(session, voice, audience, limit)
    compiled = resources.renderer.compile(sources, owner=voice.tenant_id)
    found: dict[int, str] = {}
    failed: dict[int, str] = {}
    for contact in contacts:
        links = links_of(resources, voice.tenant, delivery_id=NOBODY)
        data = context(voice, contact.address, contact.attributes, links)
        try:
            found[contact.id] = found_in(compiled, data, compiled.render(data))
        except (TemplateError, InputError) as error:
            failed[contact.id] = error.message
    different = {contact_id: what for contact_id, what in found.items() if what}
    if restore and found and not different and not failed:
        _restore(resources, voice, sources, audited=len(found), wish=restore)
    demoted = _noted(resources, voice, sources, audited=len(found), different=different)
    return Report(audited=len(found), differences=different, not_audited=failed, demoted=demoted)


def _restore(
    resources: Resources, voice: Voice, sources: TemplateSources, *, audited: int, wish: Restore
) -> None:
    """Take a demotion back and write down why; nothing, if there is none."""
    key: dict[str, Any] = {"tenant_id": voice.tenant_id, "digest": sources.digest()}
    with resources.database.begin() as session:
        if auditing.restore(session, **key):
            tenants.audit(
                session,
                tenant_id=voice.tenant_id,
                actor=wish.actor,
                action="template.restored",
                subject=f"template {key['digest'][:12]}",
                reason=wish.reason,
                detail={"audited": audited},
            )


def _contacts(session: Session, voice: Voice, audience: str, limit: int) -> list[Candidate]:
    strides = min(limit, 20)
    pool = records.spread(
        session,
        tenant_id=voice.tenant_id,
        audience_id=audiences.find(session, tenant_id=voice.tenant_id, name=audience),
        strides=strides,
        each=math.ceil(limit / strides),
    )
    return [Candidate(**row) for row in pool[:limit]]


def _noted(
    resources: Resources,
    voice: Voice,
    sources: TemplateSources,
    *,
    audited: int,
    different: Mapping[int, str],
) -> bool:
    """Write down what was found; return whether the sources are demoted, now or since earlier."""
    key: dict[str, Any] = {"tenant_id": voice.tenant_id, "digest": sources.digest()}
    with resources.database.begin() as session:
        if different:
            # What stands in a folder may be in no campaign yet: those that will take it are to be warned.
            campaigns.pin_template(session, tenant_id=voice.tenant_id, sources=sources)
            contact_id, what = next(iter(different.items()))
            demote(session, **key, what=what, detail={"contact": contact_id})
        auditing.count_audited(session, **key, messages=audited)
        return auditing.standing(session, **key).is_demoted
