"""Approve a night of hygiene that would take too many: suspended, with no process, until a person has seen it and decides.

The answer is kept in our database, so that a lost run of Prefect loses no decision, and a night that was decided at a terminal
is decided here, too.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.states import Completed
from pydantic import Field

from core import hygiene_report
from core.hygiene_report import Night
from core.hygiene_runs import RunState
from flows import forms
from flows.refusals import told_in_words
from flows.update_hygiene import publish
from tasks import hygiene_decisions
from tasks.resources import resources


class Decision(RunInput):
    """What the person who decides fills in; kept in the audit."""

    approver: str = Field(
        title="Your name", description="Who decides; Prefect itself knows no users.", pattern=r"\S"
    )
    reason: str = Field(title="Reason", description="Why so many may leave, or why not.", pattern=r"\S")
    approved: bool = Field(False, title="Let them leave", description="Off means: nobody leaves.")


@flow(name="approve-hygiene", flow_run_name="{tenant} · hygiene run {run_id}", persist_result=False)
@told_in_words
def approve_hygiene(
    tenant: str = forms.field("Tenant", "The tenant's slug, such as acme.", pattern=forms.SLUG),
    run_id: int = forms.field("Hygiene run", "The number of the night that waits.", minimum=1),
) -> State[None]:
    """Ask whether a night may take its people, and do what the person says."""
    night = hygiene_decisions.find(resources(), tenant_slug=tenant, run_id=run_id)
    if not night.waits:
        return Completed(message=_ended(night))
    decision = suspend_flow_run(
        wait_for_input=Decision.with_initial_data(description=hygiene_report.question(night)),
        timeout=night.policy.approval_days * 86_400,
        key=f"approve-hygiene-{run_id}",
    )
    night = hygiene_decisions.decide(
        resources(),
        tenant_slug=tenant,
        run_id=run_id,
        approved=decision.approved,
        actor=decision.approver,
        reason=decision.reason,
    )
    publish(night)
    return Completed(message=_ended(night))


def _ended(night: Night) -> str:
    """Return how a night that waits no more has ended, or goes on."""
    people = sum(night.counts.values())
    if night.state in {RunState.APPLIED, RunState.APPLYING}:
        return f"hygiene run {night.run_id} of {night.tenant} was approved: {people:,} leave, {night.spared:,} spared"
    if night.state is RunState.REFUSED:
        return f"hygiene run {night.run_id} of {night.tenant} was refused: nobody leaves"
    return f"nobody has decided on hygiene run {night.run_id} of {night.tenant} in time: nobody leaves, and a later night asks anew"
