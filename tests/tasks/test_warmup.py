"""Warm-up: one decision a day for each domain."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from core.errors import InputError
from core.message import Message
from core.runs import Ending, Tally
from store import sending_domains, tenants
from store.session import Database, rows, run
from tasks import campaigns, dispatching, warmup
from tasks.resources import Resources
from tests.builders import Scene, a_scene, an_account, plan
from tests.fakes import Script, some_resources
from tests.stage import Stage


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


def set_up(resources: Resources, *, rung: int | None = 0, sent: int = 0, complained: int = 0) -> Scene:
    """A domain whose yesterday had 60 messages allowed, some of them sent and delivered."""
    with resources.database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=60, rung=rung)
        plan(session, scene)
        run(
            session,
            """UPDATE delivery SET state = 'sent', attempt_id = 'a' || id, submitted_at = now() - interval '1 day'
               WHERE id IN (SELECT id FROM delivery WHERE tenant_id = :tenant_id ORDER BY id LIMIT :sent)""",
            tenant_id=scene.tenant_id,
            sent=sent,
        )
        for fact, number in (("delivery", sent), ("complaint", complained)):
            run(
                session,
                """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
                   SELECT tenant_id, id, :fact, now(), now() FROM delivery
                   WHERE tenant_id = :tenant_id AND state = 'sent' ORDER BY id LIMIT :n""",
                tenant_id=scene.tenant_id,
                fact=fact,
                n=number,
            )
        if rung is not None:
            run(
                session,
                """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, used)
                   VALUES (:tenant_id, :sending_domain_id, :day, 'all', 60, :sent)""",
                **scene.domain,
                day=today(resources, scene) - timedelta(days=1),
                sent=sent,
            )
    return scene


def today(resources: Resources, scene: Scene) -> date:
    with resources.database.begin() as session:
        found = rows(session, "SELECT (now() AT TIME ZONE 'UTC')::date AS day")
    day: date = found[0]["day"]
    return day


def advance(resources: Resources, scene: Scene) -> list[dict[str, object]]:
    return [decided.as_json() for decided in warmup.advance(resources, tenant_id=scene.tenant_id)]


def rung_of(resources: Resources, scene: Scene) -> int | None:
    with resources.database.begin() as session:
        return sending_domains.rung_of(session, **scene.domain)


def test_a_full_and_welcome_day_is_followed_by_a_larger_one_and_its_evidence(resources: Resources) -> None:
    scene = set_up(resources, sent=60)
    assert advance(resources, scene) == [
        {
            "tenant": scene.slug,
            "domain": "acme.example",
            "provider": "all",
            "allowance_before": 60,
            "allowance": 400,
            "rule": "step_up",
            "why": "Stepped up: 60 of 60, welcome.",
        }
    ]
    with resources.database.begin() as session:
        newest, _ = sending_domains.days(session, **scene.domain)
    assert (newest["on_day"], newest["allowance"], newest["rule"]) == (
        today(resources, scene),
        400,
        "step_up",
    )
    assert newest["evidence"] == {
        "day": (today(resources, scene) - timedelta(days=1)).isoformat(),
        "why": "Stepped up: 60 of 60, welcome.",
        "allowance": 60,
        "accepted": 60,
        "delivered": 60,
        "hard_bounced": 0,
        "delayed": 0,
        "complained": 0,
    }


def test_an_unwelcome_day_steps_down(resources: Resources) -> None:
    scene = set_up(resources, rung=4, sent=60, complained=1)
    assert [decided["rule"] for decided in advance(resources, scene)] == ["step_down"]
    assert rung_of(resources, scene) == 3


def test_a_day_is_decided_once(resources: Resources) -> None:
    scene = set_up(resources, sent=60)
    advance(resources, scene)
    assert advance(resources, scene) == []
    assert rung_of(resources, scene) == 1


def test_the_first_day_is_opened_on_the_rung_it_started_on(resources: Resources) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session, rung=2)
    (decided,) = advance(resources, scene)
    assert (decided["allowance_before"], decided["allowance"], decided["rule"]) == (None, 800, "first_day")


def test_a_warm_domain_is_not_decided(resources: Resources) -> None:
    scene = set_up(resources, rung=None)
    assert advance(resources, scene) == []


def test_a_campaign_that_waits_for_tomorrow_goes_on_when_today_is_raised(resources: Resources) -> None:
    scene = set_up(resources, sent=50)
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.ALLOWANCE))
    assert dispatching.ready(resources) == []
    advance(resources, scene)
    assert dispatching.ready(resources) == [(scene.slug, scene.campaign_id)]


def test_other_tenants_are_left_alone(resources: Resources) -> None:
    scene, other = set_up(resources, sent=60), set_up(resources, sent=60)
    advance(resources, scene)
    assert (rung_of(resources, scene), rung_of(resources, other)) == (1, 0)


def act_at_the_eighth(stage: Stage, scene: Scene, allowance: int) -> Script:
    """The script of a SES during whose eighth call a person sets today's allowance."""

    def script(_message: Message, number: int) -> str:
        if number == 8:
            warmup.set_today(
                stage.resources(),
                tenant_id=scene.tenant_id,
                allowance=allowance,
                reason="slower",
                actor="ann",
            )
        return f"fake-{number}"

    return script


