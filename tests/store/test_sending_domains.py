"""Sending domains: the allowance of a day, taken and given back to the message, and the rung that it comes from."""

from datetime import date, timedelta

import pytest
from sqlmodel import Session

from core import warmup
from core.errors import NotFoundError
from core.warmup import DayReport
from store import sending_domains
from store.session import rows, run
from tests.builders import Scene, a_campaign, a_scene, ledger, plan
from tests.store.tokens import TODAY, YESTERDAY, days, open_day, take


@pytest.fixture
def scene(session: Session) -> Scene:
    """A domain on the first rung: 200 messages a day."""
    return a_scene(session, rung=0)


def climb(session: Session, scene: Scene, rung: int | None, rule: str = "step_up", day: date = TODAY) -> None:
    """As a night decides a domain with rungs."""
    if sending_domains.decide_day(
        session,
        **scene.domain,
        day=day,
        allowance=warmup.allowance(rung),
        rule=rule,
        evidence={"day": YESTERDAY},
    ):
        sending_domains.set_rung(session, **scene.domain, rung=rung)


# The domain


def test_a_domain_that_exists_keeps_its_rung(session: Session, scene: Scene) -> None:
    again = sending_domains.add(
        session, tenant_id=scene.tenant_id, domain="acme.example", schedule="ladder", rung=9
    )
    assert again == scene.sending_domain_id
    assert sending_domains.rung_of(session, **scene.domain) == 0


def test_a_domain_is_found_by_its_name_in_its_tenant_alone(session: Session, scene: Scene) -> None:
    found = sending_domains.by_name(session, tenant_id=scene.tenant_id, domain="acme.example")
    assert (found["id"], found["rung"]) == (scene.sending_domain_id, 0)
    stranger = a_scene(session)
    run(session, "DELETE FROM campaign WHERE tenant_id = :id", id=stranger.tenant_id)
    run(session, "DELETE FROM sending_domain WHERE tenant_id = :id", id=stranger.tenant_id)
    with pytest.raises(NotFoundError, match=r"acme\.example is not a sending domain"):
        sending_domains.by_name(session, tenant_id=stranger.tenant_id, domain="acme.example")


def test_the_clock_on_the_wall_is_that_of_the_tenants_zone(session: Session) -> None:
    east = a_scene(session, time_zone="Pacific/Kiritimati")
    west = a_scene(session, time_zone="Pacific/Pago_Pago")
    apart = sending_domains.local_now(session, tenant_id=east.tenant_id) - sending_domains.local_now(
        session, tenant_id=west.tenant_id
    )
    assert round(apart.total_seconds() / 3600) == 25


# The next rung


def test_a_day_that_is_not_opened_yet_gets_the_allowance_of_its_rung(session: Session, scene: Scene) -> None:
    climb(session, scene, 1)
    assert days(session, scene) == [(TODAY, 400, 0, "step_up")]
    assert sending_domains.rung_of(session, **scene.domain) == 1
    assert sending_domains.is_decided(session, **scene.domain, day=TODAY)
    (row,) = sending_domains.days(session, **scene.domain)
    assert row["evidence"] == {"day": "2026-11-23"}


def test_a_day_that_began_on_yesterdays_rung_is_raised(session: Session, scene: Scene) -> None:
    open_day(session, scene, TODAY, 200)
    take(session, scene, 200)
    assert not sending_domains.is_decided(session, **scene.domain, day=TODAY)
    climb(session, scene, 1)
    assert days(session, scene) == [(TODAY, 400, 200, "step_up")]
    assert take(session, scene, 500) == 200


def test_a_day_is_never_lowered_below_what_it_has_used(session: Session) -> None:
    scene = a_scene(session, rung=3)
    open_day(session, scene, TODAY, 1_600)
    take(session, scene, 1_000)
    climb(session, scene, 2, "step_down")
    assert days(session, scene) == [(TODAY, 1_000, 1_000, "step_down")]
    assert take(session, scene, 1) == 0


def test_a_day_is_decided_once(session: Session, scene: Scene) -> None:
    climb(session, scene, 1)
    climb(session, scene, 2)
    assert days(session, scene) == [(TODAY, 400, 0, "step_up")]
    assert sending_domains.rung_of(session, **scene.domain) == 1


def test_the_day_on_which_a_domain_becomes_warm_is_unlimited(session: Session) -> None:
    scene = a_scene(session, rung=18)
    open_day(session, scene, TODAY, 250_000)
    take(session, scene, 250_000)
    climb(session, scene, None, "warm")
    assert sending_domains.rung_of(session, **scene.domain) is None
    assert take(session, scene, 10**9) == 10**9
    assert take(session, scene, 1, TODAY + timedelta(days=1)) is None


def test_the_last_day_before_a_day_is_found_over_days_without_mail(session: Session, scene: Scene) -> None:
    assert sending_domains.last_day_before(session, **scene.domain, day=TODAY) is None
    open_day(session, scene, date(2026, 11, 1), 200)
    open_day(session, scene, date(2026, 10, 1), 200)
    open_day(session, scene, TODAY, 200)
    assert sending_domains.last_day_before(session, **scene.domain, day=TODAY) == date(2026, 11, 1)


# What became of a day


