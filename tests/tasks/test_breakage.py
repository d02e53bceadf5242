"""A campaign whose messages cannot be rendered, on a real ledger: it pauses while those who wait can still be sent to."""

from dataclasses import replace

import pytest

from core.breakage import Breakage, advice
from core.campaigns import CampaignState
from core.errors import TemplateUndefinedError
from core.runs import Ending, Tally
from store import campaigns, tenants
from tasks import campaigns as steps
from tasks import preflight
from tasks.messages import load_job
from tasks.reactions import pause_for_breakage
from tests.builders import NEWSLETTER, Scene, a_contact, a_scene, an_account, plan
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")

ENDLESS = replace(NEWSLETTER, text="{% for one in contact.first_name * 100000 %}{{ one }}{% endfor %}")


def a_list(stage: Stage, fine: int, broken: int) -> Scene:
    """A planned campaign to people of whom the last lack what the template names."""
    with stage.database.begin() as session:
        scene = a_scene(session, contacts=fine)
        for _ in range(broken):
            a_contact(session, scene, attributes={"last_name": "Ann"})
        plan(session, scene)
        an_account(session)
    return scene


def reason_of(stage: Stage, scene: Scene) -> tuple[str, str]:
    with stage.database.begin() as session:
        status = campaigns.status(session, **scene.campaign)
        return status.state, status.state_reason


def resume(stage: Stage, scene: Scene) -> None:
    steps.resume(stage.resources(), scene.campaign_id, reason="looked at it", actor="Ann")


def test_a_template_that_meets_a_limit_for_everybody_fails_nobody(stage: Stage) -> None:
    scene = stage.set(45, sources=ENDLESS)
    tally = stage.send(scene)
    assert (tally.ending, tally.failed) == (Ending.STOPPED, 0)
    assert tally.reason.startswith("5 of 5 messages could not be rendered (5 template_limit), the first: ")
    assert stage.states(scene) == {"pending": 45}
    assert stage.ses.calls == []
    assert reason_of(stage, scene) == (
        CampaignState.PAUSED,
        f"render_errors: {tally.reason}. {advice(scene.campaign_id)}",
    )


def test_a_small_audience_of_which_nobody_can_be_rendered_waits_too(stage: Stage) -> None:
    scene = a_list(stage, fine=0, broken=3)
    assert stage.send(scene).ending is Ending.STOPPED
    assert stage.states(scene) == {"pending": 3}


def test_an_import_that_lacks_a_field_stops_after_a_few(stage: Stage) -> None:
    """Claims are of 20: the third holds the last five people who are fine and the first who are not."""
    scene = a_list(stage, fine=45, broken=300)
    tally = stage.send(scene)
    assert (tally.ending, tally.accepted, tally.failed) == (Ending.STOPPED, 40, 0)
    assert stage.states(scene) == {"sent": 40, "pending": 305}


def test_the_pause_is_in_the_audit(stage: Stage) -> None:
    scene = a_list(stage, fine=0, broken=3)
    stage.send(scene)
    with stage.database.begin() as session:
        newest = tenants.audit_trail(session, tenant_id=scene.tenant_id)[0]
    assert (newest["actor"], newest["action"]) == ("posthouse", "campaign.paused")
    assert newest["reason"].startswith("render_errors: 3 of 3 messages could not be rendered")


def test_resumed_without_a_change_it_pauses_again(stage: Stage) -> None:
    scene = a_list(stage, fine=0, broken=3)
    stage.send(scene)
    resume(stage, scene)
    assert stage.send(scene).ending is Ending.STOPPED
    assert stage.states(scene) == {"pending": 3}


def test_overridden_by_a_person_they_fail_alone_and_the_rest_is_sent(stage: Stage) -> None:
    scene = a_list(stage, fine=10, broken=8)
    stage.send(scene)
    found = preflight.check_campaign(stage.resources(), scene.campaign_id).findings
    assert [(one.id, one.forbids, one.firm) for one in found if one.id == "render_errors"] == [
        ("render_errors", True, False)
    ]
    preflight.override(
        stage.resources(), scene.campaign_id, rules=["render_errors"], reason="eight old rows", actor="Ann"
    )
    resume(stage, scene)
    assert stage.send(scene) == Tally(accepted=10, failed=8, ending=Ending.NOTHING_DUE)
    assert stage.states(scene) == {"sent": 10, "failed": 8}


def test_a_campaign_that_was_cancelled_in_between_stays_cancelled(stage: Stage) -> None:
    scene = a_list(stage, fine=0, broken=3)
    resources = stage.resources()
    job, breakage = load_job(resources, scene.campaign_id), Breakage()
    breakage.note(TemplateUndefinedError("'first_name' is undefined"))
    steps.cancel(resources, scene.campaign_id, reason="not this year", actor="Ann")
    pause_for_breakage(resources, job, breakage)
    assert reason_of(stage, scene) == (CampaignState.CANCELLED, "not this year")
