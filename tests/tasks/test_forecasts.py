"""Forecasts: what the ledger makes of them, what would change them, and what came true."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from core.campaigns import CampaignState
from core.errors import InputError
from core.runs import Ending, Tally
from core.warmup_controller import Pace
from store import allowances, standings, tenants
from store.outlook import Changes
from store.session import rows, run
from tasks import campaigns, forecasts, preflight
from tasks.resources import Resources
from tests.builders import Scene, a_campaign, a_contact, a_scene, an_account, plan
from tests.fakes import some_resources


@pytest.fixture
def resources(database: object, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


def set_up(resources: Resources, *, contacts: int = 300, **scene: object) -> Scene:
    """A planned campaign of a domain that warms up by provider, all of whose readers are at one."""
    with resources.database.begin() as session:
        an_account(session)
        found = a_scene(session, contacts=contacts, **{"schedule": "adaptive"} | scene)
        plan(session, found)
    return found


def today(resources: Resources, scene: Scene) -> date:
    with resources.database.begin() as session:
        return allowances.today(session, **scene.domain).on


def pace_at(resources: Resources, scene: Scene, cap: int, provider: str = "other") -> None:
    day = today(resources, scene)
    with resources.database.begin() as session:
        standings.start_paces(session, **scene.domain, day=day, starts={provider: Pace(cap=cap)})


def told(resources: Resources, scene: Scene, **changes: object) -> tuple[int, int, int, str]:
    """Who waits, how many fit into today, in how many days it is done, and what binds it."""
    found = forecasts.outlook(resources, scene.campaign_id, Changes(**changes))
    return found.waiting, found.today, (found.done_on - today(resources, scene)).days, found.binding


def test_a_new_domain_begins_with_its_first_cap(resources: Resources) -> None:
    assert told(resources, set_up(resources)) == (300, 200, 1, "warm-up")


def test_the_cap_that_was_decided_counts(resources: Resources) -> None:
    scene = set_up(resources)
    pace_at(resources, scene, 800)
    assert told(resources, scene) == (300, 300, 0, "rate")


def test_what_today_has_used_is_not_there_any_more(resources: Resources) -> None:
    scene = set_up(resources)
    with resources.database.begin() as session:
        day = allowances.today(session, **scene.domain)
        allowances.open_day(session, **scene.domain, day=day, planned={"other": 300})
        allowances.use(session, **scene.domain, day=day.on, tokens={"other": 150})
    assert told(resources, scene) == (300, 50, 1, "warm-up")


def test_each_provider_is_told(resources: Resources) -> None:
    with resources.database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=250, schedule="adaptive")
        run(
            session,
            "INSERT INTO mailbox_domain (domain, provider, reach) VALUES ('ymail.example', 'yahoo', 'unknown')",
        )
        for number in range(20):
            a_contact(session, scene, f"reader{number}@ymail.example")
        plan(session, scene)
    found = forecasts.outlook(resources, scene.campaign_id)
    assert [(each.provider, each.waiting, each.today, each.binding) for each in found.providers] == [
        ("other", 250, 200, "warm-up"),
        ("yahoo", 20, 20, "rate"),
    ]
    assert found.binding_why.startswith("the cap at other, until about ")


def test_another_campaign_of_the_domain_takes_its_part(resources: Resources) -> None:
    scene = set_up(resources)
    with resources.database.begin() as session:
        plan(session, a_campaign(session, scene))
    assert told(resources, scene)[:2] == (300, 100)


def test_another_tenants_messages_take_their_part_of_the_quota(resources: Resources) -> None:
    scene = set_up(resources, schedule=None)
    with resources.database.begin() as session:
        an_account(session, max_24_hour_send=250.0)  # 98 % of it are 245
    assert told(resources, scene) == (300, 245, 1, "quota")
    set_up(resources, contacts=300, schedule=None)
    with resources.database.begin() as session:
        an_account(session, max_24_hour_send=250.0)
    assert told(resources, scene)[1] == 122


def test_a_tenant_that_warms_up_takes_no_more_than_its_caps(resources: Resources) -> None:
    scene = set_up(resources, schedule=None)
    set_up(resources, contacts=600, rung=0)
    with resources.database.begin() as session:
        an_account(session, max_24_hour_send=250.0)
        run(
            session,
            """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance)
               SELECT tenant_id, id, current_date, 'all', 60 FROM sending_domain WHERE schedule = 'ladder'""",
        )
    # 300 and 60 want to leave, and 245 may.
    assert told(resources, scene)[1] == 204


def test_a_provider_that_rests_takes_nothing_today(resources: Resources) -> None:
    scene = set_up(resources)
    with resources.database.begin() as session:
        run(
            session,
            """INSERT INTO provider_standing (tenant_id, sending_domain_id, provider, braked_until)
               VALUES (:tenant_id, :sending_domain_id, 'other', now() + interval '25 hours')""",
            **scene.domain,
        )
    assert told(resources, scene)[1] == 0
    assert told(resources, scene)[3] in {"rest", "warm-up"}


def test_days_off_are_left_out(resources: Resources) -> None:
    scene = set_up(resources)
    first = today(resources, scene)
    days = [(first + timedelta(days=number)).isoformat() for number in range(3)]
    with resources.database.begin() as session:
        tenants.by_id(session, tenant_id=scene.tenant_id).policies = {"blackout": days}
    assert told(resources, scene) == (300, 0, 4, "window")


def decided(resources: Resources, scene: Scene, rule: str, days: int) -> None:
    """Days that were decided by one rule."""
    with resources.database.begin() as session:
        run(
            session,
            """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule, evidence)
               SELECT :tenant_id, :sending_domain_id, current_date - n, 'other', 200, :rule, '{"cap_before": 1600}'
               FROM generate_series(1, :days) AS n""",
            **scene.domain,
            rule=rule,
            days=days,
        )


def test_a_domain_whose_caps_did_not_grow_is_told_a_later_end(resources: Resources) -> None:
    usual, stuck = set_up(resources, contacts=2_000), set_up(resources, contacts=2_000)
    decided(resources, stuck, "hold_unknown", 30)
    assert told(resources, stuck)[2] > told(resources, usual)[2] + 1


def test_preflight_and_forecast_say_the_same(resources: Resources) -> None:
    scene = set_up(resources)
    assert preflight.check_campaign(resources, scene.campaign_id).forecast is not None
    checked = preflight.check_campaign(resources, scene.campaign_id).forecast
    asked = forecasts.outlook(resources, scene.campaign_id)
    assert checked is not None
    assert (checked.done_on, checked.done_on_p90, checked.providers) == (
        asked.done_on,
        asked.done_on_p90,
        asked.providers,
    )


# What if


WHAT_IF = [
    pytest.param({}, (300, 200, 1, "warm-up"), id="as it is"),
    pytest.param({"quota": 100}, (300, 98, 3, "quota"), id="a smaller quota"),
    pytest.param({"schedule": "warm"}, (300, 300, 0, "rate"), id="a warm domain"),
    pytest.param({"schedule": "ladder"}, (300, 200, 1, "warm-up"), id="a ladder"),
    pytest.param({"without_tiers": frozenset({5})}, (0, 0, 0, "rate"), id="without those who never did anything"),
    pytest.param({"without_tiers": frozenset({0, 1})}, (300, 200, 1, "warm-up"), id="without those whom it has not"),
    pytest.param({"rate": 0.001}, (300, 86, 3, "rate"), id="a slow account"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), WHAT_IF)
def test_what_if(
    resources: Resources, changes: dict[str, object], expected: tuple[int, int, int, str]
) -> None:
    scene = set_up(resources)
    found = told(resources, scene, **changes)
    if "rate" in changes:  # how many still leave today depends on the hour
        assert (found[0], found[3]) == (expected[0], expected[3])
        assert found[1] <= expected[1]
    else:
        assert found == expected


def test_what_if_it_begins_later(resources: Resources) -> None:
    scene = set_up(resources)
    start = today(resources, scene) + timedelta(days=3)
    found = forecasts.outlook(resources, scene.campaign_id, Changes(begins_on=start))
    assert (found.today, found.done_on, found.done_at) == (200, start + timedelta(days=1), None)


def test_before_the_plan_tiers_are_those_of_the_audience(resources: Resources) -> None:
    with resources.database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=10, schedule="adaptive", state=CampaignState.DRAFT)
        run(
            session,
            "UPDATE contact SET engaged_at = now() WHERE id IN (SELECT id FROM contact WHERE tenant_id = :t ORDER BY id LIMIT 4)",
            t=scene.tenant_id,
        )
    assert told(resources, scene, without_tiers=frozenset({5}))[0] == 4


@pytest.mark.parametrize(
    "changes",
    [{"schedule": "no_such"}, {"rate": 0.0}, {"without_tiers": frozenset({6})}],
    ids=["schedule", "rate", "tier"],
)
def test_what_makes_no_sense_is_refused(resources: Resources, changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        told(resources, set_up(resources), **changes)


def test_a_deadline_is_answered(resources: Resources) -> None:
    scene = set_up(resources)
    first = today(resources, scene)
    found = forecasts.deadline(resources, scene.campaign_id, by=first + timedelta(days=20))
    assert found.messages == 300
    assert found.latest_start is not None
    assert first < found.latest_start < first + timedelta(days=20)
    assert forecasts.deadline(resources, scene.campaign_id, by=first).as_json() == {
        "by": first.isoformat(),
        "messages": 200,
        "latest_start": None,
    }
    with pytest.raises(InputError, match="within a year"):
        forecasts.deadline(resources, scene.campaign_id, by=first - timedelta(days=1))


# Kept and scored


def kept(resources: Resources, scene: Scene) -> list[tuple[str, int]]:
    with resources.database.begin() as session:
        found = rows(
            session,
            """SELECT occasion, waiting FROM campaign_forecast WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
               ORDER BY created_at""",
            **scene.campaign,
        )
        return [(row["occasion"], row["waiting"]) for row in found]


def yesterday_was(resources: Resources) -> None:
    """A day passes since what was said."""
    with resources.database.begin() as session:
        run(
            session,
            "UPDATE campaign_forecast SET made_on = made_on - 1, created_at = created_at - interval '1 day'",
        )


def test_forecasts_are_kept_at_the_start_on_each_day_and_at_the_end(resources: Resources) -> None:
    with resources.database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=300, schedule="adaptive")
    campaigns.plan(resources, scene.campaign_id)
    assert kept(resources, scene) == [("start", 300)]
    campaigns.plan(resources, scene.campaign_id)
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.ALLOWANCE))
    assert kept(resources, scene) == [("start", 300)], "a day is told of once"
    yesterday_was(resources)
    campaigns.plan(resources, scene.campaign_id)
    assert kept(resources, scene) == [("start", 300), ("day", 300)]
    with resources.database.begin() as session:
        run(session, "UPDATE delivery SET state = 'sent', attempt_id = 'a' || id, submitted_at = now()")
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.NOTHING_DUE))
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.NOTHING_DUE))
    assert kept(resources, scene) == [("start", 300), ("day", 300), ("end", 0)]
    found = forecasts.record(resources, tenant_slug=scene.slug)
    assert (found.scores.forecasts, found.scores.coverage_p90) == (1, 1.0)
    assert found.as_json()["campaigns"][0]["happened_on"] == today(resources, scene).isoformat()
    assert found.words.startswith("100% of 1 forecasts were kept by their P90")
    told = forecasts.told(resources, scene.campaign_id)
    # The forecasts of a day stand before the end, which came on the day of the second.
    assert [(one.waiting, one.is_end) for one in told] == [(300, False), (300, False), (0, True)]
    assert told[0].made_on == today(resources, scene) - timedelta(days=1)


def test_a_campaign_that_took_longer_is_scored_as_not_kept(resources: Resources) -> None:
    with resources.database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=3, schedule="adaptive")
    campaigns.plan(resources, scene.campaign_id)
    for _ in range(4):
        yesterday_was(resources)
    with resources.database.begin() as session:
        run(session, "UPDATE campaign_forecast SET done_on = done_on - 4, done_on_p90 = done_on_p90 - 4")
        run(session, "UPDATE delivery SET state = 'sent', attempt_id = 'a' || id, submitted_at = now()")
    campaigns.conclude(resources, scene.campaign_id, Tally(ending=Ending.NOTHING_DUE))
    found = forecasts.record(resources).scores
    assert (found.coverage_p90, found.loss_p50, found.loss_p90) == (0.0, 2.0, pytest.approx(3.6))


def test_a_campaign_that_is_cancelled_has_no_end(resources: Resources) -> None:
    scene = set_up(resources, contacts=3)
    campaigns.cancel(resources, scene.campaign_id, reason="no", actor="Ada")
    campaigns.conclude(resources, scene.campaign_id, Tally())
    assert kept(resources, scene) == []


def test_without_a_quota_nothing_is_kept(resources: Resources) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session, contacts=3)
    campaigns.plan(resources, scene.campaign_id)
    assert kept(resources, scene) == []
    assert forecasts.record(resources).words == "no campaign is done yet whose end was forecast"