def reported(session: Session, scene: Scene, moment: str, state: str = "sent", *facts: str) -> None:
    """One more delivery of the scene's campaign, submitted at a moment, with what SES said of it."""
    fresh = next(row for row in ledger(session, scene) if row["state"] == "pending")
    run(
        session,
        """UPDATE delivery SET state = :state, attempt_id = 'a' || id, submitted_at = CAST(:moment AS timestamptz),
               skip_reason = CASE WHEN :state = 'skipped' THEN 'cancelled' END
           WHERE id = :id""",
        state=state,
        moment=moment,
        id=fresh["id"],
    )
    for fact in facts:
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, times)
               VALUES (:tenant_id, :id, :fact, now(), now(), 3)""",
            tenant_id=scene.tenant_id,
            id=fresh["id"],
            fact=fact,
        )


def test_a_day_reports_what_became_of_its_messages_in_the_tenants_zone(session: Session) -> None:
    scene = a_scene(session, rung=0, contacts=12, time_zone="Europe/Berlin")
    plan(session, scene)
    open_day(session, scene, TODAY, 200)
    noon = "2026-11-24 11:00Z"
    reported(session, scene, noon, "sent", "sent", "delivery", "open")
    reported(session, scene, noon, "sent", "delay", "delivery", "complaint")
    reported(session, scene, noon, "sent", "bounce_permanent")
    reported(session, scene, noon, "sent", "bounce_transient")
    reported(session, scene, noon, "unconfirmed")
    reported(session, scene, noon, "failed")
    reported(session, scene, noon, "in_doubt")
    reported(session, scene, "2026-11-23 23:00Z", "sent", "delivery")
    reported(session, scene, "2026-11-23 22:59Z", "sent", "delivery", "complaint")
    reported(session, scene, "2026-11-24 23:00Z", "sent", "delivery", "complaint")
    assert sending_domains.day_report(session, **scene.domain, day=TODAY) == DayReport(
        allowance=200, accepted=6, delivered=3, hard_bounced=1, delayed=1, complained=1
    )


@pytest.mark.parametrize(
    ("day", "moment", "counted"),
    [
        pytest.param(date(2026, 10, 25), "2026-10-24 21:59Z", 0, id="25 hours: just before"),
        pytest.param(date(2026, 10, 25), "2026-10-24 22:00Z", 1, id="25 hours: its first minute"),
        pytest.param(date(2026, 10, 25), "2026-10-25 22:59Z", 1, id="25 hours: its last minute"),
        pytest.param(date(2026, 10, 25), "2026-10-25 23:00Z", 0, id="25 hours: just after"),
        pytest.param(date(2026, 3, 29), "2026-03-28 23:00Z", 1, id="23 hours: its first minute"),
        pytest.param(date(2026, 3, 29), "2026-03-29 21:59Z", 1, id="23 hours: its last minute"),
        pytest.param(date(2026, 3, 29), "2026-03-29 22:00Z", 0, id="23 hours: just after"),
    ],
)
def test_a_day_is_as_long_as_the_tenants_clocks_make_it(
    session: Session, day: date, moment: str, counted: int
) -> None:
    """P10"""
    scene = a_scene(session, rung=0, contacts=1, time_zone="Europe/Berlin")
    plan(session, scene)
    open_day(session, scene, day, 200)
    reported(session, scene, moment, "sent")
    report = sending_domains.day_report(session, **scene.domain, day=day)
    assert report == DayReport(allowance=200, accepted=counted)


def test_a_report_holds_all_campaigns_of_the_domain_and_no_others(session: Session) -> None:
    scene = a_scene(session, rung=0, contacts=1)
    second = a_campaign(session, scene)
    stranger = a_scene(session, rung=0, contacts=1)
    for each in (scene, second, stranger):
        plan(session, each)
        reported(session, each, "2026-11-24 11:00Z", "sent", "delivery")
    open_day(session, scene, TODAY, 200)
    report = sending_domains.day_report(session, **scene.domain, day=TODAY)
    assert report == DayReport(allowance=200, accepted=2, delivered=2)


def test_a_day_without_an_allowance_has_no_report(session: Session, scene: Scene) -> None:
    assert sending_domains.day_report(session, **scene.domain, day=TODAY) is None


def test_a_day_without_mail_reports_nothing(session: Session, scene: Scene) -> None:
    open_day(session, scene, TODAY, 200)
    assert sending_domains.day_report(session, **scene.domain, day=TODAY) == DayReport(allowance=200)


def test_the_tenants_domains_are_listed_by_name(session: Session, scene: Scene) -> None:
    sending_domains.add(session, tenant_id=scene.tenant_id, domain="aaa.example", schedule=None)
    found = sending_domains.of_tenant(session, tenant_id=scene.tenant_id)
    assert [(row["domain"], row["rung"], row["warmup_started_on"]) for row in found] == [
        ("aaa.example", None, None),
        ("acme.example", 0, date(2026, 11, 1)),
    ]


def test_the_newest_days_are_shown_first(session: Session, scene: Scene) -> None:
    for number in range(1, 6):
        open_day(session, scene, date(2026, 11, number), 200)
    found = sending_domains.days(session, **scene.domain, limit=2)
    assert [row["on_day"].day for row in found] == [5, 4]
    assert (
        rows(session, "SELECT 1 FROM warmup_allowance WHERE tenant_id = :id", id=a_scene(session).tenant_id)
        == []
    )
