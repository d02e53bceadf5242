"""Leases by run: the dead are relieved, and nobody else."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from core.providers import OTHER
from store import deliveries, leases
from store.deliveries import Attempt
from tests.builders import Scene, a_scene, plan, states


LEASE = timedelta(seconds=300)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A planned campaign to four people."""
    scene = a_scene(session, contacts=4)
    plan(session, scene)
    return scene


def claim(session: Session, scene: Scene, token: str, limit: int, lease: timedelta = LEASE) -> list[int]:
    claimed = deliveries.claim(session, **scene.campaign, token=token, shares={OTHER: limit}, lease=lease)
    return [delivery.delivery_id for delivery in claimed]


def at_work(session: Session, scene: Scene) -> set[str]:
    return leases.runs_at_work(session, tenant_id=scene.tenant_id)


def test_who_is_at_work_is_read_from_the_tokens_of_live_leases(session: Session, scene: Scene) -> None:
    claim(session, scene, "run-1.abc", 1)
    claim(session, scene, "run-1.def", 1)
    claim(session, scene, ".outside-of-a-run", 1)
    claim(session, scene, "run-2.abc", 1, lease=timedelta(seconds=-1))
    assert at_work(session, scene) == {"run-1"}


def test_a_dead_run_gives_back_its_claims_and_its_calls_become_doubt(session: Session, scene: Scene) -> None:
    (called, _) = claim(session, scene, "dead.abc", 2)
    begun = deliveries.begin(
        session,
        tenant_id=scene.tenant_id,
        token="dead.abc",
        attempts=[Attempt(called, "a1")],
        lease=LEASE,
    )
    assert len(begun) == 1
    claim(session, scene, "alive.abc", 1)
    assert leases.end(session, tenant_id=scene.tenant_id, dead_runs=["dead", "unknown"]) == 2
    assert leases.reap(session, tenant_id=scene.tenant_id) == (1, 1)
    assert states(session, scene) == {"in_doubt": 1, "pending": 2, "claimed": 1}
    assert at_work(session, scene) == {"alive"}


def test_another_tenants_leases_are_left_alone(session: Session, scene: Scene) -> None:
    stranger = a_scene(session, contacts=1)
    plan(session, stranger)
    claim(session, stranger, "dead.abc", 1)
    assert leases.end(session, tenant_id=scene.tenant_id, dead_runs=["dead"]) == 0
    assert at_work(session, stranger) == {"dead"}
