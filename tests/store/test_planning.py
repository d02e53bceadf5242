"""From an audience to deliveries and reasons, slice by slice."""

import time
from datetime import timedelta
from threading import Thread

import pytest
from sqlmodel import Session

from core.campaigns import CampaignState
from core.suppression import Reason
from models import Audience
from store import campaigns, planning
from store.session import Database, one, run
from tests.builders import (
    Scene,
    a_contact,
    a_scene,
    excluded,
    ledger,
    plan,
    some_contacts,
    states,
    suppress,
)


def planned_at(session: Session, scene: Scene) -> object:
    session.expire_all()
    return campaigns.find(session, **scene.campaign).planned_at


def audience(session: Session, scene: Scene) -> int:
    status = campaigns.status(session, **scene.campaign)
    assert status.adds_up
    return status.audience


def test_two_spellings_of_one_address_get_one_mail(session: Session) -> None:
    """T13"""
    scene = a_scene(session)
    first = a_contact(session, scene, "A@X.example")
    second = a_contact(session, scene, "a@x.example")
    assert plan(session, scene) == 1
    assert [row["contact_id"] for row in ledger(session, scene)] == [first.id]
    assert excluded(session, scene) == {second.id: "duplicate"}
    assert audience(session, scene) == 2


@pytest.mark.parametrize(
    ("reason", "skipped_as"),
    [
        ("complaint", "complained"),
        ("unsubscribe", "unsubscribed"),
        ("hard_bounce", "hard_bounced"),
        ("soft_bounce", "soft_bounced"),
        ("manual", "suppressed"),
        ("import", "suppressed"),
    ],
)
def test_a_suppressed_contact_gets_no_delivery(session: Session, reason: str, skipped_as: str) -> None:
    scene = a_scene(session, contacts=1)
    contact = a_contact(session, scene, "no@example.net")
    suppress(session, scene, "NO@example.net", Reason(reason))
    assert plan(session, scene) == 1
    assert excluded(session, scene) == {contact.id: skipped_as}


def test_the_strongest_of_several_reasons_is_told(session: Session) -> None:
    scene = a_scene(session)
    contact = a_contact(session, scene, "no@example.net")
    for reason in (Reason.IMPORT, Reason.COMPLAINT, Reason.UNSUBSCRIBE):
        suppress(session, scene, "no@example.net", reason)
    plan(session, scene)
    assert excluded(session, scene) == {contact.id: "complained"}


def test_who_left_one_audience_still_gets_the_mail_of_another(session: Session) -> None:
    scene = a_scene(session)
    a_contact(session, scene, "here@example.net")
    contact = a_contact(session, scene, "gone@example.net")
    other = Audience(tenant_id=scene.tenant_id, name="others")
    session.add(other)
    session.flush()
    suppress(session, scene, "here@example.net", Reason.UNSUBSCRIBE, audience_id=other.id)
    suppress(session, scene, "gone@example.net", Reason.UNSUBSCRIBE, audience_id=scene.audience_id)
    assert plan(session, scene) == 1
    assert excluded(session, scene) == {contact.id: "unsubscribed"}


def test_another_tenants_suppression_holds_nobody_back(session: Session) -> None:
    scene, stranger = a_scene(session), a_scene(session)
    a_contact(session, scene, "both@example.net")
    suppress(session, stranger, "both@example.net", Reason.COMPLAINT)
    assert plan(session, scene) == 1


@pytest.mark.parametrize(("hours", "sent_to"), [(-1, 1), (1, 0)])
def test_a_suppression_holds_until_it_expires(session: Session, hours: int, sent_to: int) -> None:
    scene = a_scene(session)
    a_contact(session, scene, "soft@example.net")
    suppress(session, scene, "soft@example.net", Reason.SOFT_BOUNCE)
    run(session, "UPDATE suppression SET expires_at = now() + :ahead", ahead=timedelta(hours=hours))
    assert plan(session, scene) == sent_to


def test_a_retired_contact_gets_no_delivery(session: Session) -> None:
    scene = a_scene(session)
    contact = a_contact(session, scene, state="retired")
    assert plan(session, scene) == 0
    assert excluded(session, scene) == {contact.id: "retired"}


def test_of_two_spellings_the_one_that_is_not_retired_gets_the_mail(session: Session) -> None:
    scene = a_scene(session)
    retired = a_contact(session, scene, "Ann@example.net", state="retired")
    active = a_contact(session, scene, "ann@example.net")
    assert plan(session, scene) == 1
    assert [row["contact_id"] for row in ledger(session, scene)] == [active.id]
    assert excluded(session, scene) == {retired.id: "retired"}


@pytest.mark.parametrize("people", [0, 1])
def test_an_audience_of_nobody_or_one_is_planned(session: Session, people: int) -> None:
    """T14"""
    scene = a_scene(session, contacts=people)
    assert plan(session, scene) == people
    assert audience(session, scene) == people
    assert planned_at(session, scene) is not None


def test_the_preview_counts_what_the_plan_will_do_and_changes_nothing(session: Session) -> None:
    scene = a_scene(session, contacts=3)
    a_contact(session, scene, "no@example.net")
    a_contact(session, scene, "No@example.net")
    a_contact(session, scene, "twice@example.net")
    a_contact(session, scene, "Twice@example.net")
    a_contact(session, scene, state="retired")
    suppress(session, scene, "no@example.net", Reason.COMPLAINT)
    preview = planning.preview(session, tenant_id=scene.tenant_id, audience_id=scene.audience_id)
    assert preview == {None: 4, "complained": 2, "duplicate": 1, "retired": 1}
    assert states(session, scene) == {}
    assert plan(session, scene) == 4
    assert campaigns.status(session, **scene.campaign).skipped_by_reason == {
        "complained": 2,
        "duplicate": 1,
        "retired": 1,
    }


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SLICE_MEMBERS", 7)


