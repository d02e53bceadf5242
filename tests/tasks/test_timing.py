"""Timing: hours of the tenant's and the readers' clocks, spreads, ends, and how often one person is mailed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import ConflictError, InputError
from core.message import Message
from core.runs import Ending
from core.windows import Hours, Timing, window_of
from store import campaigns as stored
from store import sending_domains
from store.session import one, run
from tasks import campaigns, timing
from tests.builders import Scene, a_campaign, a_contact, a_scene, an_account, pass_time, plan
from tests.fakes import FakeSes
from tests.stage import Stage


def hours_around_now(zone: str = "UTC", *, opens_in: int = -60, lasts: int = 120) -> Hours:
    """A window by that zone's clock that opens so many minutes from now."""
    now = datetime.now(ZoneInfo(zone)).replace(second=0)
    opens = now + timedelta(minutes=opens_in)
    closes = opens + timedelta(minutes=lasts)
    return Hours((window_of(f"{opens:%H:%M}-{closes:%H:%M}"),))


def set_up(stage: Stage, timed: Timing, *readers: str, **tenant: Any) -> Scene:
    """A campaign of such a timing, planned, to readers of such time zones."""
    with stage.database.begin() as session:
        scene = a_scene(session, **tenant)
        an_account(session)
        for number, zone in enumerate(readers or ("",) * 6):
            attributes = {"first_name": "Ann"} | ({"time_zone": zone} if zone else {})
            a_contact(session, scene, f"reader{number}@example.net", attributes=attributes)
        stored.set_timing(session, **scene.campaign, timing=timed.as_json())
    campaigns.plan(stage.resources(), scene.campaign_id)
    return scene


def sent_to(stage: Stage, scene: Scene) -> list[str]:
    return [str(row["address"]) for row in stage.ledger(scene) if row["state"] == "sent"]


def manners(stage: Stage, scene: Scene, **changes: Any) -> dict[str, Any]:
    return timing.set_manners(stage.resources(), scene.slug, changes, reason="the client's wish", actor="ann")


# Hours


def test_outside_of_its_hours_a_campaign_waits_for_them_and_says_until_when(stage: Stage) -> None:
    scene = set_up(stage, Timing(hours=hours_around_now(opens_in=90)))
    tally = stage.send(scene)
    assert tally.ending is Ending.HOURS
    assert timedelta(minutes=88) < tally.wait <= timedelta(minutes=90)
    assert stage.states(scene) == {"pending": 6}
    status, outlook = campaigns.conclude(stage.resources(), scene.campaign_id, tally)
    assert "outside of the hours" in campaigns.in_words(status, tally, outlook)
    with stage.database.begin() as session:
        row = one(
            session, "SELECT resume_at - now() AS wait FROM campaign WHERE id = :id", id=scene.campaign_id
        )
        assert row is not None
        assert timedelta(minutes=85) < row["wait"] <= timedelta(minutes=90)
        assert stored.ready(session, tenant_id=scene.tenant_id) == []


def test_within_its_hours_it_goes_out(stage: Stage) -> None:
    scene = set_up(stage, Timing(hours=hours_around_now()))
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert stage.states(scene) == {"sent": 6}


def test_hours_are_meant_by_the_tenants_clock(stage: Stage) -> None:
    scene = set_up(stage, Timing(hours=hours_around_now("Asia/Tokyo")), time_zone="Asia/Tokyo")
    stage.send(scene)
    assert stage.states(scene) == {"sent": 6}


def test_each_reader_is_mailed_in_the_hours_of_the_own_clock(stage: Stage) -> None:
    """Of three clocks one shows the hour now; the others wait for theirs, and the run ends."""
    at_utc = hours_around_now("UTC")
    scene = set_up(
        stage,
        Timing(hours=at_utc, by_reader=True),
        "UTC",
        "Asia/Tokyo",
        "America/New_York",
        "Mars/Olympus",
        "",
    )
    tally = stage.send(scene)
    assert tally.ending is Ending.HOURS
    assert sent_to(stage, scene) == ["reader0@example.net", "reader3@example.net", "reader4@example.net"]
    assert timedelta(hours=3) < tally.wait < timedelta(hours=20)
    pass_time(stage.database, tally.wait + timedelta(minutes=1))
    with stage.database.begin() as session:
        waiting = one(
            session,
            """SELECT count(*) AS due FROM delivery WHERE campaign_id = :id AND state = 'pending'
               AND send_after <= now()""",
            id=scene.campaign_id,
        )
    assert waiting == {"due": 1}


