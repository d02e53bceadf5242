"""A night that would take too many: it waits, somebody decides, and a killed process goes on where it stopped."""

import json
import multiprocessing
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import ConflictError, InputError, NotFoundError
from core.hygiene import Rule
from core.hygiene_report import Night
from core.hygiene_runs import RunState
from core.suppression import Reason
from models import Tenant
from store import hygiene_runs, hygiene_taking, tenants
from store.session import Database, rows, run
from tasks import doctoring, hygiene, hygiene_decisions
from tasks.resources import Resources
from tasks.sending import sender
from tests.builders import Scene, a_contact, a_scene, an_account, plan, states
from tests.fakes import FakeSes, some_resources


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path, FakeSes(), dns_lookups=False)


def at_a_dead_domain(database: Database, people: int, others: int, **policies: int) -> Scene:
    """A tenant of whose list so many people are at a domain that is dead for a week."""
    with database.begin() as session:
        scene = a_scene(session, contacts=others, policies=policies)
        for n in range(people):
            a_contact(session, scene, f"reader{n}@gone.test")
        run(
            session,
            """INSERT INTO mailbox_domain (domain, provider, reach, dead_nights, dead_on, look_again_at)
               VALUES ('gone.test', 'other', 'nonexistent', 7, '2026-11-24', now() + interval '1 year')
               ON CONFLICT DO NOTHING""",
        )
    return scene


def night(resources: Resources, scene: Scene) -> Night:
    (found,) = hygiene.run(resources, tenant_id=scene.tenant_id).nights
    return found


def retired(database: Database, scene: Scene) -> int:
    with database.begin() as session:
        return hygiene_runs.standing(session, tenant_id=scene.tenant_id)["retired"]


def audit(database: Database, scene: Scene) -> list[tuple[str, str, str]]:
    with database.begin() as session:
        found = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    return [(row["actor"], row["action"], row["reason"]) for row in found]


def test_five_in_a_hundred_leave_without_asking(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 5, 95)
    found = night(resources, scene)
    assert (found.state, found.counts) == (RunState.APPLIED, {Rule.DEAD_DOMAIN: 5})
    assert retired(database, scene) == 5
    again = night(resources, scene)
    assert (again.state, again.counts) == (RunState.APPLIED, {})


