"""Preferences: who wants less mail, or none for a while, gets what they want; at selection, and again in the intent."""

from datetime import timedelta

import pytest

from core.message import Message
from store import campaigns as stored
from store.session import run
from tasks import history, timing
from tests.builders import Scene, a_campaign, a_contact, excluded, key_of, pass_time, plan
from tests.stage import Stage


WEEK = timedelta(days=7)


def prefer(
    stage: Stage, scene: Scene, address: str, *, frequency: str = "all", pause: str | None = None
) -> None:
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO preference (tenant_id, recipient_key, frequency, paused_until)
               VALUES (:tenant_id, :key, :frequency, now() + CAST(:pause AS interval))
               ON CONFLICT (tenant_id, recipient_key) DO UPDATE SET frequency = EXCLUDED.frequency, paused_until = EXCLUDED.paused_until""",
            tenant_id=scene.tenant_id,
            key=key_of(address),
            frequency=frequency,
            pause=pause,
        )


def again(stage: Stage, scene: Scene) -> Scene:
    """The tenant's next campaign to the same people."""
    with stage.database.begin() as session:
        following = a_campaign(session, scene)
        plan(session, following)
    return following


def skipped(stage: Stage, scene: Scene) -> dict[str, int]:
    with stage.database.begin() as session:
        return dict(stored.status(session, **scene.campaign).skipped_by_reason)


def one_of(stage: Stage, scene: Scene) -> str:
    return str(stage.ledger(scene)[0]["address"])


@pytest.mark.parametrize(
    ("frequency", "after", "is_sent"),
    [
        pytest.param("weekly", timedelta(days=6), False, id="a week is not over"),
        pytest.param("weekly", timedelta(days=6, hours=23, minutes=50), True, id="next week's letter, ten minutes earlier"),
        pytest.param("monthly", timedelta(days=27), False, id="a month is not over"),
        pytest.param("monthly", timedelta(days=28), True, id="the first of March"),
        pytest.param("all", timedelta(0), True, id="all"),
    ],
)  # fmt: skip
def test_who_wants_less_is_mailed_less(
    stage: Stage, frequency: str, after: timedelta, *, is_sent: bool
) -> None:
    scene = stage.set(4)
    choosy = one_of(stage, scene)
    prefer(stage, scene, choosy, frequency=frequency)
    stage.send(scene)
    assert stage.states(scene) == {"sent": 4}
    pass_time(stage.database, after)
    following = again(stage, scene)
    stage.send(following)
    assert stage.ses.recipients.count(choosy) == 1 + is_sent
    assert skipped(stage, following) == ({} if is_sent else {"wants_less": 1})


def test_mail_to_another_spelling_of_the_address_counts(stage: Stage) -> None:
    scene = stage.set(0)
    with stage.database.begin() as session:
        first, second = (a_contact(session, scene, address) for address in ("Ann@x.example", "ann@x.example"))
    prefer(stage, scene, "ann@x.example", frequency="weekly")
    stage.send(again(stage, scene))
    assert stage.ses.recipients == ["Ann@x.example"]
    with stage.database.begin() as session:
        run(session, "DELETE FROM audience_member WHERE contact_id = :id", id=first.id)
    following = again(stage, scene)
    stage.send(following)
    assert second.id is not None
    assert [row["address"] for row in stage.ledger(following)] == ["ann@x.example"]
    assert skipped(stage, following) == {"wants_less": 1}


def test_a_break_holds_at_selection_and_ends_by_itself(stage: Stage) -> None:
    scene = stage.set(3)
    resting = one_of(stage, scene)
    prefer(stage, scene, resting, pause="30 days")
    following = again(stage, scene)
    with stage.database.begin() as session:
        assert list(excluded(session, following).values()) == ["paused"]
    prefer(stage, scene, resting, pause="-1 second")
    third = again(stage, scene)
    stage.send(third)
    assert stage.states(third) == {"sent": 3}


def test_who_asks_for_a_break_while_claimed_is_skipped_without_a_call(stage: Stage) -> None:
    """F30 for a break: the first window's calls are under way when the last person of the batch asks for one."""

    def ask(_message: Message, number: int) -> str:
        if number == 1:
            prefer(stage, scene, last, pause="30 days")
        return f"fake-{number}"

    scene = stage.set(20, ask)
    last = str(stage.ledger(scene)[-1]["address"])
    tally = stage.send(scene, claim_size=20, window_size=4)
    assert (tally.accepted, tally.skipped) == (19, 1)
    assert last not in stage.ses.recipients
    assert skipped(stage, scene) == {"paused": 1}


def test_another_tenants_reader_is_not_meant(stage: Stage) -> None:
    scene, other = stage.set(2), stage.set(2)
    prefer(stage, other, one_of(stage, scene), pause="30 days")
    stage.send(scene)
    assert stage.states(scene) == {"sent": 2}


def test_the_tenants_cap_holds_beside_the_persons(stage: Stage) -> None:
    """Neither replaces the other: who wants a message a week is still not mailed more often than the tenant allows."""
    scene = stage.set(2)
    prefer(stage, scene, one_of(stage, scene), frequency="weekly")
    timing.set_manners(
        stage.resources(), scene.slug, {"frequency_cap": "1/30"}, reason="the client's wish", actor="ann"
    )
    stage.send(scene)
    pass_time(stage.database, WEEK)
    following = again(stage, scene)
    stage.send(following)
    assert skipped(stage, following) == {"too_often": 2}


def test_why_tells_what_a_person_has_chosen(stage: Stage) -> None:
    scene = stage.set(1)
    reader = one_of(stage, scene)
    prefer(stage, scene, reader, frequency="monthly", pause="30 days")
    told = history.why(stage.resources(), tenant_slug=scene.slug, address_text=reader)
    assert told["preferences"]["frequency"] == "monthly"
    assert "Wants one message a month. Has asked for a break until 20" in told["summary"]
    prefer(stage, scene, reader, pause="-1 day")
    told = history.why(stage.resources(), tenant_slug=scene.slug, address_text=reader)
    assert told["preferences"] == {"frequency": "all", "paused_until": None}
    assert told["summary"] == "1 contact with this address, not suppressed, 1 campaign."