def slices(session: Session, scene: Scene) -> list[tuple[str, str]]:
    return list(planning.slices(session, tenant_id=scene.tenant_id, audience_id=scene.audience_id))


def plan_slice(session: Session, scene: Scene, bounds: tuple[str, str]) -> int:
    return planning.plan_slice(
        session, **scene.campaign, audience_id=scene.audience_id, key_from=bounds[0], key_below=bounds[1]
    )


@pytest.mark.usefixtures("small_slices")
def test_slices_cover_every_key_once(session: Session) -> None:
    scene = a_scene(session, contacts=30)
    cuts = slices(session, scene)
    assert cuts == [
        ("00000000", "33333333"),
        ("33333333", "66666666"),
        ("66666666", "99999999"),
        ("99999999", "cccccccc"),
        ("cccccccc", "g"),
    ]
    assert sum(plan_slice(session, scene, bounds) for bounds in cuts) == 30


@pytest.mark.usefixtures("small_slices")
def test_a_planner_that_was_killed_begins_again_without_harm(session: Session) -> None:
    scene = a_scene(session, contacts=25)
    for number in range(5):
        a_contact(session, scene, f"Twin{number}@example.net")
        a_contact(session, scene, f"twin{number}@example.net")
    suppress(session, scene, "twin0@example.net", Reason.UNSUBSCRIBE)
    for bounds in slices(session, scene)[:2]:
        plan_slice(session, scene, bounds)
    assert planned_at(session, scene) is None
    plan(session, scene)
    assert campaigns.status(session, **scene.campaign).skipped_by_reason == {
        "duplicate": 4,
        "unsubscribed": 2,
    }
    assert states(session, scene) == {"pending": 29}
    assert audience(session, scene) == 35
    assert plan(session, scene) == 0


def test_a_second_plan_gives_nobody_a_delivery_and_a_reason(session: Session) -> None:
    """Between the two, people unsubscribe, are retired, and join with an address that is there already."""
    scene = a_scene(session, contacts=3)
    first = a_contact(session, scene, "ann@example.net")
    second = a_contact(session, scene, "Ann@example.net")
    plan_slice(session, scene, ("0", "g"))
    suppress(session, scene, "ann@example.net", Reason.UNSUBSCRIBE)
    run(session, "UPDATE contact SET state = 'retired' WHERE id = :id", id=first.id)
    some_contacts(session, scene, 2)
    assert plan_slice(session, scene, ("0", "g")) == 2
    assert states(session, scene) == {"pending": 6}
    assert excluded(session, scene) == {second.id: "duplicate"}
    assert audience(session, scene) == 7


@pytest.mark.parametrize("state", ["paused", "cancelled", "done"])
def test_a_planner_that_comes_late_adds_nobody(session: Session, state: str) -> None:
    """A campaign that was cancelled between two slices must not get pending deliveries that nobody ends."""
    scene = a_scene(session, contacts=3)
    run(session, "UPDATE campaign SET state = :state WHERE id = :id", state=state, id=scene.campaign_id)
    assert plan(session, scene) == 0
    assert planned_at(session, scene) is None


def test_a_complete_plan_takes_no_more_people(session: Session) -> None:
    """Two planners of one campaign: the slower one must not add who joined after the faster one was done."""
    scene = a_scene(session, contacts=3)
    plan(session, scene)
    some_contacts(session, scene, 2)
    assert plan_slice(session, scene, ("0", "g")) == 0
    assert audience(session, scene) == 3


@pytest.fixture
def committed(database: Database) -> Scene:
    with database.begin() as session:
        return a_scene(session, contacts=40)


def test_two_planners_at_once_count_nobody_twice(database: Database, committed: Scene) -> None:
    """They see different suppressions: one is added while the first plans, and the second begins before it is done."""
    with database.begin() as session:
        a_contact(session, committed, "late@example.net")

    def plan_too() -> None:
        with database.begin() as session:
            plan_slice(session, committed, ("0", "g"))

    second = Thread(target=plan_too)
    with database.begin() as session:
        plan_slice(session, committed, ("0", "g"))
        with database.begin() as other:
            suppress(other, committed, "late@example.net", Reason.UNSUBSCRIBE)
        second.start()
        wait_until_blocked(database)
    second.join(20)
    with database.begin() as session:
        assert states(session, committed) == {"pending": 41}
        assert excluded(session, committed) == {}
        assert audience(session, committed) == 41


def wait_until_blocked(database: Database) -> None:
    """Wait until another connection to this database waits for a lock."""
    for _ in range(200):
        with database.begin() as session:
            waiting = one(
                session,
                """SELECT count(*) AS connections FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'""",
            )
        assert waiting is not None
        if waiting["connections"]:
            return
        time.sleep(0.05)
    raise AssertionError("nobody waited")


def test_a_plan_is_complete_only_while_the_campaign_is_being_sent(session: Session) -> None:
    scene = a_scene(session, state=CampaignState.PAUSED)
    planning.finish_plan(session, **scene.campaign)
    assert planned_at(session, scene) is None


def test_a_second_end_of_planning_keeps_the_time_of_the_first(session: Session) -> None:
    scene = a_scene(session, contacts=1)
    run(
        session,
        "UPDATE campaign SET planned_at = '2026-01-01Z', started_at = '2026-01-01Z' WHERE id = :id",
        id=scene.campaign_id,
    )
    planning.finish_plan(session, **scene.campaign)
    row = one(session, "SELECT planned_at, started_at FROM campaign WHERE id = :id", id=scene.campaign_id)
    assert row is not None
    assert row["planned_at"] == row["started_at"]
    assert row["planned_at"].year == 2026
    assert row["planned_at"].month == 1