def test_six_in_a_hundred_wait_until_somebody_approves(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    found = night(resources, scene)
    assert found.waits
    assert [one.in_words for one in found.stopped_by] == [
        "all contacts together: 6 of 100 would leave (6.0%)",
        "list readers: 6 of 100 would leave (6.0%)",
    ]
    assert retired(database, scene) == 0
    assert found.run_id is not None
    done = hygiene_decisions.decide(
        resources,
        tenant_slug=scene.slug,
        run_id=found.run_id,
        approved=True,
        actor="Ada",
        reason="the provider has closed",
    )
    assert (done.state, retired(database, scene)) == (RunState.APPLIED, 6)
    assert audit(database, scene) == [("Ada", "hygiene.approved", "the provider has closed")]


def test_while_a_night_waits_the_next_ones_leave_it_and_do_what_waits_for_nobody(
    resources: Resources, database: Database
) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    first = night(resources, scene)
    with database.begin() as session:
        a_contact(session, scene, "late@gone.test")
        plan(session, scene)
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT d.tenant_id, d.id, 'complaint', now(), now() FROM delivery d
               JOIN contact c ON c.id = d.contact_id WHERE c.address = 'late@gone.test'""",
        )
    second = night(resources, scene)
    assert (second.run_id, second.state, second.counts) == (first.run_id, RunState.WAITING, first.counts)
    assert second.at_once == {Rule.COMPLAINT: 1, Rule.HARD_BOUNCE: 0}
    with database.begin() as session:
        assert [row["reason"] for row in rows(session, "SELECT reason FROM suppression")] == [
            Reason.COMPLAINT
        ]


def test_who_is_refused_stays_and_the_next_night_asks_anew(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    first = night(resources, scene)
    decide = {
        "tenant_slug": scene.slug,
        "run_id": first.run_id,
        "actor": "Ada",
        "reason": "their DNS is ours",
    }
    done = hygiene_decisions.decide(resources, **decide, approved=False)
    assert (done.state, retired(database, scene)) == (RunState.REFUSED, 0)
    # The same answer twice is no error, the other one is.
    assert hygiene_decisions.decide(resources, **decide, approved=False).state is RunState.REFUSED
    with pytest.raises(ConflictError, match="it was refused by Ada"):
        hygiene_decisions.decide(resources, **decide, approved=True)
    second = night(resources, scene)
    assert second.waits
    assert second.run_id != first.run_id
    assert audit(database, scene) == [("Ada", "hygiene.refused", "their DNS is ours")]


def test_an_approval_said_twice_takes_nobody_twice(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    first = night(resources, scene)
    decide = {
        "tenant_slug": scene.slug,
        "run_id": first.run_id,
        "approved": True,
        "actor": "A",
        "reason": "r",
    }
    assert hygiene_decisions.decide(resources, **decide).state is RunState.APPLIED
    assert hygiene_decisions.decide(resources, **decide).state is RunState.APPLIED
    assert len(audit(database, scene)) == 1


def test_nobody_decides_in_time_and_the_next_night_asks_anew(
    resources: Resources, database: Database
) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    first = night(resources, scene)
    with database.begin() as session:
        run(session, "UPDATE hygiene_run SET waits_until = now() - :a_second", a_second=timedelta(seconds=1))
    with pytest.raises(ConflictError, match="nobody has decided in time"):
        hygiene_decisions.decide(
            resources, tenant_slug=scene.slug, run_id=first.run_id, approved=True, actor="Ada", reason="late"
        )
    second = night(resources, scene)
    assert second.waits
    assert second.run_id != first.run_id
    nights = hygiene_decisions.status(resources, tenant_slug=scene.slug)["nights"]
    assert [(one["run"], one["state"]) for one in nights] == [
        (second.run_id, "waiting"),
        (first.run_id, "expired"),
    ]
    assert retired(database, scene) == 0


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        pytest.param({"reason": " "}, InputError, "needs a name and a reason", id="no reason"),
        pytest.param({"actor": ""}, InputError, "needs a name and a reason", id="no name"),
        pytest.param({"run_id": 0}, NotFoundError, "there is no hygiene run 0", id="no such night"),
        pytest.param({"tenant_slug": "nobody"}, NotFoundError, "there is no tenant", id="no such tenant"),
    ],
)
def test_a_decision_that_is_none_is_refused(
    resources: Resources, database: Database, change: dict[str, object], error: type[Exception], told: str
) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    found = night(resources, scene)
    decision = {
        "tenant_slug": scene.slug,
        "run_id": found.run_id,
        "approved": True,
        "actor": "A",
        "reason": "r",
    }
    with pytest.raises(error, match=told):
        hygiene_decisions.decide(resources, **decision | change)
    assert retired(database, scene) == 0


def test_a_night_that_needed_no_approval_cannot_be_decided(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 1, 94)
    found = night(resources, scene)
    with pytest.raises(ConflictError, match="it needed no approval"):
        hygiene_decisions.decide(
            resources, tenant_slug=scene.slug, run_id=found.run_id, approved=True, actor="Ada", reason="r"
        )


def test_a_dry_run_says_what_would_wait_and_changes_nothing(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 6, 94)
    for _ in range(2):
        told = hygiene.run(resources, tenant_id=scene.tenant_id, dry_run=True).as_json()
        (waiting,) = told["waiting"]  # type: ignore[misc]  # a list of one
        assert waiting["would_leave"] == {"dead_domain": 6}
        assert waiting["too_many"][1] == {"list": "readers", "mailable": 100, "leaving": 6}
    night(resources, scene)
    # Beside a night that waits it can still be tried.
    assert hygiene.run(resources, tenant_id=scene.tenant_id, dry_run=True).nights[0].waits
    assert retired(database, scene) == 0
    assert len(hygiene_decisions.status(resources, tenant_slug=scene.slug)["nights"]) == 1


def test_the_doctor_tells_of_a_night_that_waits(resources: Resources, database: Database) -> None:
    (before,) = [check for check in doctoring.examine(resources) if check.id == "hygiene"]
    assert (before.ok, before.message) == (True, "no night of hygiene waits for approval")
    scene = at_a_dead_domain(database, 6, 94)
    found = night(resources, scene)
    (check,) = [check for check in doctoring.examine(resources) if check.id == "hygiene"]
    assert (check.ok, check.warning) == (False, True)
    assert check.message == (
        f"hygiene run {found.run_id} of {scene.slug} waits for approval: too many would leave"
    )
    assert check.hint == f"posthouse hygiene status {scene.slug}"


def test_a_tenant_may_let_more_pass(resources: Resources, database: Database) -> None:
    scene = at_a_dead_domain(database, 6, 94, removal_percent=10)
    assert night(resources, scene).state is RunState.APPLIED


def test_a_policy_is_changed_with_a_reason_and_another_ones_stays(
    resources: Resources, database: Database
) -> None:
    scene = at_a_dead_domain(database, 0, 1, vanguard_from=7)
    with pytest.raises(InputError, match="needs a reason"):
        hygiene_decisions.set_policy(
            resources, tenant_slug=scene.slug, changes={"sunset_days": 90}, actor="Ada", reason=""
        )
    with pytest.raises(InputError, match="there is no hygiene policy sun"):
        hygiene_decisions.set_policy(
            resources, tenant_slug=scene.slug, changes={"sun": 90}, actor="Ada", reason="r"
        )
    now = hygiene_decisions.set_policy(
        resources, tenant_slug=scene.slug, changes={"sunset_days": 90}, actor="Ada", reason="weekly mail"
    )
    assert (now["sunset_days"], now["sunset_messages"]) == (90, 12)
    with database.begin() as session:
        tenant = session.get(Tenant, scene.tenant_id)
        assert tenant is not None
        assert tenant.policies == {"vanguard_from": 7, "sunset_days": 90}
    assert audit(database, scene) == [("Ada", "hygiene.policy_changed", "weekly mail")]


def _approve_slowly(url: str, state_dir: str, slug: str, run_id: int, chunk_done: object) -> None:
    """Approve in a process of its own, one person a transaction, and say when the first has been taken."""
    hygiene.CHUNK = 1  # type: ignore[misc]
    taken = hygiene_taking.take

    def take(*args: object, **kwargs: object) -> object:
        with_rest = taken(*args, **kwargs)  # type: ignore[arg-type]
        chunk_done.release()  # type: ignore[attr-defined]
        time.sleep(0.2)
        return with_rest

    hygiene_taking.take = take  # type: ignore[assignment]
    resources = some_resources(Database(url), Path(state_dir), FakeSes(), dns_lookups=False)
    hygiene_decisions.decide(
        resources, tenant_slug=slug, run_id=run_id, approved=True, actor="Ada", reason="seen"
    )


def test_a_process_that_is_killed_amid_the_taking_is_carried_on_by_the_next_night(
    resources: Resources, database: Database, tmp_path: Path
) -> None:
    """kill -9 between two transactions: each person is taken once, and the approval is not asked for again."""
    scene = at_a_dead_domain(database, 20, 80)
    found = night(resources, scene)
    assert found.waits
    context = multiprocessing.get_context("spawn")
    chunk_done = context.Semaphore(0)
    process = context.Process(
        target=_approve_slowly, args=(database.url, str(tmp_path), scene.slug, found.run_id, chunk_done)
    )
    process.start()
    for _ in range(3):
        assert chunk_done.acquire(timeout=60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = retired(database, scene)
    assert 0 < before < 20
    (row, *_) = hygiene_decisions.status(resources, tenant_slug=scene.slug)["nights"]
    assert (row["state"], row["decided_by"]) == ("applying", "Ada")
    after = night(resources, scene)
    assert (after.state, after.counts, retired(database, scene)) == (RunState.APPLIED, {}, 20)
    with database.begin() as session:
        outcomes = rows(session, "SELECT outcome, count(*) AS n FROM hygiene_removal GROUP BY 1")
    assert json.loads(json.dumps([dict(row) for row in outcomes])) == [{"outcome": "taken", "n": 20}]


def test_who_is_retired_while_a_campaign_is_sent_is_skipped_with_the_reason(
    resources: Resources, database: Database
) -> None:
    """Hygiene and a campaign never disagree: retired between the plan and the intent means not sent."""
    scene = at_a_dead_domain(database, 5, 95)
    with database.begin() as session:
        plan(session, scene)
        an_account(session)
    assert night(resources, scene).state is RunState.APPLIED
    with sender(resources, scene.campaign_id) as sending:
        sending.send(seconds=30)
    with database.begin() as session:
        assert states(session, scene) == {"sent": 95, "skipped": 5}
        reasons = rows(session, "SELECT DISTINCT skip_reason FROM delivery WHERE state = 'skipped'")
        assert [row["skip_reason"] for row in reasons] == ["retired"]
    assert not [one for one in resources.ses.recipients if one.endswith("@gone.test")]
