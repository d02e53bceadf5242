"""Breakers at work: who is stopped by what SES reports, who is not, and what a person's word changes."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.runs import Ending
from store import breakers, inbox, tenants
from store.session import Database, rows, run
from tasks import breakers as at_work
from tasks import events
from tasks import facts as applying
from tests.builders import Scene, a_contact, a_scene, an_account, pass_time, plan, states
from tests.mailed import Mailed, an_event
from tests.stage import Stage


DOMAINS = {"gmail": "gmail.com", "yahoo": "yahoo.com"}


def a_list(stage: Stage, *, sent: int, waiting: int = 5, **providers: int) -> Scene:
    """A campaign of which so many messages were sent, and some wait; with providers, so many were sent to each."""
    with stage.database.begin() as session:
        scene = a_scene(session, contacts=0 if providers else sent + waiting)
        for provider, number in providers.items():
            for count in range(number):
                a_contact(session, scene, f"reader{count}@{DOMAINS[provider]}")
        plan(session, scene)
        an_account(session)
        run(
            session,
            """UPDATE delivery d SET provider = CASE split_part(c.address, '@', 2)
                   WHEN 'gmail.com' THEN 'gmail' WHEN 'yahoo.com' THEN 'yahoo' ELSE 'other' END
               FROM contact c WHERE c.tenant_id = d.tenant_id AND c.id = d.contact_id""",
        )
        mark_sent(session, scene, sum(providers.values()) - waiting if providers else sent)
    return scene


def mark_sent(session: object, scene: Scene, number: int) -> None:
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
