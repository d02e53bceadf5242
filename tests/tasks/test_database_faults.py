"""What a database can do to a sender: no call without a commit, no doubt without a call, no error that says nothing."""

from threading import Thread
from time import sleep

import pytest

from core.errors import LedgerBusyError, StorageFullError
from core.runs import Ending
from store.session import Database, run
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")


def fail(
    database: Database, sqlstate: str, table: str, event: str, *, times: int, when: str = "true"
) -> None:
    """Let statements on a table fail with an SQLSTATE, so many times; a sequence counts, as it is never rolled back."""
    with database.begin() as session:
        run(session, "CREATE SEQUENCE failures")
        run(
            session,
            f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'made' USING ERRCODE = '{sqlstate}'; END IF;
                    RETURN NEW; END $$""",
        )
        run(
            session,
            f"""CREATE TRIGGER fail BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fail()""",
        )


def test_a_full_disk_during_intent_stops_the_worker_without_a_call(stage: Stage) -> None:
    """F23"""
    scene = stage.set(10)
    fail(stage.database, "53100", "delivery_attempt", "INSERT", times=1)
    with pytest.raises(StorageFullError, match="disk is full") as caught:
        stage.send(scene)
    assert (caught.value.code, bool(caught.value.hint)) == ("storage_full", True)
    assert stage.ses.calls == []
    assert stage.states(scene) == {"pending": 10}
    stage.send(scene)
    assert stage.states(scene) == {"sent": 10}
    assert stage.called_twice() == []


@pytest.mark.parametrize("sqlstate", ["40P01", "40001", "55P03"])
@pytest.mark.parametrize("beat", ["claimed", "submitting", "sent"])
def test_what_the_server_rolled_back_is_tried_again_and_leaves_no_doubt(
    stage: Stage, sqlstate: str, beat: str
) -> None:
    """F24"""
    scene = stage.set(10)
    fail(stage.database, sqlstate, "delivery", "UPDATE", times=2, when=f"NEW.state = '{beat}'")
    tally = stage.send(scene)
    assert (tally.accepted, tally.in_doubt, tally.ending) == (10, 0, Ending.NOTHING_DUE)
    assert stage.states(scene) == {"sent": 10}
    assert stage.called_twice() == []


def test_a_lock_that_is_held_for_a_moment_is_waited_for(stage: Stage) -> None:
    """F24, with a real lock and a lock_timeout."""
    scene = stage.set(10)
    with stage.database.begin() as session:
        name = run(session, "SELECT current_database()").scalar_one()
        run(session, f"ALTER DATABASE {name} SET lock_timeout = '50ms'")
    stage.database.dispose()

    def hold() -> None:
        with stage.database.begin() as session:
            run(session, "SELECT FROM ses_account FOR UPDATE")
            sleep(0.7)

    holder = Thread(target=hold)
    holder.start()
    sleep(0.1)
    tally = stage.send(scene)
    holder.join(10)
    assert (tally.accepted, tally.in_doubt) == (10, 0)


def test_a_database_that_stays_busy_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """F24"""
    monkeypatch.setattr("store.session.time.sleep", lambda _seconds: None)
    scene = stage.set(2)
    fail(stage.database, "40P01", "delivery_attempt", "INSERT", times=100)
    with pytest.raises(LedgerBusyError) as caught:
        stage.send(scene)
    assert caught.value.code == "database_busy"
    assert stage.ses.calls == []
    assert stage.states(scene) == {"pending": 2}
