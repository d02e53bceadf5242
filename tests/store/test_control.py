"""Control: every action from every state, with its audit."""

import pytest
from sqlmodel import Session

from core.campaigns import Action, CampaignState
from core.errors import ConflictError
from store import control, tenants
from tests.builders import Scene, a_campaign, a_scene, plan, states


def act(session: Session, scene: Scene, action: Action, **more: object) -> str:
    status = control.act(session, **scene.campaign, action=action, reason="because", actor="ada", **more)
    assert status.state_reason == "because"
    return str(status.state)


@pytest.mark.parametrize(
    ("state", "action", "after"),
    [
        pytest.param("sending", "pause", "paused", id="a campaign is paused"),
        pytest.param("paused", "resume", "sending", id="it goes on"),
        pytest.param("draft", "cancel", "cancelled", id="a draft is cancelled"),
        pytest.param("paused", "cancel", "cancelled", id="a paused one is cancelled"),
    ],
)
def test_an_action_leads_where_it_says_and_is_audited(
    session: Session, state: str, action: str, after: str
) -> None:
    scene = a_scene(session, state=CampaignState(state))
    assert act(session, scene, Action(action)) == after
    (entry,) = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert (entry["actor"], entry["action"], entry["reason"]) == ("ada", f"campaign.{after}", "because")


@pytest.mark.parametrize(
    ("state", "action"),
    [
        pytest.param("done", "cancel", id="what is done stays done"),
        pytest.param("cancelled", "resume", id="cancelled is for good"),
        pytest.param("draft", "pause", id="a draft is not being sent"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_no_trace(
    session: Session, state: str, action: str
) -> None:
    scene = a_scene(session, state=CampaignState(state))
    with pytest.raises(ConflictError):
        act(session, scene, Action(action))
    assert tenants.audit_trail(session, tenant_id=scene.tenant_id) == []


def test_who_waits_for_a_cancelled_campaign_is_skipped(session: Session) -> None:
    scene = a_scene(session, contacts=3)
    plan(session, scene)
    act(session, scene, Action.CANCEL)
    assert states(session, scene) == {"skipped": 3}


def test_a_run_is_heeded_by_its_tenant_alone(session: Session) -> None:
    scene, stranger = a_scene(session), a_scene(session)
    act(session, scene, Action.PAUSE, detail={"flow_run": "run-1"})
    heeded = [
        control.was_heeded(session, tenant_id=tenant, flow_run=run)
        for tenant, run in [
            (scene.tenant_id, "run-1"),
            (scene.tenant_id, "run-2"),
            (stranger.tenant_id, "run-1"),
        ]
    ]
    assert heeded == [True, False, False]


def test_the_trail_of_a_campaign_is_its_own_and_the_newest_first(session: Session) -> None:
    scene = a_scene(session)
    other = a_campaign(session, scene)
    for action in (Action.PAUSE, Action.RESUME, Action.PAUSE):
        act(session, scene, action)
    act(session, other, Action.CANCEL)
    trail = control.trail(session, **scene.campaign, limit=2)
    assert [(entry["action"], entry["actor"], entry["reason"]) for entry in trail] == [
        ("campaign.paused", "ada", "because"),
        ("campaign.sending", "ada", "because"),
    ]
    theirs = control.trail(session, tenant_id=a_scene(session).tenant_id, campaign_id=scene.campaign_id)
    assert theirs == []