def test_a_reader_whose_turn_comes_too_late_waits_for_the_next_morning(stage: Stage) -> None:
    """The moment of the plan has come, but the hours are over: a cap, or a pause, has held the message up."""
    scene = set_up(stage, Timing(hours=hours_around_now(opens_in=120), by_reader=True), "UTC", "UTC")
    with stage.database.begin() as session:
        run(session, "UPDATE delivery SET send_after = '1970-01-01+00'")
    tally = stage.send(scene)
    assert (tally.ending, stage.states(scene)) == (Ending.HOURS, {"pending": 2})
    assert timedelta(minutes=118) < tally.wait <= timedelta(minutes=120)


def test_quiet_hours_hold_every_campaign_of_a_tenant_and_of_nobody_else(stage: Stage) -> None:
    scene = set_up(stage, Timing())
    other = set_up(stage, Timing())
    quiet = hours_around_now(opens_in=-30, lasts=90).windows[0]
    shown = manners(stage, scene, quiet_hours=f"{quiet.opens:%H:%M}-{quiet.closes:%H:%M}")
    assert shown["quiet_hours"] == f"{quiet.opens:%H:%M}-{quiet.closes:%H:%M}"
    assert stage.send(scene).ending is Ending.HOURS
    assert stage.send(other).ending is Ending.NOTHING_DUE
    manners(stage, scene, quiet_hours=None)
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert stage.states(scene) == {"sent": 6}


def test_nothing_leaves_on_a_blackout_date(stage: Stage) -> None:
    scene = set_up(stage, Timing())
    today = datetime.now(UTC).date()
    manners(stage, scene, blackout=[today.isoformat()])
    tally = stage.send(scene)
    assert (tally.ending, stage.states(scene)) == (Ending.HOURS, {"pending": 6})
    assert datetime.now(UTC) + tally.wait >= datetime.combine(
        today + timedelta(days=1), datetime.min.time(), UTC
    )


def test_hours_may_be_changed_while_a_campaign_waits(stage: Stage) -> None:
    scene = set_up(stage, Timing(hours=hours_around_now(opens_in=300)))
    campaigns.conclude(stage.resources(), scene.campaign_id, stage.send(scene))
    timing.set_timing(stage.resources(), scene.campaign_id, Timing(), reason="now!", actor="ann")
    with stage.database.begin() as session:
        assert [row["id"] for row in stored.ready(session, tenant_id=scene.tenant_id)] == [scene.campaign_id]
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    with pytest.raises(InputError, match="say why"):
        timing.set_timing(stage.resources(), scene.campaign_id, Timing(), reason="", actor="ann")
    campaigns.conclude(stage.resources(), scene.campaign_id, stage.send(scene))
    with pytest.raises(ConflictError, match="is done"):
        timing.set_timing(stage.resources(), scene.campaign_id, Timing(), reason="late", actor="ann")


def test_hours_that_never_meet_the_tenants_are_refused_when_they_are_set(stage: Stage) -> None:
    scene = set_up(stage, Timing())
    manners(stage, scene, quiet_hours="12:00-06:00")
    with pytest.raises(InputError, match="never open together"):
        timing.set_timing(
            stage.resources(),
            scene.campaign_id,
            Timing(hours=Hours((window_of("14:00-18:00"),))),
            reason="x",
            actor="ann",
        )


# Spread and end


def test_a_spread_gives_each_message_a_moment_of_its_own(stage: Stage) -> None:
    scene = set_up(stage, Timing(spread=timedelta(hours=6)))
    tally = stage.send(scene)
    assert (tally.ending, len(sent_to(stage, scene))) == (Ending.HOURS, 1)
    assert timedelta(minutes=58) < tally.wait <= timedelta(minutes=60)
    pass_time(stage.database, timedelta(hours=2, minutes=1))
    stage.send(scene)
    assert len(sent_to(stage, scene)) == 3
    pass_time(stage.database, timedelta(hours=4))
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert stage.called_twice() == []


def test_at_its_end_whoever_still_waits_is_skipped_as_too_late(stage: Stage) -> None:
    scene = set_up(
        stage, Timing(spread=timedelta(hours=6), give_up_at=datetime.now(UTC) + timedelta(minutes=5))
    )
    stage.send(scene)
    with stage.database.begin() as session:
        over = Timing(spread=timedelta(hours=6), give_up_at=datetime.now(UTC) - timedelta(seconds=1))
        stored.set_timing(session, **scene.campaign, timing=over.as_json())
    tally = stage.send(scene)
    assert tally.ending is Ending.NOTHING_DUE
    status, _ = campaigns.conclude(stage.resources(), scene.campaign_id, tally)
    assert (status.state, status.sent, status.skipped_by_reason) == ("done", 1, {"too_late": 5})


