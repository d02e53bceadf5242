"""Reactions: what a window's errors change for everybody's next call, written down where everybody looks."""

from collections.abc import Sequence
from contextlib import suppress

from core import breakage as breaking
from core import outcomes, pacing
from core.breakage import Breakage
from core.campaigns import CampaignState
from core.errors import ConflictError, SendingError
from core.outcomes import Memory
from store import accounts, campaigns, preflight, tenants
from store.session import Session
from tasks.messages import Job
from tasks.resources import Resources


def react(
    resources: Resources,
    job: Job,
    memory: Memory,
    errors: Sequence[SendingError],
    *,
    accepted: int,
    is_probe: bool,
) -> None:
    """Slow the account down, let it rest, or pause the campaign, as the errors of a window say.

    Args:
        resources: Of this process.
        job: Whose window it was.
        memory: What this process remembers of its windows; it learns of this one.
        errors: Those of the window.
        accepted: How many of its messages SES took.
        is_probe: Whether it was the single message that goes out after a rest because of doubt.
    """
    memory.note(errors, accepted)
    reaction = outcomes.reaction(
        errors,
        accepted=accepted,
        memory=memory,
        is_probe=is_probe,
        ambiguity_pause=resources.settings.ambiguity_pause_seconds,
    )
    memory.note_reaction(reaction, accepted)
    if reaction == outcomes.Reaction() and not (is_probe and accepted):
        return
    with resources.database.begin() as session:
        settle_account(
            session,
            region=resources.ses.region,
            reaction=reaction,
            probe_accepted=bool(is_probe and accepted),
        )
        if reaction.pause_campaign:
            campaigns.move(
                session,
                tenant_id=job.tenant_id,
                campaign_id=job.campaign_id,
                to=CampaignState.PAUSED,
                since=[CampaignState.SENDING],
                reason=reaction.pause_campaign,
            )


def settle_account(
    session: Session, *, region: str, reaction: outcomes.Reaction, probe_accepted: bool
) -> None:
    """Slow an account down or let it rest, as a reaction says; end its rest when its probe was accepted."""
    if probe_accepted:
        accounts.unblock(session, region=region, reason=pacing.AMBIGUITY)
    if reaction.slow_down:
        accounts.slow_down(session, region=region)
    if reaction.block_seconds:
        accounts.block(session, region=region, seconds=reaction.block_seconds, reason=reaction.block_reason)


def is_breakage_forgiven(resources: Resources, job: Job) -> bool:
    """Whether a person has said that messages of this campaign that cannot be rendered shall fail alone."""
    key = {"tenant_id": job.tenant_id, "campaign_id": job.campaign_id}
    with resources.database.begin() as session:
        return any(row["rule"] == breaking.RULE for row in preflight.overrides(session, **key))


def pause_for_breakage(resources: Resources, job: Job, breakage: Breakage) -> None:
    """Pause a campaign whose messages cannot be rendered, with the reason and its audit. Everybody left waits."""
    told = f"{breaking.RULE}: {breakage.in_words()}"
    # Somebody may have ended it in between; then there is nothing to pause.
    with suppress(ConflictError), resources.database.begin() as session:
        campaigns.move(
            session,
            tenant_id=job.tenant_id,
            campaign_id=job.campaign_id,
            to=CampaignState.PAUSED,
            since=[CampaignState.SENDING],
            reason=f"{told}. {breaking.advice(job.campaign_id)}",
        )
        tenants.audit(
            session,
            tenant_id=job.tenant_id,
            actor="posthouse",
            action="campaign.paused",
            subject=f"campaign {job.campaign_id}",
            reason=told,
        )
