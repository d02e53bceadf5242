"""SES's suppression lists are told what they should know: in front of the simulator, over real sockets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import UnreachableError
from core.suppression import Reason
from gateways.ses_suppression import ListReason, SuppressionLists
from store.session import Database, rows, run
from tasks import ses_suppressions, suppressions
from tasks.ses_suppressions import Synced, sync
from tests.builders import Scene, a_scene
from tests.fakes import some_resources
from tests.simulated import Simulated, a_simulator


@pytest.fixture(scope="module")
def running() -> Iterator[Simulated]:
    with a_simulator() as simulated:
        yield simulated


class Lists:
    """One tenant of ours, and SES's list of it."""

    def __init__(self, database: Database, state_dir: Path, simulated: Simulated) -> None:
        self.simulated = simulated
        self.resources = some_resources(database, state_dir, ses_list_calls_per_second=1000.0)
        vars(self.resources)["suppression_lists"] = SuppressionLists(read_timeout=2.0)
        with database.begin() as session:
            self.scene: Scene = a_scene(session)
        self.pauses: list[float] = []

    @property
    def ours(self) -> dict[str, int]:
        return {"tenant_id": self.scene.tenant_id}

    def add(self, address: str, reason: Reason = Reason.HARD_BOUNCE, **wish: Any) -> None:
        suppressions.add_suppression(self.resources, **self.ours, address=address, reason=reason, **wish)

    def remove(self, address: str) -> None:
        suppressions.end_suppression(
            self.resources, **self.ours, address=address, why="mended", consented=True
        )

    def sync(self, seconds: float = 60) -> Synced:
        return sync(self.resources, **self.ours, seconds=seconds, sleep=self.pauses.append)

    def theirs(self) -> dict[str, str]:
        found = self.resources.suppression_lists.listed(ses_tenant_name=self.scene.slug)
        return {one.address: str(one.reason) for one in found}


@pytest.fixture
def lists(database: Database, tmp_path: Path, running: Simulated, monkeypatch: pytest.MonkeyPatch) -> Lists:
    running.reset()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return Lists(database, tmp_path, running)


def test_the_tenants_list_is_told_in_the_two_words_that_ses_has(lists: Lists) -> None:
    lists.add("Gone@example.net")
    lists.add("angry@example.net", Reason.COMPLAINT)
    lists.add("left@example.net", Reason.UNSUBSCRIBE)
    lists.add("both@example.net")
    lists.add("both@example.net", Reason.UNSUBSCRIBE)
    assert lists.sync().as_json() == {"put": 4, "deleted": 0, "refused": 0, "left": 0, "why": ""}
    assert lists.theirs() == {
        "Gone@example.net": "BOUNCE",
        "angry@example.net": "COMPLAINT",
        "left@example.net": "COMPLAINT",
        "both@example.net": "COMPLAINT",
    }
    assert list(lists.resources.suppression_lists.listed()) == []


def test_what_is_of_one_list_or_ends_by_itself_is_not_told(lists: Lists) -> None:
    lists.add("list@example.net", Reason.UNSUBSCRIBE, audience="readers")
    lists.add("manual@example.net", Reason.MANUAL)
    lists.add("soft@example.net", Reason.SOFT_BOUNCE)
    with lists.resources.database.begin() as session:
        run(
            session,
            "UPDATE suppression SET expires_at = now() + interval '1 day' WHERE reason = 'soft_bounce'",
        )
    assert lists.sync().put == 0
    assert lists.simulated.calls("PutTenantSuppressionAttributes") == 0


def test_a_second_run_has_nothing_to_tell(lists: Lists) -> None:
    lists.add("gone@example.net")
    assert lists.sync().put == 1
    assert lists.sync() == Synced()
    assert lists.simulated.calls("PutSuppressedDestination") == 1


