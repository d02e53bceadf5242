"""Reactions: what a window's errors change for everybody's next call, written down where everybody looks."""

from collections.abc import Sequence

from core import outcomes, pacing
from core.campaigns import CampaignState
from core.errors import SendingError
from core.outcomes import Memory
from store import accounts, campaigns
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
    region = resources.ses.region
    with resources.database.begin() as session:
        if is_probe and accepted:
            accounts.unblock(session, region=region, reason=pacing.AMBIGUITY)
        if reaction.slow_down:
            accounts.slow_down(session, region=region)
        if reaction.block_seconds:
            accounts.block(
                session, region=region, seconds=reaction.block_seconds, reason=reaction.block_reason
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
