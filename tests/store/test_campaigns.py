"""Campaigns: found in their tenant, moved between states, counted, and taken up again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.campaigns import CampaignState, Status
from core.errors import ConflictError, NotFoundError
from core.suppression import Reason
from store import campaigns, doubt
from store.session import run
from tests.builders import (
    NEWSLETTER,
    Scene,
    a_campaign,
    a_contact,
    a_scene,
    key_of,
    ledger,
    plan,
    suppress,
)


SENDING, PAUSED, DONE = CampaignState.SENDING, CampaignState.PAUSED, CampaignState.DONE


@pytest.fixture
def scene(session: Session) -> Scene:
    """A planned campaign to three people."""
    scene = a_scene(session, contacts=3)
    plan(session, scene)
    return scene


def end_all(session: Session, scene: Scene, state: str = "sent") -> None:
    run(
        session,
        "UPDATE delivery SET state = :state, attempt_id = 'a' || id WHERE campaign_id = :id",
        state=state,
        id=scene.campaign_id,
    )


def found(session: Session, scene: Scene) -> campaigns.Campaign:
    session.expire_all()
    return campaigns.find(session, **scene.campaign)


# Found in their tenant


def test_a_template_is_pinned_once_under_its_content(session: Session, scene: Scene) -> None:
    digest = campaigns.pin_template(session, tenant_id=scene.tenant_id, sources=NEWSLETTER)
    assert digest == found(session, scene).template_digest == NEWSLETTER.digest()
    assert campaigns.template(session, tenant_id=scene.tenant_id, digest=digest) == NEWSLETTER


def test_a_campaign_is_found_in_its_own_tenant_alone(session: Session, scene: Scene) -> None:
    """P04"""
    stranger = a_scene(session)
    assert campaigns.tenant_of(session, scene.campaign_id) == scene.tenant_id
    with pytest.raises(NotFoundError) as theirs:
        campaigns.find(session, tenant_id=stranger.tenant_id, campaign_id=scene.campaign_id)
    with pytest.raises(NotFoundError) as nobodys:
        campaigns.find(session, tenant_id=stranger.tenant_id, campaign_id=999_999)
    assert theirs.value.code == nobodys.value.code == "not_found"
    with pytest.raises(NotFoundError, match="there is no campaign 999999"):
        campaigns.tenant_of(session, 999_999)


def test_a_tenants_campaigns_are_listed_newest_first(session: Session, scene: Scene) -> None:
    newer = a_campaign(session, scene)
    a_scene(session)
    listed = campaigns.of_tenant(session, tenant_id=scene.tenant_id)
    assert [campaign.id for campaign in listed] == [newer.campaign_id, scene.campaign_id]


def test_a_run_that_starts_over_finds_its_own_campaign(session: Session, scene: Scene) -> None:
    mine = a_campaign(session, scene, origin="prefect:1")
    assert campaigns.by_origin(session, tenant_id=scene.tenant_id, origin="prefect:1") == mine.campaign_id
    assert campaigns.by_origin(session, tenant_id=scene.tenant_id, origin="prefect:2") is None
    with pytest.raises(IntegrityError), session.begin_nested():
        a_campaign(session, scene, origin="prefect:1")


# Moved between states


def move(session: Session, scene: Scene, to: CampaignState, *since: CampaignState) -> None:
    campaigns.move(session, **scene.campaign, to=to, since=since, reason="because")


def test_a_campaign_moves_and_says_why(session: Session, scene: Scene) -> None:
    move(session, scene, PAUSED, SENDING)
    campaign = found(session, scene)
    assert (campaign.state, campaign.state_reason, campaign.finished_at) == ("paused", "because", None)


def test_an_end_has_a_time(session: Session, scene: Scene) -> None:
    move(session, scene, CampaignState.CANCELLED, SENDING)
    assert found(session, scene).finished_at is not None


def test_moving_to_where_it_is_already_is_no_error(session: Session, scene: Scene) -> None:
    move(session, scene, PAUSED, SENDING)
    move(session, scene, PAUSED, SENDING)
    assert found(session, scene).state == "paused"


def test_a_move_from_another_state_is_refused_by_name(session: Session, scene: Scene) -> None:
    move(session, scene, CampaignState.CANCELLED, SENDING)
    with pytest.raises(ConflictError, match="is cancelled and cannot become sending"):
        move(session, scene, SENDING, PAUSED)


def test_another_tenant_moves_nothing(session: Session, scene: Scene) -> None:
    stranger = a_scene(session)
    with pytest.raises(NotFoundError):
        campaigns.move(
            session, tenant_id=stranger.tenant_id, campaign_id=scene.campaign_id, to=PAUSED, since=[SENDING]
        )
    assert found(session, scene).state == "sending"


@pytest.mark.parametrize("state", ["sent", "failed", "unconfirmed"])
def test_a_campaign_is_done_when_every_delivery_has_ended(session: Session, scene: Scene, state: str) -> None:
    end_all(session, scene, state)
    assert campaigns.finish(session, **scene.campaign)
    campaign = found(session, scene)
    assert (campaign.state, campaign.finished_at is not None) == ("done", True)
    assert campaigns.finish(session, **scene.campaign), "it stays done"


@pytest.mark.parametrize("state", ["pending", "claimed", "submitting", "in_doubt"])
def test_one_open_delivery_keeps_a_campaign_open(session: Session, scene: Scene, state: str) -> None:
    end_all(session, scene)
    run(
        session,
        "UPDATE delivery SET state = :state WHERE id = :id",
        state=state,
        id=ledger(session, scene)[1]["id"],
    )
    assert not campaigns.finish(session, **scene.campaign)
    assert found(session, scene).state == "sending"


def test_a_campaign_to_nobody_is_done_once_it_is_planned(session: Session) -> None:
    """T14"""
    scene = a_scene(session)
    assert not campaigns.finish(session, **scene.campaign)
    plan(session, scene)
    assert campaigns.finish(session, **scene.campaign)


@pytest.mark.parametrize("state", [PAUSED, CampaignState.CANCELLED, CampaignState.DRAFT])
def test_only_a_campaign_that_is_being_sent_becomes_done(
    session: Session, scene: Scene, state: CampaignState
) -> None:
    end_all(session, scene)
    run(session, "UPDATE campaign SET state = :state WHERE id = :id", state=state, id=scene.campaign_id)
    assert not campaigns.finish(session, **scene.campaign)


# Counted


def test_a_status_adds_up_over_deliveries_and_exclusions(session: Session) -> None:
    scene = a_scene(session, contacts=8)
    a_contact(session, scene, "twice@example.net")
    a_contact(session, scene, "Twice@example.net")
    a_contact(session, scene, "no@example.net")
    suppress(session, scene, "no@example.net", Reason.COMPLAINT)
    plan(session, scene)
    states = ["claimed", "submitting", "in_doubt", "sent", "sent", "failed", "unconfirmed", "skipped"]
    for row, state in zip(ledger(session, scene), states, strict=False):
        run(
            session,
            """UPDATE delivery SET state = :state, attempt_id = 'a' || id,
                   skip_reason = CASE WHEN :state = 'skipped' THEN 'complained' END WHERE id = :id""",
            state=state,
            id=row["id"],
        )
    status = campaigns.status(session, **scene.campaign)
    assert status == Status(
        campaign_id=scene.campaign_id,
        state=SENDING,
        audience=11,
        pending=1,
        claimed=1,
        submitting=1,
        in_doubt=1,
        sent=2,
        failed=1,
        unconfirmed=1,
        skipped_by_reason={"complained": 2, "duplicate": 1},
    )
    assert status.adds_up


def test_exclusions_name_contacts_and_never_addresses(session: Session) -> None:
    scene = a_scene(session)
    contacts = [a_contact(session, scene, state="retired") for _ in range(3)]
    plan(session, scene)
    listed = campaigns.exclusions(session, **scene.campaign, limit=2)
    assert [dict(row) for row in listed] == [
        {"contact_id": contact.id, "reason": "retired"} for contact in contacts[:2]
    ]


def test_events_are_counted_by_delivery(session: Session, scene: Scene) -> None:
    first, second, _ = (row["id"] for row in ledger(session, scene))
    for delivery_id, fact, times in ((first, "delivery", 1), (second, "delivery", 1), (first, "open", 46)):
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, times)
               VALUES (:tenant_id, :id, :fact, now(), now(), :times)""",
            tenant_id=scene.tenant_id,
            id=delivery_id,
            fact=fact,
            times=times,
        )
    assert campaigns.event_counts(session, **scene.campaign) == {"delivery": 2, "open": 1}
    told = campaigns.facts_of(session, tenant_id=scene.tenant_id, delivery_id=first)
    assert [(row["fact"], row["times"]) for row in told] == [("delivery", 1), ("open", 46)]


