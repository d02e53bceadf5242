"""Breakers at work: who is stopped by what SES reports, who is not, and what a person's word changes."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import InputError
from core.message import Message
from core.runs import Ending, Tally
from core.tenants import TenantState
from store import breakers, inbox, tenants
from store import campaigns as stored_campaigns
from store.session import Database, Session, rows, run
from tasks import breakers as at_work
from tasks import campaigns, events, vanguard, warmup
from tasks import facts as applying
from tasks import tenants as tenants_at_work
from tasks.claiming import PROVIDER_IS_STOPPED
from tasks.sending import sender
from tests.builders import Scene, a_contact, a_scene, an_account, pass_time, states
from tests.fakes import FakeSes
from tests.mailed import Mailed, an_event
from tests.stage import Stage


ACTIVE = TenantState.ACTIVE
DOMAINS = {"gmail": "gmail.com", "yahoo": "yahoo.com"}


def a_list(stage: Stage, *, sent: int, waiting: int = 5, **providers: int) -> Scene:
    """A campaign of which so many messages were sent, and some wait; with providers, so many were sent to each."""
    with stage.database.begin() as session:
        scene = a_scene(session, contacts=0 if providers else sent + waiting)
        for provider, number in providers.items():
            for count in range(number):
                a_contact(session, scene, f"reader{count}@{DOMAINS[provider]}")
        an_account(session)
    campaigns.plan(stage.resources(), scene.campaign_id)
    with stage.database.begin() as session:
        mark_sent(session, scene, sum(providers.values()) - waiting if providers else sent)
    return scene


def mark_sent(session: Session, scene: Scene, number: int) -> None:
    """Let SES have taken so many of a campaign's messages just now."""
    run(
        session,
        """UPDATE delivery SET state = 'sent', attempt_id = 'a' || id, attempt_no = 1, submitted_at = now()
           WHERE id IN (SELECT id FROM delivery WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
                        AND state = 'pending' ORDER BY id LIMIT :number)""",
        **scene.campaign,
        number=number,
    )
    run(
        session,
        """INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id)
           SELECT tenant_id, attempt_id, id FROM delivery
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND state = 'sent' ON CONFLICT DO NOTHING""",
        **scene.campaign,
    )


def sent_to(stage: Stage, scene: Scene, provider: str | None = None) -> list[Mailed]:
    """The campaign's messages that SES has taken, in order."""
    with stage.database.begin() as session:
        found = rows(
            session,
            """SELECT id, contact_id, recipient_key, attempt_id FROM delivery
               WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND state = 'sent'
                 AND (CAST(:provider AS text) IS NULL OR provider = :provider) ORDER BY id""",
            **scene.campaign,
            provider=provider,
        )
    return [
        Mailed(
            scene.tenant_id,
            scene.slug,
            scene.audience_id,
            scene.campaign_id,
            row["contact_id"],
            row["recipient_key"],
            row["id"],
            row["attempt_id"],
        )
        for row in found
    ]


def told(
    sample: str, mailed: Sequence[Mailed], *, ago: timedelta = timedelta(0), **changes: object
) -> list[str]:
    """Events of these messages as of now, or of some time ago."""
    now = (datetime.now(UTC) - ago).isoformat()
    member = sample.split("_", maxsplit=1)[0]
    return [
        an_event(sample, one, **{"mail__timestamp": now, f"{member}__timestamp": now} | changes)
        for one in mailed
    ]


def report(stage: Stage, raws: Sequence[str]) -> None:
    """Let these events arrive, and apply them."""
    with stage.database.begin() as session:
        inbox.store_many(session, filter(None, (events.arrival(raw, source="file") for raw in raws)))
    assert applying.apply_due(stage.database).applied == len(raws)


def report_bounces(stage: Stage, scene: Scene, bounced: int, delivered: int) -> None:
    """Let so many bounce, evenly among those that are delivered."""
    mailed = sent_to(stage, scene)
    assert len(mailed) >= bounced + delivered
    report(stage, told("bounce_permanent_noemail", mailed[:bounced]))
    report(stage, told("delivery", mailed[bounced : bounced + delivered]))


