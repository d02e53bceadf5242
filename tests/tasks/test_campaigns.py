"""Campaigns as people handle them: create, start, plan, pause, resume, cancel, conclude."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.campaigns import CampaignState, Status
from core.errors import ConfigurationError, ConflictError, InputError, NotFoundError, PreflightError
from core.forecast import Forecast
from core.providers import OTHER
from core.runs import Ending, Tally
from core.suppression import Reason
from store import campaigns as ledger_of
from store import deliveries, planning, tenants
from store.session import Database, one, run
from tasks import campaigns, dispatching, forecasts
from tasks.resources import Resources
from tests.builders import (
    NEWSLETTER,
    Scene,
    a_contact,
    a_scene,
    an_account,
    ledger,
    pass_time,
    plan,
    states,
    suppress,
)


DRAFT = CampaignState.DRAFT


def set_up(database: Database, contacts: int = 3, **scene: object) -> Scene:
    with database.begin() as session:
        an_account(session)
        return a_scene(session, contacts=contacts, **scene)


def state_of(database: Database, scene: Scene) -> tuple[str, str]:
    with database.begin() as session:
        campaign = ledger_of.find(session, **scene.campaign)
        return campaign.state, campaign.state_reason


# Create


def create(resources: Resources, scene: Scene, **changes: object) -> int:
    values = {"tenant_slug": scene.slug, "name": " Autumn ", "audience": "readers", "template": "newsletter"}
    return campaigns.create(resources, **values | changes)


def test_a_campaign_is_a_draft_that_pins_its_template(resources: Resources, tmp_path: Path) -> None:
    scene = set_up(resources.database)
    campaign_id = create(resources, scene)
    (tmp_path / "templates/newsletter/body.html.j2").write_text("<p>changed afterwards</p>")
    with resources.database.begin() as session:
        campaign = ledger_of.find(session, tenant_id=scene.tenant_id, campaign_id=campaign_id)
        sources = ledger_of.template(session, tenant_id=scene.tenant_id, digest=campaign.template_digest)
    assert (campaign.name, campaign.state, campaign.policy) == ("Autumn", "draft", "evidence")
    assert (campaign.audience_id, campaign.sending_domain_id) == (scene.audience_id, scene.sending_domain_id)
    assert sources == NEWSLETTER


def test_a_subject_of_its_own_goes_over_the_templates(resources: Resources) -> None:
    scene = set_up(resources.database)
    campaign_id = create(resources, scene, subject="{{ contact.first_name }}, only today")
    with resources.database.begin() as session:
        campaign = ledger_of.find(session, tenant_id=scene.tenant_id, campaign_id=campaign_id)
        sources = ledger_of.template(session, tenant_id=scene.tenant_id, digest=campaign.template_digest)
    assert sources.subject == "{{ contact.first_name }}, only today"
    assert sources.html == NEWSLETTER.html


def test_a_campaign_with_a_start_is_scheduled(resources: Resources) -> None:
    scene = set_up(resources.database, state=DRAFT)
    campaign_id = create(resources, scene, start_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert campaigns.status_of(resources, campaign_id).state == "scheduled"
    assert dispatching.ready(resources) == [(scene.slug, campaign_id)]


def test_a_run_that_starts_over_gets_the_campaign_it_made(resources: Resources) -> None:
    scene = set_up(resources.database)
    first = create(resources, scene, origin="prefect:1")
    assert create(resources, scene, origin="prefect:1") == first
    assert create(resources, scene, origin="prefect:2") != first


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"tenant_slug": "nobody"}, NotFoundError, id="no such tenant"),
        pytest.param({"audience": "nobody"}, NotFoundError, id="no such audience"),
        pytest.param({"template": "nothing"}, NotFoundError, id="no such template"),
        pytest.param({"name": "  "}, InputError, id="no name"),
        pytest.param(
            {"subject": "Hi\r\nBcc: x@example.net"}, InputError, id="T06: a subject with a header in it"
        ),
    ],
)
def test_what_cannot_be_created_is_refused(
    resources: Resources, changes: dict[str, object], error: type[Exception]
) -> None:
    scene = set_up(resources.database)
    with pytest.raises(error):
        create(resources, scene, **changes)
    with resources.database.begin() as session:
        assert len(ledger_of.of_tenant(session, tenant_id=scene.tenant_id)) == 1


# Start and plan


def test_a_campaign_that_may_start_is_sent_and_starting_it_again_is_harmless(resources: Resources) -> None:
    scene = set_up(resources.database, state=DRAFT)
    assert campaigns.start(resources, scene.campaign_id).ok
    assert state_of(resources.database, scene) == ("sending", "")
    assert campaigns.start(resources, scene.campaign_id).ok


def test_a_campaign_to_nobody_does_not_start(resources: Resources) -> None:
    """T14"""
    scene = set_up(resources.database, contacts=0, state=DRAFT)
    with pytest.raises(PreflightError, match="nobody of the audience may be sent to") as refusal:
        campaigns.start(resources, scene.campaign_id)
    assert [finding["id"] for finding in refusal.value.findings] == ["audience_empty"]
    assert f"campaign preflight {scene.campaign_id}" in refusal.value.hint
    assert state_of(resources.database, scene) == ("draft", "")


def test_a_campaign_to_one_person_starts(resources: Resources) -> None:
    """T14"""
    scene = set_up(resources.database, contacts=1, state=DRAFT)
    assert campaigns.start(resources, scene.campaign_id).will_be_sent == 1


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        pytest.param(CampaignState.PAUSED, "campaign resume", id="paused"),
        pytest.param(CampaignState.DONE, "create another", id="done"),
        pytest.param(CampaignState.CANCELLED, "create another", id="cancelled"),
    ],
)
def test_what_cannot_be_started_says_what_to_do(
    resources: Resources, state: CampaignState, hint: str
) -> None:
    scene = set_up(resources.database, state=state)
    with pytest.raises(ConflictError, match=f"is {state}") as refusal:
        campaigns.start(resources, scene.campaign_id)
    assert hint in refusal.value.hint


def test_planning_again_changes_nothing(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SLICE_MEMBERS", 5)
    scene = set_up(resources.database, contacts=12)
    assert campaigns.plan(resources, scene.campaign_id) == 12
    assert campaigns.plan(resources, scene.campaign_id) == 0
    status = campaigns.status_of(resources, scene.campaign_id)
    assert (status.audience, status.pending, status.adds_up) == (12, 12, True)


def test_a_campaign_that_was_cancelled_while_it_was_planned_keeps_nobody_waiting(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "SLICE_MEMBERS", 5)
    scene = set_up(resources.database, contacts=12)
    plan_slice = planning.plan_slice
    calls: list[int] = []

    def cancel_before_the_last(session: object, **arguments: object) -> int:
        calls.append(1)
        if len(calls) == 3:
            campaigns.cancel(resources, scene.campaign_id, reason="wrong price", actor="operator")
        return plan_slice(session, **arguments)

    monkeypatch.setattr(planning, "plan_slice", cancel_before_the_last)
    campaigns.plan(resources, scene.campaign_id)
    status = campaigns.status_of(resources, scene.campaign_id)
    assert (status.state, status.pending, status.adds_up) == ("cancelled", 0, True)
    assert status.skipped_by_reason == {"cancelled": status.audience}


# Pause, resume, cancel


def test_pause_and_resume_are_audited_and_harmless_when_repeated(resources: Resources) -> None:
    scene = set_up(resources.database)
    campaigns.plan(resources, scene.campaign_id)
    for _ in range(2):
        status = campaigns.pause(resources, scene.campaign_id, reason="typo", actor="ann")
    assert (status.state, status.pending) == ("paused", 3)
    assert state_of(resources.database, scene) == ("paused", "typo")
    for _ in range(2):
        assert campaigns.resume(resources, scene.campaign_id, reason="fixed", actor="bob").state == "sending"
    with resources.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert [(entry["actor"], entry["action"], entry["reason"]) for entry in trail][::-2] == [
        ("ann", "campaign.paused", "typo"),
        ("bob", "campaign.sending", "fixed"),
    ]


def test_a_resumed_campaign_does_not_wait_for_tomorrow(resources: Resources) -> None:
    scene = set_up(resources.database)
    campaigns.plan(resources, scene.campaign_id)
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.ALLOWANCE))
    assert dispatching.ready(resources) == []
    campaigns.pause(resources, scene.campaign_id, reason="x", actor="x")
    campaigns.resume(resources, scene.campaign_id, reason="x", actor="x")
    assert dispatching.ready(resources) == [(scene.slug, scene.campaign_id)]


def test_cancelling_skips_who_waits(resources: Resources) -> None:
    """F29"""
    scene = set_up(resources.database)
    campaigns.plan(resources, scene.campaign_id)
    status = campaigns.cancel(resources, scene.campaign_id, reason="wrong price", actor="ann")
    assert (status.state, status.pending, status.skipped_by_reason) == ("cancelled", 0, {"cancelled": 3})
    with pytest.raises(ConflictError):
        campaigns.resume(resources, scene.campaign_id, reason="x", actor="x")


@pytest.mark.parametrize(
    "state",
    [DRAFT, CampaignState.SCHEDULED, CampaignState.SENDING, CampaignState.PAUSED, CampaignState.CANCELLED],
)
def test_whatever_has_not_ended_can_be_cancelled(resources: Resources, state: CampaignState) -> None:
    scene = set_up(resources.database, state=state)
    assert campaigns.cancel(resources, scene.campaign_id, reason="x", actor="x").state == "cancelled"


def test_what_is_done_cannot_be_cancelled(resources: Resources) -> None:
    scene = set_up(resources.database, state=CampaignState.DONE)
    with pytest.raises(ConflictError, match="is done and cannot become cancelled"):
        campaigns.cancel(resources, scene.campaign_id, reason="x", actor="x")


@pytest.mark.parametrize("state", [DRAFT, CampaignState.SCHEDULED])
def test_only_what_is_being_sent_can_be_paused(resources: Resources, state: CampaignState) -> None:
    scene = set_up(resources.database, state=state)
    with pytest.raises(ConflictError):
        campaigns.pause(resources, scene.campaign_id, reason="x", actor="x")


# Conclude


def end(resources: Resources, scene: Scene, state: str, number: int) -> None:
    """Put the first deliveries of a campaign into a state."""
    with resources.database.begin() as session:
        for row in ledger(session, scene)[:number]:
            run(
                session,
                """UPDATE delivery SET state = :state, attempt_id = 'a' || id, submitted_at = now() WHERE id = :id""",
                state=state,
                id=row["id"],
            )


def a_planned_scene(resources: Resources, **scene: object) -> Scene:
    planned = set_up(resources.database, **scene)
    campaigns.plan(resources, planned.campaign_id)
    return planned


def test_a_campaign_with_nobody_open_is_done(resources: Resources) -> None:
    scene = a_planned_scene(resources)
    end(resources, scene, "sent", 3)
    status, outlook = campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.NOTHING_DUE))
    assert (status.state, status.sent) == ("done", 3)
    assert outlook is not None
    assert outlook.waiting == 0


def test_out_of_allowance_it_goes_on_tomorrow_and_says_until_when(resources: Resources) -> None:
    scene = a_planned_scene(resources, contacts=250, rung=0)
    end(resources, scene, "sent", 200)
    with resources.database.begin() as session:
        run(
            session,
            """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, used)
               VALUES (:tenant_id, :sending_domain_id, (now() AT TIME ZONE 'UTC')::date, 'all', 200, 200)""",
            **scene.domain,
        )
        today = one(session, "SELECT (now() AT TIME ZONE 'UTC')::date AS day")
    assert today is not None
    tomorrow: date = today["day"] + timedelta(days=1)
    tally = Tally(accepted=200, ending=Ending.ALLOWANCE)
    status, outlook = campaigns.conclude(resources, scene.campaign_id, tally)
    assert campaigns.in_words(status, tally, outlook) == (
        f"out of today's allowance: 200 sent, 50 wait until {tomorrow}, done about {tomorrow}"
    )
    assert dispatching.ready(resources) == []
    with resources.database.begin() as session:
        resume_at = ledger_of.find(session, **scene.campaign).resume_at
    assert resume_at == datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)


@pytest.mark.parametrize("ending", [Ending.QUOTA, Ending.BLOCKED])
def test_held_up_it_goes_on_after_the_wait(resources: Resources, ending: Ending) -> None:
    scene = a_planned_scene(resources)
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=ending, wait=timedelta(minutes=10)))
    assert dispatching.ready(resources) == []
    pass_time(resources.database, timedelta(minutes=10))
    assert dispatching.ready(resources) == [(scene.slug, scene.campaign_id)]


@pytest.mark.parametrize("ending", [Ending.MORE, Ending.NOTHING_DUE, Ending.STOPPED])
def test_otherwise_it_may_go_on_at_once(resources: Resources, ending: Ending) -> None:
    scene = a_planned_scene(resources)
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=ending, wait=timedelta(minutes=10)))
    assert dispatching.ready(resources) == [(scene.slug, scene.campaign_id)]


def a_status(**counts: object) -> Status:
    return Status(**{"campaign_id": 1, "state": CampaignState.SENDING, "audience": 9} | counts)


AN_OUTLOOK = Forecast(
    waiting=4,
    today=0,
    done_on=date(2026, 11, 25),
    resumes_on=date(2026, 11, 25),
    binding="warm-up",
    seconds_today=0.0,
)


@pytest.mark.parametrize(
    ("status", "tally", "outlook", "sentence"),
    [
        pytest.param(
            a_status(state=CampaignState.DONE, sent=5, failed=1, skipped_by_reason={"duplicate": 3}), Tally(),
            AN_OUTLOOK, "done: 5 sent, 3 skipped, 1 failed", id="done",
        ),
        pytest.param(
            a_status(sent=5, pending=4), Tally(ending=Ending.ALLOWANCE), AN_OUTLOOK,
            "out of today's allowance: 5 sent, 4 wait until 2026-11-25, done about 2026-11-25", id="allowance",
        ),
        pytest.param(
            a_status(state=CampaignState.PAUSED, sent=5, pending=4), Tally(ending=Ending.STOPPED, reason="stopped"),
            AN_OUTLOOK, "paused, stopped: 5 sent, 4 wait", id="paused",
        ),
        pytest.param(
            a_status(sent=5, in_doubt=3, submitting=1), Tally(ending=Ending.NOTHING_DUE), AN_OUTLOOK,
            "5 sent, 4 in doubt until SES's events settle them", id="only doubt is left",
        ),
    ],
)  # fmt: skip
def test_a_run_ends_in_a_sentence(status: Status, tally: Tally, outlook: Forecast, sentence: str) -> None:
    assert campaigns.in_words(status, tally, outlook) == sentence


# Settle, dispatch, forecast


def test_settling_frees_the_dead_and_closes_what_has_ended(resources: Resources) -> None:
    scene = a_planned_scene(resources)
    end(resources, scene, "in_doubt", 3)
    nothing = {"freed": 0, "in_doubt": 0, "again": 0, "unconfirmed": 0, "done": 0}
    assert campaigns.settle(resources, tenant_id=scene.tenant_id) == nothing
    pass_time(resources.database, timedelta(hours=25))
    assert campaigns.settle(resources, tenant_id=scene.tenant_id) == nothing | {"unconfirmed": 3, "done": 1}
    assert state_of(resources.database, scene)[0] == "done"


@pytest.mark.parametrize(
    ("policy", "minutes", "again"),
    [
        pytest.param("at_least_once", 21, 3, id="past the guard it is sent again"),
        pytest.param("at_least_once", 19, 0, id="before the guard the first call may still be accepted"),
        pytest.param("evidence", 21, 0, id="without evidence it is not"),
        pytest.param("at_most_once", 21, 0, id="it never is"),
    ],
)
def test_the_policy_decides_whether_doubt_is_called_again(
    resources: Resources, policy: str, minutes: int, again: int
) -> None:
    scene = a_planned_scene(resources)
    end(resources, scene, "in_doubt", 3)
    with resources.database.begin() as session:
        run(session, "UPDATE campaign SET policy = :policy", policy=policy)
    pass_time(resources.database, timedelta(minutes=minutes))
    assert campaigns.settle(resources, tenant_id=scene.tenant_id)["again"] == again


def test_dispatch_settles_every_tenant_and_takes_up_what_can_go_on(resources: Resources) -> None:
    first, second = a_planned_scene(resources), a_planned_scene(resources)
    end(resources, first, "claimed", 3)
    with resources.database.begin() as session:
        run(session, "UPDATE delivery SET lease_until = now() - interval '1 second' WHERE state = 'claimed'")
    assert dispatching.ready(resources) == [
        (first.slug, first.campaign_id),
        (second.slug, second.campaign_id),
    ]
    with resources.database.begin() as session:
        assert states(session, first) == {"pending": 3}


def test_the_outlook_counts_the_audience_before_the_plan_and_the_ledger_after_it(
    resources: Resources,
) -> None:
    scene = set_up(resources.database, contacts=4, state=DRAFT)
    with resources.database.begin() as session:
        a_contact(session, scene, "no@example.net")
        suppress(session, scene, "no@example.net", Reason.COMPLAINT)
    assert forecasts.outlook(resources, scene.campaign_id).waiting == 4
    campaigns.start(resources, scene.campaign_id)
    campaigns.plan(resources, scene.campaign_id)
    end(resources, scene, "sent", 3)
    assert forecasts.outlook(resources, scene.campaign_id).waiting == 1


def test_without_a_quota_there_is_no_outlook(resources: Resources) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session, contacts=1)
        plan(session, scene)
    with pytest.raises(ConfigurationError, match="quota was never read"):
        forecasts.outlook(resources, scene.campaign_id)
    _, outlook = campaigns.conclude(resources, scene.campaign_id, Tally())
    assert outlook is None


@pytest.mark.parametrize(("approved", "action"), [(True, "approved"), (False, "not_approved")])
def test_a_decision_outlives_the_run_that_asked_for_it(
    resources: Resources, *, approved: bool, action: str
) -> None:
    scene = set_up(resources.database)
    campaigns.note_approval(resources, scene.campaign_id, approver="ann", approved=approved)
    with resources.database.begin() as session:
        (entry,) = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert (entry["actor"], entry["action"]) == ("ann", f"campaign.{action}")


def test_what_a_dead_run_held_is_free_at_once(resources: Resources) -> None:
    scene = a_planned_scene(resources)
    with resources.database.begin() as session:
        lease = timedelta(hours=1)
        deliveries.claim(session, **scene.campaign, token="dead.abc", shares={OTHER: 2}, lease=lease)
        deliveries.claim(session, **scene.campaign, token="alive.abc", shares={OTHER: 1}, lease=lease)
    assert dispatching.ready(resources) == []
    assert dispatching.runs_at_work(resources) == {"dead", "alive"}
    assert dispatching.relieve(resources, {"dead"}) == 2
    assert dispatching.relieve(resources, {"alive"}) == 1
    assert dispatching.ready(resources) == [(scene.slug, scene.campaign_id)]


def test_a_run_that_a_person_stopped_pauses_its_campaign_once(resources: Resources) -> None:
    scene = a_planned_scene(resources)
    said = {"flow_run": "run-1", "reason": "the flow run was cancelled in Prefect"}
    assert dispatching.heed(resources, scene.campaign_id, **said)
    status = campaigns.status_of(resources, scene.campaign_id)
    assert (status.state, status.state_reason) == ("paused", "the flow run was cancelled in Prefect")
    campaigns.resume(resources, scene.campaign_id, reason="", actor="ann")
    assert not dispatching.heed(resources, scene.campaign_id, **said)
    assert campaigns.status_of(resources, scene.campaign_id).state == "sending"


def test_a_stopped_run_of_a_campaign_that_is_not_being_sent_changes_nothing(resources: Resources) -> None:
    scene = set_up(resources.database, state=DRAFT)
    assert not dispatching.heed(resources, scene.campaign_id, flow_run="run-1", reason="cancelled")
    assert campaigns.status_of(resources, scene.campaign_id).state == "draft"