@pytest.mark.parametrize(
    ("rung", "allowance", "sent"),
    [
        pytest.param(0, 12, 12, id="less of a domain that warms up"),
        pytest.param(None, 20, 28, id="a warm domain's messages are counted from then on"),
        pytest.param(0, 3, 8, id="less than was used ends the day"),
        pytest.param(0, 100, 60, id="more"),
    ],
)
def test_todays_allowance_changes_while_a_campaign_is_being_sent(
    stage: Stage, rung: int | None, allowance: int, sent: int
) -> None:
    """Effective with the next window, of 8 here: the calls are made one by one, so that the eighth ends the first."""
    scene = stage.set(60, rung=rung)
    stage.ses.script = act_at_the_eighth(stage, scene, allowance)
    stage.send(scene, window_size=8, claim_size=60, calls_in_flight=1)
    assert stage.states(scene).get("sent") == sent


def test_what_a_person_sets_is_told_and_audited_and_wakes_a_campaign_that_waits(resources: Resources) -> None:
    scene = set_up(resources)
    with resources.database.begin() as session:
        run(session, "UPDATE campaign SET resume_at = now() + interval '1 day'")
    done = warmup.set_today(
        resources, tenant_id=scene.tenant_id, allowance=75, reason="a smaller list", actor="ann"
    )
    assert (done["domain"], done["allowance"]) == ("acme.example", 75)
    with resources.database.begin() as session:
        (entry,) = tenants.audit_trail(session, tenant_id=scene.tenant_id)
        newest = sending_domains.days(session, **scene.domain)[0]
        assert rows(session, "SELECT 1 FROM campaign WHERE resume_at IS NOT NULL") == []
    assert (entry["actor"], entry["action"], entry["reason"]) == ("ann", "warmup.set", "a smaller list")
    assert (newest["allowance"], newest["evidence"]["why"]) == (75, "Set by ann: a smaller list")
    assert warmup.advance(resources, tenant_id=scene.tenant_id) == []


def test_to_fill_a_day_that_a_person_made_smaller_is_no_reason_to_climb(resources: Resources) -> None:
    scene = set_up(resources, rung=3, sent=60)
    with resources.database.begin() as session:
        run(session, "UPDATE warmup_allowance SET rule = 'operator'")
    (decided,) = warmup.advance(resources, tenant_id=scene.tenant_id)
    assert (decided.allowance, decided.rule) == (1_600, "hold_unused")


def test_an_allowance_is_not_negative(resources: Resources) -> None:
    scene = set_up(resources)
    with pytest.raises(InputError):
        warmup.set_today(resources, tenant_id=scene.tenant_id, allowance=-1, reason="", actor="ann")
