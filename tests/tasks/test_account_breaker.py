"""The account's breaker at work: trouble of several stops all, and nobody is held for what another was stopped for."""

import pytest

from core import pacing
from core.errors import ConflictError, InputError
from core.runs import Ending
from core.tenants import TenantState
from store import tenants
from store.session import run
from tasks import accounts, breakers, campaigns, dispatching, preflight
from tests.builders import Scene, a_scene, an_account
from tests.fakes import REGION
from tests.stage import Stage


def resolved(stage: Stage, messages: int, bounced: int) -> Scene:
    """A tenant of whose messages of today so many are resolved, and so many of them bounced hard."""
    with stage.database.begin() as session:
        scene = a_scene(session)
        count(session, scene, messages, bounced)
    return scene


def count(session: object, scene: Scene, messages: int, bounced: int) -> None:
    run(
        session,
        """INSERT INTO breaker_count AS c (tenant_id, campaign_id, provider, on_day, resolved, bounced)
           VALUES (:tenant_id, :campaign_id, 'other', (clock_timestamp() AT TIME ZONE 'UTC')::date, :messages, :bounced)
           ON CONFLICT (tenant_id, campaign_id, provider, on_day) DO UPDATE SET
               resolved = c.resolved + EXCLUDED.resolved, bounced = c.bounced + EXCLUDED.bounced""",
        **scene.campaign,
        messages=messages,
        bounced=bounced,
    )


def stopped(stage: Stage) -> str:
    """Let dispatch look, and return why the account is stopped."""
    dispatching.ready(stage.resources())
    return accounts.show(stage.resources())["stopped_why"] or ""


def audited(stage: Stage, scene: Scene) -> list[tuple[str, str]]:
    with stage.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    return [(row["action"], row["reason"]) for row in reversed(trail)]


def test_what_several_tenants_come_to_stops_the_account_and_charges_nobody(stage: Stage) -> None:
    """4.7 % of each is below a tenant's limit, and of all together above the account's."""
    innocent = stage.set(5)
    troubled = [resolved(stage, 20_000, 940) for _ in range(3)]
    told = "Stopped: 2,820 of 60,000 bounced hard (4.70%; limit 4.00%)"
    assert stopped(stage).startswith(told)
    tally = stage.send(innocent)
    assert (tally.accepted, tally.ending, tally.reason) == (0, Ending.ALLOWANCE, pacing.STOPPED)
    assert tally.wait == pacing.STOPPED_PATIENCE
    assert (stage.states(innocent), stage.ses.calls) == ({"pending": 5}, [])
    with stage.database.begin() as session:
        for scene in [innocent, *troubled]:
            assert tenants.by_id(session, tenant_id=scene.tenant_id).state == TenantState.ACTIVE
    waits = campaigns.status_of(stage.resources(), innocent.campaign_id)
    assert (waits.state, waits.state_reason.startswith(f"The SES account, all tenants together: {told}")) == (
        "sending",
        True,
    )
    found = preflight.check_campaign(stage.resources(), innocent.campaign_id)
    assert "account_stopped" in {finding.id for finding in preflight.blocking(found.findings)}
    [(action, reason)] = audited(stage, innocent)
    assert (action, reason.startswith(told)) == ("account.tripped", True)
    assert all(scene.slug not in reason for scene in troubled)


def test_a_person_lets_it_go_on_with_a_reason_and_is_not_stopped_by_the_same_bounces(stage: Stage) -> None:
    innocent, troubled = stage.set(5), resolved(stage, 60_000, 2_820)
    assert stopped(stage)
    for reason in ("", "  "):
        with pytest.raises(InputError, match="say why"):
            accounts.resume(stage.resources(), reason=reason, actor="ann")
    shown = accounts.resume(stage.resources(), reason="ann@example.com has cleaned the lists", actor="ann")
    assert (shown["stopped_at"], shown["stopped_why"]) == (None, None)
    action, reason = audited(stage, innocent)[-1]
    assert (action, reason.endswith("has cleaned the lists"), "ann@" in reason) == (
        "account.resumed",
        True,
        False,
    )
    assert stopped(stage) == ""
    assert stage.send(innocent).accepted == 5
    with stage.database.begin() as session:
        count(session, troubled, 60_000, 2_820)
    assert stopped(stage).startswith("Stopped: 2,820 of 60,000")


def test_whom_its_own_breaker_has_stopped_is_not_counted_against_the_others(stage: Stage) -> None:
    """F33: tenant A bounces 12 %, and is stopped itself; B goes on, although both together are above the account's limit."""
    good, bad = stage.set(5), resolved(stage, 20_000, 2_400)
    with stage.database.begin() as session:
        count(session, good, 20_000, 100)
        assert [str(verdict.scope) for verdict in breakers.ask_again(session, bad.tenant_id)]
    assert stopped(stage) == ""
    assert stage.send(good).accepted == 5


def test_a_tenant_that_goes_on_again_brings_its_old_bounces_not_along(stage: Stage) -> None:
    good, bad = stage.set(5), resolved(stage, 20_000, 2_400)
    with stage.database.begin() as session:
        breakers.ask_again(session, bad.tenant_id)
        breakers.let_go_on(session, bad.tenant_id, breakers.Scope.TENANT)
    assert stopped(stage) == ""
    assert stage.send(good).accepted == 5


def test_an_account_that_is_within_its_limit_goes_on(stage: Stage) -> None:
    resolved(stage, 60_000, 2_400)
    with stage.database.begin() as session:
        an_account(session)
    assert stopped(stage) == ""
    with pytest.raises(ConflictError, match="no breaker has stopped"):
        accounts.resume(stage.resources(), reason="for luck", actor="ann")


def test_an_account_that_was_never_read_is_not_judged(stage: Stage) -> None:
    resolved(stage, 60_000, 2_820)
    with stage.database.begin() as session:
        breakers.judge_account(session, REGION)
        assert session.connection().exec_driver_sql("SELECT count(*) FROM ses_account").scalar_one() == 0