# How often


def again(stage: Stage, scene: Scene) -> Scene:
    """Another campaign of the tenant to the same people."""
    with stage.database.begin() as session:
        next_one = a_campaign(session, scene)
        plan(session, next_one)
    return next_one


def test_nobody_is_mailed_more_often_than_the_tenant_wants(stage: Stage) -> None:
    scene = set_up(stage, Timing())
    manners(stage, scene, frequency_cap="2/7")
    second, third = again(stage, scene), again(stage, scene)
    for each in (scene, second):
        stage.send(each)
        assert stage.states(each) == {"sent": 6}
    stage.send(third)
    with stage.database.begin() as session:
        assert stored.status(session, **third.campaign).skipped_by_reason == {"too_often": 6}
    pass_time(stage.database, timedelta(days=7, minutes=1))
    fourth = again(stage, scene)
    stage.send(fourth)
    assert stage.states(fourth) == {"sent": 6}


def test_a_call_that_nobody_answered_counts_and_one_that_was_refused_does_not(stage: Stage) -> None:
    from core.errors import MessageRejectedError, OutcomeUnknownError

    def scripted(message: Message, _number: int) -> str:
        if message.recipient.startswith("reader0"):
            raise OutcomeUnknownError("no answer")
        if message.recipient.startswith("reader1"):
            raise MessageRejectedError("no")
        return "accepted"

    scene = set_up(stage, Timing())
    manners(stage, scene, frequency_cap="1/7")
    assert isinstance(stage.ses, FakeSes)
    stage.ses.script = scripted
    stage.send(scene)
    assert stage.states(scene) == {"in_doubt": 1, "failed": 1, "sent": 4}
    second = again(stage, scene)
    stage.ses.script = lambda _message, _number: "accepted"
    stage.send(second)
    assert sent_to(stage, second) == ["reader1@example.net"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"quiet_hours": "late"}, "no window"),
        ({"frequency_cap": "often"}, "no frequency cap"),
        ({"blackout": ["Christmas"]}, "blackout"),
    ],
)
def test_manners_that_cannot_be_are_refused_and_change_nothing(
    stage: Stage, changes: dict[str, Any], told: str
) -> None:
    scene = set_up(stage, Timing())
    with pytest.raises(InputError, match=told):
        manners(stage, scene, **changes)
    assert set(timing.manners(stage.resources(), scene.slug).values()) == {scene.slug, None}


def test_calls_are_counted_over_everybody(stage: Stage) -> None:
    scene = set_up(stage, Timing(spread=timedelta(hours=1)), *[""] * 12)
    for _ in range(13):
        stage.send(scene)
        pass_time(stage.database, timedelta(minutes=5, seconds=1))
    assert Counter(sent_to(stage, scene)).most_common(1)[0][1] == 1
    assert stage.states(scene) == {"sent": 12}


# Hours and caps together


def test_who_is_due_today_does_not_wait_for_the_caps_of_tomorrow(stage: Stage) -> None:
    scene = set_up(stage, Timing())
    with stage.database.begin() as session:
        run(
            session,
            """UPDATE delivery SET provider = CASE WHEN id % 2 = 0 THEN 'gmail' ELSE 'yahoo' END,
                   send_after = CASE WHEN id % 2 = 0 THEN send_after ELSE now() + interval '20 seconds' END""",
        )
        run(session, "DELETE FROM campaign_provider")
        run(
            session,
            """INSERT INTO campaign_provider (tenant_id, campaign_id, provider, planned)
               SELECT tenant_id, campaign_id, provider, count(*) FROM delivery GROUP BY 1, 2, 3""",
        )
        run(
            session,
            """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule)
               VALUES (:tenant_id, :sending_domain_id, :day, 'gmail', 0, 'test')""",
            **scene.domain,
            day=sending_domains.local_now(session, tenant_id=scene.tenant_id).date(),
        )
    tally = stage.send(scene)
    assert tally.ending is Ending.ALLOWANCE
    assert timedelta(seconds=15) < tally.wait <= timedelta(seconds=20)


def test_manners_that_leave_a_running_campaign_no_hour_hold_it_with_a_reason(stage: Stage) -> None:
    """Set after the campaign's own hours, which they do not meet."""
    scene = set_up(stage, Timing(hours=Hours((window_of("09:00-12:00"),))))
    manners(stage, scene, quiet_hours="08:00-13:00")
    tally = stage.send(scene)
    assert (tally.ending, tally.wait) == (Ending.HOURS, timedelta(hours=1))
    assert "never open together" in tally.reason
    assert stage.states(scene) == {"pending": 6}