def state_of(database: Database, scene: Scene) -> tuple[str, str]:
    """The state of the tenant and of the campaign."""
    with database.begin() as session:
        row = rows(
            session,
            """SELECT t.state AS tenant, c.state AS campaign FROM tenant t JOIN campaign c ON c.tenant_id = t.id
               WHERE t.id = :tenant_id AND c.id = :campaign_id""",
            **scene.campaign,
        )[0]
    return row["tenant"], row["campaign"]


def audit(stage: Stage, scene: Scene) -> list[tuple[str, str, str]]:
    with stage.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    return [(row["action"], row["subject"], row["reason"]) for row in reversed(trail)]


def test_a_tenant_whose_mail_bounces_is_paused_and_nobody_else(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """F33: 12 % of 400 bounce; the tenant and its campaign are paused, its rows wait, the other tenant goes on."""
    bad, good = a_list(stage, sent=400), a_list(stage, sent=400)
    report_bounces(stage, good, 4, 396)
    with caplog.at_level(logging.ERROR):
        report_bounces(stage, bad, 48, 352)
    assert state_of(stage.database, bad) == ("paused", "paused")
    assert state_of(stage.database, good) == ("active", "sending")
    with stage.database.begin() as session:
        assert states(session, bad) == {"pending": 5, "sent": 400}
        found = tenants.by_id(session, tenant_id=bad.tenant_id)
    assert found.state_reason.startswith("Stopped: ")
    assert "Mostly: no_such_mailbox" in found.state_reason
    assert "Worst list: readers" in found.state_reason
    assert [line for line in caplog.messages if "Stopped" in line]
    assert stage.send(bad).ending is Ending.STOPPED
    assert stage.send(good).ending is Ending.NOTHING_DUE
    assert stage.states(good) == {"sent": 405}


def test_a_few_bounces_of_a_few_messages_warn_and_stop_nobody(stage: Stage) -> None:
    """F34: 2 of 20 are 10 %, and no evidence."""
    scene = a_list(stage, sent=20)
    report_bounces(stage, scene, 2, 18)
    assert state_of(stage.database, scene) == ("active", "sending")
    warned = [action for action, _, _ in audit(stage, scene)]
    assert warned == ["campaign.warned", "breaker.warned"]
    with stage.database.begin() as session:
        (said,) = [
            each
            for each in breakers.find(session, tenant_id=scene.tenant_id).values()
            if each.scope == "tenant"
        ]
    assert (
        said.why == "Shown as a warning: 2 of 20 bounced hard (10.00%; limit 5.00%); evidence 0.9 of 1,000."
    )


def test_events_that_come_again_tell_nobody_again(stage: Stage) -> None:
    scene = a_list(stage, sent=20)
    report_bounces(stage, scene, 2, 18)
    before = audit(stage, scene)
    again = told("bounce_permanent_noemail", sent_to(stage, scene)[:2], bounce__feedbackId="again")
    report(stage, again)
    with stage.database.begin() as session:
        assert at_work.ask_again(session, scene.tenant_id) == []
    assert audit(stage, scene) == before


def test_bounces_that_come_before_the_deliveries_are_no_evidence(stage: Stage) -> None:
    """Bounces travel on the urgent queue: ten of the first ten that are known are nobody's fault."""
    scene = a_list(stage, sent=400)
    mailed = sent_to(stage, scene)
    report(stage, told("bounce_permanent_noemail", mailed[:10]))
    assert (state_of(stage.database, scene), audit(stage, scene)) == (("active", "sending"), [])
    report(stage, told("delivery", mailed[10:]))
    assert (state_of(stage.database, scene), audit(stage, scene)) == (("active", "sending"), [])


def test_where_nothing_is_delivered_nobody_waits_for_it_for_long(stage: Stage) -> None:
    scene = a_list(stage, sent=20)
    report(stage, told("bounce_permanent_noemail", sent_to(stage, scene), ago=timedelta(minutes=14)))
    with stage.database.begin() as session:
        assert at_work.ask_again(session, scene.tenant_id) == []
    pass_time(stage.database, timedelta(minutes=2))
    with stage.database.begin() as session:
        at_work.ask_again(session, scene.tenant_id)
    assert state_of(stage.database, scene) == ("paused", "paused")


# Providers


def test_a_provider_at_which_too_much_bounces_gets_no_more_and_the_others_do(stage: Stage) -> None:
    scene = a_list(stage, sent=0, waiting=20, gmail=420, yahoo=140)
    yahoo = sent_to(stage, scene, "yahoo")
    report(stage, told("delivery", sent_to(stage, scene, "gmail")))
    report(stage, told("bounce_permanent_noemail", yahoo[:18]))
    report(stage, told("delivery", yahoo[18:]))
    assert state_of(stage.database, scene) == ("active", "sending")
    assert [action for action, subject, _ in audit(stage, scene) if subject == "the tenant at yahoo"] == [
        "breaker.tripped"
    ]
    tally = stage.send(scene)
    assert (tally.ending, tally.reason) == (Ending.ALLOWANCE, PROVIDER_IS_STOPPED)
    assert stage.states(scene) == {"sent": 540, "pending": 20}
    status = campaigns.status_of(stage.resources(), scene.campaign_id)
    assert "No mail to yahoo. Stopped: 18 of" in status.state_reason
    wake = {"tenant_id": scene.tenant_id, "provider": "yahoo", "actor": "ann"}
    warmup.wake(stage.resources(), **wake, reason="The dead addresses are gone.")
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert stage.states(scene) == {"sent": 560}


# A person lets go on


def test_who_lets_go_on_gives_a_reason_and_is_not_stopped_by_the_same_bounces_again(stage: Stage) -> None:
    scene = a_list(stage, sent=800)
    mailed = sent_to(stage, scene)
    report(stage, told("bounce_permanent_noemail", mailed[:48]))
    report(stage, told("delivery", mailed[48:400]))
    resources = stage.resources()
    tenants_at_work.set_state(
        resources, scene.slug, state=ACTIVE, reason="the list is clean now", actor="ann"
    )
    with pytest.raises(InputError, match="a breaker has stopped campaign"):
        campaigns.resume(resources, scene.campaign_id, reason=" ", actor="ann")
    campaigns.resume(resources, scene.campaign_id, reason="the list is clean now", actor="ann")
    report(stage, told("delivery", mailed[400:500]))
    assert state_of(stage.database, scene) == ("active", "sending")
    report(stage, told("bounce_permanent_noemail", mailed[500:530]))
    report(stage, told("delivery", mailed[530:600]))
    assert state_of(stage.database, scene) == ("paused", "paused")
    with stage.database.begin() as session:
        found = tenants.by_id(session, tenant_id=scene.tenant_id)
    assert "30 of 200" in found.state_reason


def test_a_pause_is_no_way_to_forget(stage: Stage) -> None:
    """Only a trip that a person has judged begins a new count."""
    scene = a_list(stage, sent=800)
    mailed = sent_to(stage, scene)
    report(stage, told("bounce_permanent_noemail", mailed[:20]))
    report(stage, told("delivery", mailed[20:400]))
    resources = stage.resources()
    campaigns.pause(resources, scene.campaign_id, reason="lunch", actor="ann")
    campaigns.resume(resources, scene.campaign_id, reason="", actor="ann")
    report(stage, told("bounce_permanent_noemail", mailed[400:430]))
    report(stage, told("delivery", mailed[430:440]))
    with stage.database.begin() as session:
        found = tenants.by_id(session, tenant_id=scene.tenant_id)
    assert "50 of 440" in found.state_reason


def test_four_complaints_among_the_first_fifty_stop_a_campaign_however_late(stage: Stage) -> None:
    scene = a_list(stage, sent=3_000)
    mailed = sent_to(stage, scene)
    first = told("delivery", mailed[:50], ago=timedelta(hours=1))
    report(stage, first)
    report(stage, told("delivery", mailed[50:]))
    report(stage, told("complaint_abuse", mailed[:4], ago=timedelta(minutes=30)))
    assert state_of(stage.database, scene) == ("active", "paused")
    status = campaigns.status_of(stage.resources(), scene.campaign_id)
    assert status.state_reason.startswith("Stopped: 4 of the first 50 complained; 4 are enough.")


def test_a_sender_that_is_slowed_works_a_quarter_of_the_time(stage: Stage) -> None:
    scene = a_list(stage, sent=400, waiting=150)
    report_bounces(stage, scene, 20, 380)
    status = campaigns.status_of(stage.resources(), scene.campaign_id)
    assert status.state_reason.startswith("Slowed to a quarter: 20 of 400")
    assert [action for action, _, _ in audit(stage, scene)] == ["campaign.slowed", "breaker.slowed"]
    with sender(stage.resources(), scene.campaign_id) as sending:
        rests: list[float] = []
        sending._stopped.wait = lambda seconds: rests.append(seconds) or False  # type: ignore[assignment, func-returns-value]
        sending.send(seconds=60)
    assert stage.states(scene) == {"sent": 550}
    assert [rest for rest in rests if rest > 0]


# The vanguard


def a_large_campaign(stage: Stage, people: int = 450) -> Scene:
    with stage.database.begin() as session:
        scene = a_scene(session, contacts=people)
        an_account(session)
    campaigns.plan(stage.resources(vanguard_from=300), scene.campaign_id)
    return scene


def test_a_large_campaign_waits_for_its_first_messages_and_goes_on_by_itself(stage: Stage) -> None:
    scene = a_large_campaign(stage)
    tally = stage.send(scene)
    assert (tally.ending, tally.accepted) == (Ending.ALLOWANCE, 200)
    assert tally.reason == "Waiting for the first 200: 0 are known"
    assert timedelta(minutes=29) < tally.wait <= timedelta(minutes=30)
    status, outlook = campaigns.conclude(stage.resources(), scene.campaign_id, tally)
    assert campaigns.in_words(status, tally, outlook).startswith(
        "Waiting for the first 200: 0 are known: 200 sent"
    )
    assert status.state_reason == "Waiting for the first 200: 0 are known."
    assert ready(stage, scene) == []
    with stage.database.begin() as session:
        run(session, "UPDATE delivery SET attempt_id = attempt_id WHERE state = 'sent'")
    report(stage, told("delivery", sent_to(stage, scene)[:180]))
    assert ready(stage, scene) == [scene.campaign_id]
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert (stage.states(scene), stage.called_twice()) == ({"sent": 450}, [])


def test_a_vanguard_that_bounces_stops_the_campaign(stage: Stage) -> None:
    scene = a_large_campaign(stage)
    stage.send(scene)
    report_bounces(stage, scene, 40, 160)
    assert stage.send(scene).ending is Ending.STOPPED
    assert stage.states(scene) == {"sent": 200, "pending": 250}


def test_nobody_waits_for_longer_than_half_an_hour(stage: Stage) -> None:
    scene = a_large_campaign(stage)
    stage.send(scene)
    with stage.database.begin() as session:
        run(session, "UPDATE campaign_vanguard SET used_at = used_at - interval '30 minutes'")
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert stage.states(scene) == {"sent": 450}


def test_a_sender_that_is_killed_in_the_vanguard_leaves_nobody_twice_and_nobody_out(stage: Stage) -> None:
    """F14: what the dead sender has begun keeps its place, and the others find theirs."""

    class Killed(BaseException):
        pass

    def dies(_message: Message, number: int) -> str:
        if number > 120:
            raise Killed
        return f"fake-{number:06}"

    scene = a_large_campaign(stage)
    assert isinstance(stage.ses, FakeSes)
    stage.ses.script = dies
    with pytest.raises(Killed):
        stage.send(scene)
    stage.ses.script = lambda _message, number: f"fake-{number:06}"
    pass_time(stage.database, timedelta(minutes=6))
    campaigns.settle(stage.resources(), tenant_id=scene.tenant_id)
    assert stage.send(scene).reason == "Waiting for the first 200: 0 are known"
    states_now = stage.states(scene)
    assert states_now["sent"] + states_now.get("in_doubt", 0) <= 200
    with stage.database.begin() as session:
        run(session, "UPDATE campaign_vanguard SET used_at = used_at - interval '30 minutes'")
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert "pending" not in stage.states(scene)
    assert stage.called_twice() == []


def test_two_senders_share_one_vanguard(stage: Stage) -> None:
    scene = a_large_campaign(stage)
    resources = stage.resources(window_size=30, claim_size=60)
    with ThreadPoolExecutor(2) as pool:

        def work(_number: int) -> Tally:
            with sender(resources, scene.campaign_id) as sending:
                return sending.send(seconds=30)

        tallies = list(pool.map(work, range(2)))
    assert sum(tally.accepted for tally in tallies) == 200
    assert {tally.ending for tally in tallies} == {Ending.ALLOWANCE}


@pytest.mark.parametrize(
    ("audience", "policies", "waits"),
    [
        pytest.param(4_999, {}, False, id="small"),
        pytest.param(5_000, {}, True, id="large"),
        pytest.param(5_000, {"vanguard_from": 0}, False, id="a tenant without"),
        pytest.param(600, {"vanguard_from": 500}, True, id="a careful tenant"),
    ],
)
def test_a_tenant_may_choose_from_how_many_messages_its_campaigns_wait(
    audience: int, policies: dict[str, int], *, waits: bool
) -> None:
    assert vanguard.is_wanted(audience, setting=5_000, policies=policies) is waits


def ready(stage: Stage, scene: Scene) -> list[int]:
    with stage.database.begin() as session:
        return [row["id"] for row in stored_campaigns.ready(session, tenant_id=scene.tenant_id)]


# What is shown


def test_what_is_counted_and_what_has_tripped_is_shown(stage: Stage) -> None:
    scene = a_list(stage, sent=400)
    report_bounces(stage, scene, 48, 352)
    shown = at_work.show(stage.resources(), scene.slug)
    told = [(each["scope"], each["subject"], each["state"], each["hits"], each["resolved"]) for each in shown]
    assert told == [
        ("campaign", str(scene.campaign_id), "tripped", 48, 400),
        ("tenant", "", "tripped", 48, 400),
    ]
    assert all(each["log_evidence"] > each["log_threshold"] for each in shown)
    tenants_at_work.set_state(stage.resources(), scene.slug, state=ACTIVE, reason="mended", actor="ann")
    after = at_work.show(stage.resources(), scene.slug)
    assert (after[1]["state"], after[1]["resolved"]) == ("clear", 0)
    assert after[1]["epoch_at"] is not None


# The counts


def test_appliers_at_once_count_everything_once(stage: Stage) -> None:
    scene = a_list(stage, sent=300)
    mailed = sent_to(stage, scene)
    raws = [*told("bounce_permanent_noemail", mailed[:45]), *told("delivery", mailed), *told("send", mailed)]
    with stage.database.begin() as session:
        inbox.store_many(session, filter(None, (events.arrival(raw, source="file") for raw in raws)))
    with ThreadPoolExecutor(3) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "BATCH", 40)
        done = list(pool.map(lambda _: applying.apply_due(stage.database), range(3)))
    assert sum(each.applied for each in done) == 645
    assert counted(stage.database) == recounted(stage.database) == {scene.campaign_id: (300, 45, 0)}
    assert state_of(stage.database, scene) == ("paused", "paused")


def counted(database: Database) -> dict[int, tuple[int, int, int]]:
    with database.begin() as session:
        found = rows(
            session,
            """SELECT campaign_id, sum(resolved)::int AS n, sum(bounced)::int AS b, sum(complained)::int AS c
               FROM breaker_count GROUP BY campaign_id""",
        )
        return {row["campaign_id"]: (row["n"], row["b"], row["c"]) for row in found}


def recounted(database: Database) -> dict[int, tuple[int, int, int]]:
    with database.begin() as session:
        found = rows(
            session,
            """SELECT campaign_id, count(*)::int AS n, count(*) FILTER (WHERE bounced)::int AS b,
                      count(*) FILTER (WHERE complained)::int AS c
               FROM (SELECT d.campaign_id, d.id, bool_or(f.fact = 'bounce_permanent') AS bounced,
                            bool_or(f.fact = 'complaint') AS complained
                     FROM delivery_fact f JOIN delivery d ON d.tenant_id = f.tenant_id AND d.id = f.delivery_id
                     WHERE f.fact IN ('delivery', 'bounce_permanent', 'complaint') GROUP BY 1, 2) AS known
               GROUP BY campaign_id""",
        )
        return {row["campaign_id"]: (row["n"], row["b"], row["c"]) for row in found}
