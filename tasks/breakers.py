"""Breakers at work: after each batch of events ask them about those whom it touched, and stop whom they trip.

Everything happens in the transaction that applies the events, so that no crash can lie between a count and what follows of it.
A trip pauses and never cancels: who waits goes on waiting, and the next intent of any sender reads it.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from core import breaker_counts, breaker_words
from core import breakers as rule
from core.breakers import Counts, Level, Scope, Signal, Verdict
from core.campaigns import CampaignState
from core.errors import ConflictError
from core.facts import Fact
from core.tenants import TenantState
from store import account_breaker, breakers, campaigns, standings, tenants, vanguards
from store.breakers import Breaker
from store.session import Session
from tasks.log import run_logger
from tasks.resources import Resources


ACTOR = "posthouse"
FACTS = {Signal.BOUNCE: Fact.BOUNCE_PERMANENT, Signal.COMPLAINT: Fact.COMPLAINT}


def apply(session: Session, tenant_id: int, campaign_ids: Collection[int]) -> list[Verdict]:
    """Judge campaigns of which something was counted, and their tenant; return the verdicts that are news.

    Nobody is judged while bounces are known whose deliveries are not; whoever applies those, or dispatch, asks again.
    """
    _wake_vanguards(session, tenant_id, campaign_ids)
    return _judge(session, tenant_id, campaign_ids) if campaign_ids else []


def _judge(session: Session, tenant_id: int, campaign_ids: Collection[int]) -> list[Verdict]:
    if not breakers.are_abreast(session, tenant_id=tenant_id):
        return []
    known = breakers.find(session, tenant_id=tenant_id)
    news = []
    for scope, subject, counts in _counted(session, tenant_id, campaign_ids, known):
        before = known.get((scope, subject), Breaker(scope=scope, subject=subject))
        verdict = rule.judge(counts, scope)
        if before.tripped_at is None and (verdict.level, before.level) != (Level.CLEAR, Level.CLEAR):
            if verdict.level > before.told:
                _tell(session, tenant_id, subject, verdict)
                news.append(verdict)
            breakers.say(
                session,
                tenant_id=tenant_id,
                scope=scope,
                subject=subject,
                level=verdict.level,
                why=verdict.why,
            )
    return news


def _wake_vanguards(session: Session, tenant_id: int, campaign_ids: Collection[int]) -> None:
    """Let dispatch carry on the campaigns whose first messages are known by now."""
    for campaign_id in sorted(campaign_ids):
        key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        found = vanguards.find(session, **key)
        if found and found[0].is_over:
            campaigns.wait_for(session, **key, pause=timedelta(0))


def _counted(
    session: Session,
    tenant_id: int,
    campaign_ids: Collection[int],
    known: dict[tuple[Scope, str], Breaker],
) -> list[tuple[Scope, str, Counts]]:
    """Return what counts now of each campaign, of the tenant at each provider, and of the tenant."""

    def base(scope: Scope, subject: str) -> Breaker:
        return known.get((scope, subject), Breaker(scope=scope, subject=subject))

    found = []
    of_campaigns = breakers.of_campaigns(session, tenant_id=tenant_id, campaign_ids=campaign_ids)
    for campaign_id, days in sorted(of_campaigns.items()):
        counts = with_first(session, tenant_id, campaign_id, days, base(Scope.CAMPAIGN, str(campaign_id)))
        found.append((Scope.CAMPAIGN, str(campaign_id), counts))
    week = breakers.lately(session, tenant_id=tenant_id)
    # A provider that gets all of a tenant's mail is no scope of its own.
    for provider, days in sorted(week.items()) if len(week) > 1 else ():
        counts = breaker_counts.since(days, base(Scope.TENANT_AT_PROVIDER, provider).base)
        found.append((Scope.TENANT_AT_PROVIDER, provider, counts))
    of_tenant = breaker_counts.since(breaker_counts.together(week.values()), base(Scope.TENANT, "").base)
    return [*found, (Scope.TENANT, "", of_tenant)]


def with_first(
    session: Session, tenant_id: int, campaign_id: int, days: breaker_counts.Days, before: Breaker
) -> Counts:
    """Return what counts of a campaign since a person let it go on, with the complaints about its first messages."""
    counts = breaker_counts.since(days, before.base)
    early = breakers.early(session, tenant_id=tenant_id, campaign_id=campaign_id, counts=counts)
    was = before.base.get("first", [0])[0]
    return replace(counts, complained_of_first=max(early - was, 0))


def _tell(session: Session, tenant_id: int, subject: str, verdict: Verdict) -> None:
    """Let a person know of a verdict, once for each level; a trip stops whom it is about."""
    causes = breakers.causes(
        session,
        tenant_id=tenant_id,
        fact=FACTS[verdict.signal],
        campaign_id=int(subject) if verdict.scope is Scope.CAMPAIGN else None,
        provider=subject if verdict.scope is Scope.TENANT_AT_PROVIDER else None,
    )
    told = breaker_words.reason(verdict, causes)
    about = breaker_words.about(verdict.scope, subject)
    if verdict.level is Level.TRIP:
        _stop(session, tenant_id, verdict.scope, subject, told)
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor=ACTOR,
        action=breaker_words.action(verdict.scope, verdict.level),
        subject=about,
        reason=told,
        detail={**numbers(verdict), **causes},
    )
    log = run_logger().error if verdict.level is Level.TRIP else run_logger().warning
    log("Tenant %d, %s: %s", tenant_id, about, told)


def numbers(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as the audit and the command line tell it. Evidence may be too large for a number: its logarithm is not."""
    return {
        "level": verdict.level.name.lower(),
        "signal": str(verdict.signal),
        "hits": verdict.hits,
        "resolved": verdict.resolved,
        "limit": verdict.limit,
        "log_evidence": round(verdict.log_evidence, 3),
        "log_threshold": round(verdict.log_threshold, 3),
    }


