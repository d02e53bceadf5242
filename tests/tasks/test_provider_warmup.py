"""Warm-up by mailbox provider: what holds one holds nobody else, and each provider decides for itself."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from core.allowances import ALL
from core.errors import InputError, NotFoundError, ThrottledError
from core.message import Message
from core.runs import Ending
from core.warmup_controller import Pace
from store import allowances, inbox, sending_domains, standings
from store.session import rows, run
from tasks import campaigns, events, facts, warmup
from tests.builders import Scene, a_contact, a_scene, an_account, pass_time
from tests.fakes import FakeSes
from tests.mailed import Mailed, an_event
from tests.stage import Stage


DOMAINS = {"gmail": "gmail.com", "yahoo": "yahoo.com", "apple": "icloud.com"}


def a_mixed_list(stage: Stage, *, known: int = 0, **people: int) -> Scene:
    """A domain that warms up adaptively, and a planned campaign to so many people of each provider."""
    with stage.database.begin() as session:
        scene = a_scene(session, schedule="adaptive")
        an_account(session)
        run(session, "UPDATE sending_domain SET known_daily_volume = :known", known=known)
        for provider, number in people.items():
            for count in range(number):
                a_contact(session, scene, f"reader{count}@{DOMAINS[provider]}")
    campaigns.plan(stage.resources(), scene.campaign_id)
    return scene


def cap(stage: Stage, scene: Scene, **caps: int) -> None:
    """Give today such caps."""
    for provider, messages in caps.items():
        warmup.set_today(
            stage.resources(),
            tenant_id=scene.tenant_id,
            allowance=messages,
            reason="a test",
            actor="ann",
            provider=provider,
        )


def sent_by_provider(stage: Stage, scene: Scene) -> dict[str, int]:
    return dict(Counter(str(row["provider"]) for row in stage.ledger(scene) if row["state"] == "sent"))


def rest_of_day(stage: Stage, scene: Scene) -> dict[str, int]:
    with stage.database.begin() as session:
        day = allowances.today(session, **scene.domain)
        return allowances.left(session, **scene.domain, day=day)


# Caps


def test_a_capped_provider_never_blocks_the_others(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=40, yahoo=20, apple=10)
    cap(stage, scene, gmail=7)
    tally = stage.send(scene)
    assert (tally.ending, tally.wait) == (Ending.ALLOWANCE, timedelta(0))
    assert sent_by_provider(stage, scene) == {"gmail": 7, "yahoo": 20, "apple": 10}
    assert rest_of_day(stage, scene)["gmail"] == 0
    status, _ = campaigns.conclude(stage.resources(), scene.campaign_id, tally)
    assert (status.state, status.pending) == ("sending", 33)


def test_the_cap_for_all_holds_over_those_of_the_providers(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=40, yahoo=20)
    cap(stage, scene, gmail=7, all=12)
    assert stage.send(scene).ending is Ending.ALLOWANCE
    sent = sent_by_provider(stage, scene)
    assert sum(sent.values()) == 12
    assert sent["gmail"] <= 7
    assert rest_of_day(stage, scene)[ALL] == 0


def test_tomorrow_the_rest_goes_on(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=20)
    cap(stage, scene, gmail=15)
    stage.send(scene)
    with stage.database.begin() as session:
        run(session, "UPDATE warmup_allowance SET on_day = on_day - 1")
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert sent_by_provider(stage, scene) == {"gmail": 20}
    assert stage.called_twice() == []


def test_a_new_domain_begins_at_each_provider_with_its_share_of_what_is_known(stage: Stage) -> None:
    scene = a_mixed_list(stage, known=10_000, gmail=60, yahoo=40)
    stage.send(scene)
    with stage.database.begin() as session:
        found = {each.provider: each.pace.cap for each in standings.paced(session, **scene.domain)}
    assert found == {"gmail": 1_500, "yahoo": 1_000}
    assert told(stage, scene) == [
        ("gmail", "start", "Begins at 1,500: the first day at gmail."),
        ("yahoo", "start", "Begins at 1,000: the first day at yahoo."),
    ]


def told(stage: Stage, scene: Scene) -> list[tuple[str, str, str]]:
    """What `warmup show` tells of today."""
    with stage.database.begin() as session:
        today = sending_domains.local_now(session, tenant_id=scene.tenant_id).date()
        found = sending_domains.days(session, **scene.domain)
        return [
            (day["provider"], day["rule"], day["evidence"]["why"]) for day in found if day["on_day"] == today
        ]


def test_a_day_that_begins_before_its_night_says_so_and_the_night_decides_it(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=60)
    stage.send(scene)
    yesterday(stage, scene)
    with stage.database.begin() as session:
        day = allowances.today(session, **scene.domain)
        allowances.open_day(session, **scene.domain, day=day, planned={"gmail": 60, "yahoo": 1})
    assert told(stage, scene) == [
        ("gmail", "pace", "The day began with 200, as was decided last."),
        ("yahoo", "start", "Begins at 200: the first day at yahoo."),
    ]
    (decided,) = warmup.advance(stage.resources(), tenant_id=scene.tenant_id)
    assert decided.provider == "gmail"
    assert told(stage, scene)[0] == ("gmail", decided.rule, decided.why)


def test_the_most_engaged_of_each_provider_are_called_first(stage: Stage) -> None:
    with stage.database.begin() as session:
        scene = a_scene(session, schedule="adaptive")
        an_account(session)
        for number, days in enumerate([400, 100, 2, None, 40]):
            contact = a_contact(session, scene, f"reader{number}@gmail.com")
            if days is not None:
                run(
                    session,
                    "UPDATE contact SET engaged_at = now() - :ago WHERE id = :id",
                    ago=timedelta(days=days),
                    id=contact.id,
                )
    campaigns.plan(stage.resources(), scene.campaign_id)
    cap(stage, scene, gmail=3)
    stage.send(scene)
    called = {row["address"] for row in stage.ledger(scene) if row["state"] == "sent"}
    assert called == {"reader2@gmail.com", "reader4@gmail.com", "reader1@gmail.com"}


def test_an_hour_takes_its_part_and_the_run_says_when_it_goes_on(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr("core.warmup_shape.CALM", 1)
    scene = a_mixed_list(stage, gmail=40)
    cap(stage, scene, gmail=50)
    tally = stage.send(scene)
    assert tally.ending is Ending.ALLOWANCE
    with stage.database.begin() as session:
        left_of_day = allowances.today(session, **scene.domain).hours_left
    part = 5 if left_of_day >= 10 else -(-50 // left_of_day)
    assert sent_by_provider(stage, scene) == {"gmail": min(part, 40)}
    if part < 40:
        assert timedelta(0) < tally.wait <= timedelta(hours=1)
        status, outlook = campaigns.conclude(stage.resources(), scene.campaign_id, tally)
        assert "this hour's part" in campaigns.in_words(status, tally, outlook)


@pytest.mark.usefixtures("no_patience")
def test_tokens_of_messages_that_were_not_sent_come_back_to_their_provider(stage: Stage) -> None:
    def throttled(message: Message, _number: int) -> str:
        if message.recipient.endswith("@gmail.com"):
            raise ThrottledError("Maximum sending rate exceeded.")
        return "accepted"

    scene = a_mixed_list(stage, gmail=5, yahoo=5)
    cap(stage, scene, gmail=30, yahoo=30, all=60)
    assert isinstance(stage.ses, FakeSes)
    stage.ses.script = throttled
    stage.send(scene)
    left = rest_of_day(stage, scene)
    assert (left["gmail"], left["yahoo"]) == (30, 30 - sent_by_provider(stage, scene)["yahoo"])


# The night


def yesterday(stage: Stage, scene: Scene, *, days: int = 1) -> None:
    """Move all that was sent, and its caps, so many days back, as if nobody had decided anything since."""
    pass_time(stage.database, timedelta(days=days))
    with stage.database.begin() as session:
        run(session, "UPDATE campaign SET started_at = started_at - :days * interval '1 day'", days=days)
        run(session, "UPDATE warmup_allowance SET on_day = on_day - :days, rule = 'pace'", days=days)
        run(session, "UPDATE provider_standing SET decided_on = decided_on - :days", days=days)


def reported(
    stage: Stage, scene: Scene, provider: str, fact: str, number: int = 1_000, **detail: str
) -> None:
    """Let SES have said this of so many of a provider's messages."""
    with stage.database.begin() as session:
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
               SELECT tenant_id, id, :fact, submitted_at, submitted_at, CAST(:detail AS jsonb) FROM delivery
               WHERE tenant_id = :tenant_id AND provider = :provider AND state = 'sent' ORDER BY id LIMIT :number""",
            tenant_id=scene.tenant_id,
            provider=provider,
            fact=fact,
            detail=json.dumps(detail),
            number=number,
        )


def paces(stage: Stage, scene: Scene, **caps: int) -> None:
    """Let the domain stand with these providers at such caps since today."""
    with stage.database.begin() as session:
        today = allowances.today(session, **scene.domain).on
        standings.start_paces(
            session, **scene.domain, day=today, starts={each: Pace(cap=most) for each, most in caps.items()}
        )


def advance(stage: Stage, scene: Scene) -> dict[str, tuple[int | None, str]]:
    decided = warmup.advance(stage.resources(), tenant_id=scene.tenant_id)
    return {one.provider: (one.allowance, one.rule) for one in decided}


def test_each_provider_decides_for_itself(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=230, yahoo=230)
    paces(stage, scene, gmail=230, yahoo=230)
    stage.send(scene)
    reported(stage, scene, "gmail", "delivery")
    reported(stage, scene, "yahoo", "delivery")
    reported(stage, scene, "yahoo", "delay", 60, block="yahoo_volume")
    yesterday(stage, scene)
    assert advance(stage, scene) == {"gmail": (460, "grow"), "yahoo": (102, "step_back")}
    assert advance(stage, scene) == {}
    with stage.database.begin() as session:
        newest = {row["provider"]: row for row in sending_domains.days(session, **scene.domain, limit=2)}
    assert newest["yahoo"]["evidence"]["why"] == "Lowered from 230 to 102: the provider blocks: yahoo_volume."
    assert newest["yahoo"]["evidence"]["delayed"] == 60


def test_a_night_that_was_missed_is_made_up_for_day_by_day(stage: Stage) -> None:
    """Nobody decided for ten days: one full day, then nine without mail, of which a week is no reason to forget."""
    scene = a_mixed_list(stage, gmail=230)
    paces(stage, scene, gmail=230)
    stage.send(scene)
    reported(stage, scene, "gmail", "delivery")
    yesterday(stage, scene, days=10)
    assert advance(stage, scene) == {"gmail": (372, "quiet")}


def test_a_day_that_began_before_the_night_is_raised_and_never_below_what_it_used(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=230)
    paces(stage, scene, gmail=230)
    stage.send(scene)
    reported(stage, scene, "gmail", "complaint", 40)
    reported(stage, scene, "gmail", "delivery")
    yesterday(stage, scene)
    with stage.database.begin() as session:
        day = allowances.today(session, **scene.domain)
        allowances.open_day(session, **scene.domain, day=day, planned={"gmail": 1})
        allowances.use(session, **scene.domain, day=day.on, tokens={"gmail": 200})
    assert advance(stage, scene)["gmail"] == (138, "step_back")
    assert rest_of_day(stage, scene) == {"gmail": 0}


def test_a_domain_that_sends_nothing_forgets_no_one_else(stage: Stage) -> None:
    idle = a_mixed_list(stage, gmail=1)
    paces(stage, idle, gmail=5_000)
    yesterday(stage, idle, days=40)
    assert advance(stage, idle) == {"gmail": (500, "quiet")}


# Rests


REFUSED = "smtp; 421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume"


def refuse(stage: Stage, scene: Scene, number: int, provider: str = "yahoo") -> None:
    """Let SES report now that the provider has put off so many more of the messages that were sent."""
    with stage.database.begin() as session:
        sent = rows(
            session,
            """SELECT id, contact_id, recipient_key, attempt_id, clock_timestamp() AS now FROM delivery d
               WHERE tenant_id = :tenant_id AND provider = :provider AND state = 'sent'
                 AND NOT EXISTS (SELECT FROM delivery_fact f WHERE f.delivery_id = d.id AND f.fact = 'delay')
               ORDER BY id LIMIT :number""",
            tenant_id=scene.tenant_id,
            provider=provider,
            number=number,
        )
        assert len(sent) == number
        raws = [
            an_event(
                "delivery_delay_general",
                Mailed(
                    scene.tenant_id,
                    scene.slug,
                    scene.audience_id,
                    scene.campaign_id,
                    row["contact_id"],
                    row["recipient_key"],
                    row["id"],
                    row["attempt_id"],
                ),
                deliveryDelay__timestamp=row["now"].isoformat(),
                deliveryDelay__delayedRecipients=[{"emailAddress": "x@yahoo.com", "diagnosticCode": REFUSED}],
            )
            for row in sent
        ]
        run(session, "UPDATE tenant SET configuration_set = slug || '-set', ses_tenant_name = slug")
        inbox.store_many(session, filter(None, (events.arrival(raw, source="file") for raw in raws)))
    assert facts.apply_due(stage.database).applied == number


def resting(stage: Stage, scene: Scene) -> dict[str, tuple[str, int]]:
    """Who rests, for which block, and for how many minutes from now."""
    with stage.database.begin() as session:
        found = standings.rests(session, **scene.domain)
    return {each: (block, round(still.total_seconds() / 60)) for each, (block, still) in found.items()}


def test_a_provider_that_refuses_us_is_left_alone_and_the_others_go_on(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=30, yahoo=30)
    cap(stage, scene, all=20)
    stage.send(scene)
    before = sent_by_provider(stage, scene)
    refuse(stage, scene, 5)
    assert resting(stage, scene) == {}
    refuse(stage, scene, 1)
    assert resting(stage, scene) == {"yahoo": ("yahoo_volume", 120)}
    cap(stage, scene, all=1_000)
    tally = stage.send(scene)
    assert tally.ending is Ending.ALLOWANCE
    assert timedelta(minutes=119) < tally.wait <= timedelta(minutes=120)
    assert sent_by_provider(stage, scene) == {"gmail": 30, "yahoo": before["yahoo"]}


def test_a_warm_domain_is_rested_too(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=8, yahoo=12)
    with stage.database.begin() as session:
        sending_domains.set_schedule(session, **scene.domain, schedule=None, rung=None)
    stage.send(scene, seconds=30)
    refuse(stage, scene, 6)
    assert resting(stage, scene) == {"yahoo": ("yahoo_volume", 120)}
    with stage.database.begin() as session:
        run(session, "UPDATE delivery SET state = 'pending' WHERE provider = 'yahoo'")
    assert stage.send(scene).ending is Ending.ALLOWANCE
    assert sent_by_provider(stage, scene) == {"gmail": 8}


def test_another_refusal_after_a_rest_is_answered_by_a_longer_one(stage: Stage) -> None:
    scene = a_mixed_list(stage, yahoo=40)
    stage.send(scene)
    refuse(stage, scene, 6)
    refuse(stage, scene, 6)
    assert resting(stage, scene)["yahoo"] == ("yahoo_volume", 120)
    with stage.database.begin() as session:
        run(session, "UPDATE provider_standing SET braked_until = clock_timestamp()")
    refuse(stage, scene, 6)
    assert resting(stage, scene)["yahoo"] == ("yahoo_volume", 240)


def test_a_person_may_end_a_rest_and_says_why(stage: Stage) -> None:
    scene = a_mixed_list(stage, yahoo=10)
    stage.send(scene)
    refuse(stage, scene, 6)
    wake = {"tenant_id": scene.tenant_id, "provider": "yahoo", "actor": "ann"}
    with pytest.raises(InputError, match="say why"):
        warmup.wake(stage.resources(), **wake, reason="")
    warmup.wake(stage.resources(), **wake, reason="Yahoo has answered our ticket.")
    assert resting(stage, scene) == {}
    with pytest.raises(NotFoundError, match="does not rest"):
        warmup.wake(stage.resources(), **wake, reason="again")
    with stage.database.begin() as session:
        told = rows(
            session,
            "SELECT action, actor, reason FROM audit_entry WHERE action LIKE 'provider.%' ORDER BY id",
        )
    assert [tuple(row.values()) for row in told] == [
        ("provider.rested", "posthouse", "6 replies of the kind yahoo_volume within ten minutes"),
        ("provider.woken", "ann", "Yahoo has answered our ticket."),
    ]


# Schedules


def test_a_domain_changes_its_schedule_in_the_middle_of_a_campaign(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=500)
    cap(stage, scene, gmail=3)
    stage.send(scene)
    changed = warmup.set_schedule(
        stage.resources(),
        tenant_id=scene.tenant_id,
        schedule="braze_moderate",
        reason="the client's wish",
        actor="ann",
    )
    assert changed == {"domain": "acme.example", "schedule": "braze_moderate"}
    assert stage.send(scene).ending is Ending.ALLOWANCE
    assert sent_by_provider(stage, scene) == {"gmail": 53}
    warmup.set_schedule(
        stage.resources(), tenant_id=scene.tenant_id, schedule="warm", reason="it is", actor="ann"
    )
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert sent_by_provider(stage, scene) == {"gmail": 500}


def test_what_cannot_be_is_refused(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=1)
    key = {"tenant_id": scene.tenant_id, "actor": "ann"}
    with pytest.raises(InputError, match="there is no schedule 'fast'"):
        warmup.set_schedule(stage.resources(), **key, schedule="fast", reason="x")
    with pytest.raises(InputError, match="say why"):
        warmup.set_schedule(stage.resources(), **key, schedule="warm", reason=" ")
    with pytest.raises(InputError, match="there is no mailbox provider gmial"):
        warmup.set_today(stage.resources(), **key, allowance=1, reason="x", provider="gmial")


def test_how_a_domain_stands_is_told_in_a_line(stage: Stage) -> None:
    scene = a_mixed_list(stage, gmail=20, yahoo=20)
    stage.send(scene)
    refuse(stage, scene, 6)
    with stage.database.begin() as session:
        (domain,) = sending_domains.of_tenant(session, tenant_id=scene.tenant_id)
        standing = warmup.standing(session, tenant_id=scene.tenant_id, domain=domain)
    assert standing["providers"] == {"gmail": 200, "yahoo": 200}
    assert warmup.in_words(standing) == "adaptive, gmail 200, yahoo 200 a day; yahoo rests (yahoo_volume)"
