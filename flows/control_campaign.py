"""Control a campaign from Prefect: pause, resume or cancel it, with a reason and a name for the audit."""

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from core.campaigns import Action, CampaignState, Status
from flows import forms, runs
from flows.refusals import told_in_words
from flows.steps import ONCE
from tasks import campaigns
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="control-campaign", flow_run_name="{action} campaign {campaign_id}", persist_result=False)
@told_in_words
def control_campaign(
    tenant: str = forms.field("Tenant", "The tenant's slug, such as acme.", pattern=forms.SLUG),
    campaign_id: int = forms.field("Campaign", "The id of the campaign."),
    action: Action = forms.field(
        "Action", "pause cancels nothing and can be resumed; cancel is for good, and skips who waits."
    ),
    reason: str = forms.field("Reason", "Why; shown with the campaign and kept in the audit.", minLength=1),
    operator: str = forms.field("Your name", "Who decides; Prefect itself knows no users.", minLength=1),
) -> State[None]:
    """Pause, resume or cancel a campaign; effective with its next window of calls."""
    campaigns.find(resources(), tenant_slug=tenant, campaign_id=campaign_id)
    status = act(campaign_id, action, reason, operator)
    if status.state is CampaignState.SENDING:
        runs.start(tenant, campaign_id)
    told = f"campaign {campaign_id} is {status.state}: {status.sent:,} sent, {status.pending + status.claimed:,} wait"
    run_logger().info(told)
    return Completed(message=told)


@task(name="Pause, resume or cancel", **ONCE)
def act(campaign_id: int, action: Action, reason: str, operator: str) -> Status:
    """Do it, with its audit."""
    return campaigns.act(resources(), campaign_id, action, reason=reason, actor=operator)