def test_a_message_that_leaves_all_the_same_is_stopped_by_ses(lists: Lists) -> None:
    """That is what the backstop is for."""
    lists.add("gone@example.net")
    lists.sync()
    client = lists.resources.suppression_lists._client
    client.send_email(
        FromEmailAddress="news@acme.example",
        Destination={"ToAddresses": ["gone@example.net"]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        ConfigurationSetName="set",
        TenantName=lists.scene.slug,
    )
    assert lists.simulated.control("GET", "stats")["suppressed"] == {"OnTenantSuppressionList": 1}


def test_who_may_be_mailed_again_is_taken_off_even_if_ses_has_listed_the_person_itself(lists: Lists) -> None:
    lists.add("gone@example.net")
    lists.add("other@example.net")
    lists.resources.suppression_lists.put(
        "gone@example.net", ListReason.BOUNCE, ses_tenant_name=lists.scene.slug
    )
    lists.remove("gone@example.net")
    done = lists.sync()
    assert (done.put, done.deleted, done.left) == (1, 1, 0)
    assert lists.theirs() == {"other@example.net": "BOUNCE"}
    lists.add("gone@example.net")
    assert lists.sync().put == 1


def test_no_faster_than_ses_takes_it(lists: Lists) -> None:
    lists.add("gone@example.net")
    lists.sync()
    assert lists.pauses == [0.001, 0.001]


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ses_suppressions, "PAGE", 2)
    for number in range(5):
        lists.add(f"reader{number}@example.net")
    lists.simulated.fault(
        "reset", match={"operation": "PutSuppressedDestination"}, when="before", probability=1.0
    )
    broken = lists.sync()
    assert (broken.put, broken.left) == (0, 5)
    assert broken.why.startswith("SES: ")
    lists.simulated.control("DELETE", "faults")
    assert lists.sync(seconds=0).left == 5
    assert (lists.sync().put, len(lists.theirs())) == (5, 5)


def test_a_killed_run_has_told_at_most_a_page_that_it_tells_again(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ses_suppressions, "PAGE", 2)
    for number in range(5):
        lists.add(f"reader{number}@example.net")
    monkeypatch.setattr(ses_suppressions, "_remember", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        lists.sync()
    monkeypatch.undo()
    for name, value in lists.simulated.environment.items():
        monkeypatch.setenv(name, value)
    assert lists.sync().put == 5
    assert len(lists.theirs()) == 5


def test_an_address_that_ses_refuses_holds_up_nobody(lists: Lists) -> None:
    lists.add("gone@example.net")
    lists.add("other@example.net")
    lists.simulated.fault("reject", match={"operation": "PutSuppressedDestination"}, times=1)
    done = lists.sync()
    assert (done.put, done.refused, done.left) == (1, 1, 0)


def test_a_sandbox_that_refuses_all_is_not_asked_all_night(lists: Lists) -> None:
    for number in range(9):
        lists.add(f"reader{number}@example.net")
    lists.simulated.fault("reject", match={"operation": "PutSuppressedDestination"})
    done = lists.sync()
    assert (done.put, done.refused, done.left) == (0, 5, 4)
    assert "sandbox" in done.why


def test_a_tenant_without_a_tenant_at_ses_has_no_list(lists: Lists) -> None:
    with lists.resources.database.begin() as session:
        run(session, "UPDATE tenant SET ses_tenant_name = NULL")
    lists.add("gone@example.net")
    assert "no list of its own" in lists.sync().why
    assert ses_suppressions.forget(lists.resources, **lists.ours, address="gone@example.net") is False


def test_who_is_erased_is_taken_off_and_not_put_again(lists: Lists) -> None:
    """P06"""
    lists.add("Anna@example.net", Reason.UNSUBSCRIBE)
    lists.sync()
    assert ses_suppressions.forget(lists.resources, **lists.ours, address="Anna@example.net")
    with lists.resources.database.begin() as session:
        run(session, "UPDATE suppression SET address = NULL")
        told = rows(session, "SELECT * FROM ses_listing")
    assert "anna" not in str(told).lower()
    assert lists.sync().put == 0
    assert lists.theirs() == {}


def test_an_erasure_that_does_not_reach_ses_says_so(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise UnreachableError("no connection to SES")

    monkeypatch.setattr(lists.resources.suppression_lists, "delete", unreachable)
    with pytest.raises(UnreachableError):
        ses_suppressions.forget(lists.resources, **lists.ours, address="anna@example.net")