# Taken up again


def ready(session: Session, scene: Scene) -> list[int]:
    return [row["id"] for row in campaigns.ready(session, tenant_id=scene.tenant_id)]


READY = [
    pytest.param("SELECT 1", True, id="a delivery is due"),
    pytest.param("UPDATE campaign SET planned_at = NULL", True, id="the plan is not complete"),
    pytest.param("UPDATE campaign SET resume_at = now() + interval '1 minute'", False, id="not yet"),
    pytest.param("UPDATE campaign SET resume_at = now() - interval '1 minute'", True, id="its time has come"),
    pytest.param("UPDATE delivery SET not_before = now() + interval '5 seconds'", False, id="nobody is due"),
    pytest.param(
        """UPDATE delivery SET state = 'claimed', lease_until = now() + interval '5 seconds'
           WHERE id = (SELECT min(id) FROM delivery)""",
        False, id="a worker is at it",
    ),
    pytest.param(
        """UPDATE delivery SET state = 'claimed', lease_until = now() - interval '5 seconds'
           WHERE id = (SELECT min(id) FROM delivery)""",
        True, id="a worker died",
    ),
    pytest.param("UPDATE delivery SET state = 'in_doubt', attempt_id = 'a' || id", False, id="only doubt is left"),
    pytest.param("UPDATE campaign SET state = 'paused'", False, id="paused"),
    pytest.param("UPDATE tenant SET state = 'paused'", False, id="the tenant is paused"),
    pytest.param("UPDATE campaign SET state = 'done'", False, id="done"),
    pytest.param("UPDATE campaign SET state = 'draft'", False, id="a draft never starts by itself"),
    pytest.param(
        "UPDATE campaign SET state = 'scheduled', start_at = now() + interval '5 s'", False, id="scheduled"
    ),
    pytest.param(
        "UPDATE campaign SET state = 'scheduled', start_at = now() - interval '5 s'", True, id="its hour has come"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "is_ready"), READY)