def _stop(session: Session, tenant_id: int, scope: Scope, subject: str, told: str) -> None:
    """Pause whom a breaker has tripped. A campaign that has ended has nothing to pause."""
    if scope is Scope.CAMPAIGN:
        with suppress(ConflictError):
            campaigns.move(
                session,
                tenant_id=tenant_id,
                campaign_id=int(subject),
                to=CampaignState.PAUSED,
                # Of one that a person has paused for another reason, whoever resumes it must read this one.
                since=[CampaignState.SENDING, CampaignState.PAUSED],
                reason=told,
            )
            campaigns.wait_for(session, tenant_id=tenant_id, campaign_id=int(subject), pause=timedelta(0))
    elif scope is Scope.TENANT:
        tenants.set_state(session, tenant_id=tenant_id, state=TenantState.PAUSED, reason=told, actor=ACTOR)
    elif scope is Scope.TENANT_AT_PROVIDER:
        standings.stop(session, tenant_id=tenant_id, provider=subject)


def ask_again(session: Session, tenant_id: int) -> list[Verdict]:
    """Judge a tenant and its campaigns that are being sent, for what no batch of events could judge."""
    return _judge(session, tenant_id, campaigns.open_ones(session, tenant_id=tenant_id))


def judge_account(session: Session, region: str) -> None:
    """Stop an SES account of which too much bounces or is complained about, all tenants taken together.

    Ask it after the tenants' own breakers: whom these have stopped is left out, so that nobody is held for another's trouble.
    """
    standing = account_breaker.standing(session, region=region)
    if standing is None or standing.tripped_at:
        return
    verdict = rule.judge(standing.counts, Scope.ACCOUNT)
    if verdict.level is Level.TRIP and account_breaker.trip(
        session, region=region, why=verdict.why, detail=numbers(verdict)
    ):
        run_logger().error(
            "SES account in %s, all tenants together: %s Nothing leaves; docs/runbooks/account-stopped.md",
            region,
            verdict.why,
        )


def let_go_on(session: Session, tenant_id: int, scope: Scope, subject: str = "") -> bool:
    """Begin to count anew because a person lets a sender go on, if its breaker has tripped; return whether it had.

    A tenant goes on with its mail to every provider.

    Where nothing has tripped, what is counted stays: a pause is no way to forget.

    Call it before the state is changed: whoever holds the tenant's row may take a campaign's, and never the other way round.
    """
    tripped = [one for one in breakers.find(session, tenant_id=tenant_id).values() if one.tripped_at]
    if not any((one.scope, one.subject) == (scope, subject) for one in tripped):
        return False
    breakers.begin_epoch(session, tenant_id=tenant_id, scope=scope, subject=subject)
    if scope is Scope.TENANT_AT_PROVIDER:
        standings.go_on(session, tenant_id=tenant_id, provider=subject)
    if scope is Scope.TENANT:
        for one in tripped:
            let_go_on(session, tenant_id, Scope.TENANT_AT_PROVIDER, one.subject)
    return True


def show(resources: Resources, slug: str) -> list[dict[str, Any]]:
    """Return what is counted now of a tenant and of its campaigns that are sent or paused, and what that is evidence of.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        tenant_id = tenants.by_slug(session, slug).id
        assert tenant_id is not None
        watched = [
            campaign.id
            for campaign in campaigns.of_tenant(session, tenant_id=tenant_id)
            if campaign.id is not None and campaign.state in {CampaignState.SENDING, CampaignState.PAUSED}
        ]
        known = breakers.find(session, tenant_id=tenant_id)
        counted = _counted(session, tenant_id, watched, known)
    return [_shown(scope, subject, counts, known.get((scope, subject))) for scope, subject, counts in counted]


def _shown(scope: Scope, subject: str, counts: Counts, said: Breaker | None) -> dict[str, Any]:
    verdict = rule.judge(counts, scope)
    tripped_at = said.tripped_at if said else None
    return {
        "scope": str(scope),
        "subject": subject,
        "state": "tripped" if tripped_at else verdict.level.name.lower(),
        **{name: value for name, value in numbers(verdict).items() if name != "level"},
        "tripped_at": tripped_at,
        "epoch_at": said.epoch_at if said else None,
        "why": said.why if said and tripped_at else verdict.why,
    }
