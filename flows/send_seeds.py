"""Send a test of a campaign or a template to a seed list: our own people look at the mail before anybody else gets it."""

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from core.errors import InputError
from flows import forms, steps
from flows.refusals import refused, told_in_words
from tasks import campaigns, seeds
from tasks.log import run_logger
from tasks.resources import resources
from tasks.seeds import Report, Wish


@flow(name="test-send", flow_run_name="{tenant} · test to {seed_list}", persist_result=False)
@told_in_words
def send_seeds(
    tenant: str = forms.field("Tenant", "The tenant's slug, such as acme.", pattern=forms.SLUG),
    seed_list: str = forms.field("Seed list", "Its name; posthouse seeds list tells them.", minLength=1),
    campaign_id: int | None = forms.field(
        "Campaign",
        "The id of a campaign, whose template is pinned. With None the next field says what.",
        None,
    ),
    template: str = forms.field("Template", "Such as newsletter as it stands, or newsletter@3.", ""),
    audience: str = forms.field(
        "Audience", "Whose contact the template is shown for; empty: its own sample.", ""
    ),
    contact_id: int | None = forms.field(
        "Contact", "The id of the contact as whom it is shown. With None the audience's first.", None
    ),
    mark: bool = forms.field(  # noqa: FBT001  # a parameter of a form, never passed by position
        "Mark as a test", "Begins the subject with [Test].", True
    ),
) -> State[None]:
    """Send a test to everybody of a seed list; a run that starts over calls nobody twice."""
    named = {"request_id": f"prefect:{flow_run.id}"} if flow_run.id else {}
    wish = Wish(seeds=seed_list, contact_id=contact_id, is_marked=mark, actor="prefect", **named)
    steps.read_quota()
    report = send_test(tenant, campaign_id, template, audience, wish)
    # Counts and reasons; which address it was, the command line tells.
    create_table_artifact(
        [{"outcome": outcome, "seeds": number} for outcome, number in report.by_outcome.items()],
        key="test-send",
        description=f"Test of {template or f'campaign {campaign_id}'} to {seed_list}",
    )
    told = report.in_words()
    return Completed(message=told) if report.ok else refused(told)


@task(name="Send the test", **steps.ONCE)
def send_test(tenant: str, campaign_id: int | None, template: str, audience: str, wish: Wish) -> Report:
    """Send it, and log what became of it."""
    report = _send(tenant, campaign_id, template, audience, wish)
    run_logger().info(report.in_words())
    return report


def _send(tenant: str, campaign_id: int | None, template: str, audience: str, wish: Wish) -> Report:
    if campaign_id is not None:
        campaigns.find(resources(), tenant_slug=tenant, campaign_id=campaign_id)
        return seeds.send_campaign(resources(), campaign_id, wish)
    if not template:
        raise InputError("there is nothing to test", hint="Give the id of a campaign, or a template.")
    return seeds.send_template(
        resources(), name=template, tenant_slug=tenant, audience=audience or None, wish=wish
    )