def test_dispatch_takes_up_what_can_go_on(session: Session, change: str, *, is_ready: bool) -> None:
    scene = a_scene(session, contacts=2)
    plan(session, scene)
    run(session, change)
    assert ready(session, scene) == ([scene.campaign_id] if is_ready else [])


def test_dispatch_asks_for_one_tenant(session: Session, scene: Scene) -> None:
    assert ready(session, a_scene(session, state=PAUSED)) == []


@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"])
def test_out_of_allowance_a_campaign_waits_for_the_tenants_next_midnight(
    session: Session, time_zone: str
) -> None:
    scene = a_scene(session, time_zone=time_zone)
    campaigns.wait_until_tomorrow(session, **scene.campaign)
    resume_at = found(session, scene).resume_at
    assert resume_at is not None
    wall = resume_at.astimezone(ZoneInfo(time_zone))
    assert (wall.hour, wall.minute, wall.second, wall.microsecond) == (0, 0, 0, 0)
    assert timedelta(0) < resume_at - datetime.now(UTC) <= timedelta(hours=25)


def test_a_pause_of_zero_means_at_once(session: Session, scene: Scene) -> None:
    campaigns.wait_for(session, **scene.campaign, pause=timedelta(minutes=10))
    resume_at = found(session, scene).resume_at
    assert resume_at is not None
    assert timedelta(minutes=9) < resume_at - datetime.now(UTC) <= timedelta(minutes=10)
    assert ready(session, scene) == []
    campaigns.wait_for(session, **scene.campaign, pause=timedelta(0))
    assert found(session, scene).resume_at is None


def test_only_what_is_being_sent_is_open(session: Session, scene: Scene) -> None:
    a_campaign(session, scene, state=PAUSED)
    assert list(campaigns.open_ones(session, tenant_id=scene.tenant_id)) == [scene.campaign_id]


# People


def test_a_persons_history_holds_deliveries_and_exclusions_of_every_spelling(session: Session) -> None:
    scene = a_scene(session)
    a_contact(session, scene, "ann@example.net")
    a_contact(session, scene, "Ann@example.net")
    a_contact(session, scene, "bob@example.net")
    plan(session, scene)
    second = a_campaign(session, scene)
    suppress(session, scene, "ann@example.net", Reason.UNSUBSCRIBE)
    plan(session, second)
    history = campaigns.history(session, tenant_id=scene.tenant_id, recipient_key=key_of("ANN@example.net"))
    assert [(row["campaign_id"], row["state"], row["skip_reason"]) for row in history] == [
        (second.campaign_id, "skipped", "unsubscribed"),
        (second.campaign_id, "skipped", "unsubscribed"),
        (scene.campaign_id, "pending", None),
        (scene.campaign_id, "skipped", "duplicate"),
    ]


def test_a_campaign_whose_doubt_is_settled_can_be_finished(session: Session, scene: Scene) -> None:
    end_all(session, scene, "in_doubt")
    run(session, "UPDATE delivery SET submitted_at = now() - interval '25 hours'")
    doubt.give_up(session, tenant_id=scene.tenant_id, after=timedelta(hours=24))
    assert campaigns.finish(session, **scene.campaign)
