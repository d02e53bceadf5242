"""F20: the database's clock jumps in the middle of a campaign, and the simulator judges: nobody twice, nobody lost."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Lock

import pytest

from core.message import Message
from core.runs import Ending
from gateways.ses import Ses
from store.session import Database, run
from tasks import campaigns as steps
from tasks import events
from tests.builders import Scene, pass_time
from tests.simulated import Simulated, a_simulator
from tests.stage import Stage


HOUR = timedelta(hours=1)
PEOPLE = 300


class Clock:
    """The clock of one database, which can be set; that of the machine is left alone.

    A schema before `pg_catalog` in the search path has functions of the same names. Defaults of columns keep the real clock.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.begin() as session:
            run(session, "CREATE SCHEMA jumped")
            run(session, "CREATE TABLE jumped.jump AS SELECT interval '0' AS by")
            for name, kind in (("clock_timestamp", "VOLATILE"), ("now", "STABLE")):
                run(
                    session,
                    f"""CREATE FUNCTION jumped.{name}() RETURNS timestamptz LANGUAGE sql {kind} AS
                        'SELECT pg_catalog.{name}() + by FROM jumped.jump'""",
                )
            name = run(session, "SELECT current_database()").scalar_one()
            run(session, f"ALTER DATABASE {name} SET search_path = jumped, pg_catalog, public")
        database.dispose()

    def set(self, ahead: timedelta) -> None:
        """Let it be this far ahead of the machine's."""
        with self._database.begin() as session:
            run(session, "UPDATE jumped.jump SET by = :ahead", ahead=ahead)


class InterruptedSes(Ses):
    """The gateway; something happens before its n-th call leaves."""

    def __init__(self, number: int, happens: Callable[[], None]) -> None:
        super().__init__(read_timeout=0.5)
        self._calls, self._number, self._happens = 0, number, happens
        self._counting = Lock()

    def send(self, message: Message, *, deadline: float) -> str:
        with self._counting:
            self._calls += 1
            if self._calls == self._number:
                self._happens()
        return super().send(message, deadline=deadline)


@pytest.fixture
def event_log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def simulator(event_log: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulated]:
    with a_simulator("--event-log", str(event_log), "--event-delay-seconds", "0", "0") as simulated:
        for name, value in simulated.environment.items():
            monkeypatch.setenv(name, value)
        yield simulated


@pytest.fixture
def clock(database: Database) -> Clock:
    return Clock(database)


def begin(stage: Stage, number: int, happens: Callable[[Scene], None]) -> Scene:
    """Set a campaign whose n-th call waits until something has happened."""
    scene = stage.set(PEOPLE, policy="evidence")
    stage.ses = InterruptedSes(number, lambda: happens(scene))
    return scene


def settle(stage: Stage, scene: Scene) -> dict[str, int]:
    """What any process may do at any time, dispatch for example; all queues were drained."""
    return steps.settle(stage.resources(), tenant_id=scene.tenant_id, queues_are_clear=True)


def hear(stage: Stage, simulator: Simulated, event_log: Path) -> None:
    """Apply the event of every message that the simulator has accepted so far."""
    accepted = len(simulator.accepted())
    ends = time.monotonic() + 20
    while event_log.read_text().count('"eventType":"Send"') < accepted:
        assert time.monotonic() < ends, "the simulator owes events"
        time.sleep(0.05)
    events.ingest_files(stage.resources(), [event_log])


def accepted(simulator: Simulated) -> Counter[str]:
    return Counter(entry["to"][0] for entry in simulator.accepted())


def wait_for(simulator: Simulated, messages: int) -> None:
    ends = time.monotonic() + 20
    while len(simulator.accepted()) < messages:
        assert time.monotonic() < ends, "the slow calls were never accepted"
        time.sleep(0.1)


def test_an_hour_forward_does_not_end_the_guard_of_a_call_that_is_still_on_its_way(
    stage: Stage, simulator: Simulated, event_log: Path, clock: Clock
) -> None:
    """SES takes two messages seconds after everybody has given them up, and by then they seem to be an hour old.

    With the jump every lease is over at once, and is ended although its worker is alive.
    """
    simulator.fault("slow", seconds=6, times=2)
    simulator.fault("hang", when="after", times=1)

    def jump(scene: Scene) -> None:
        clock.set(HOUR)
        reaped = settle(stage, scene)
        assert reaped["freed"] + reaped["in_doubt"] > 0

    scene = begin(stage, PEOPLE - 30, jump)
    assert stage.send(scene).ending is Ending.NOTHING_DUE
    assert stage.states(scene) == {"sent": PEOPLE - 3, "in_doubt": 3}
    hear(stage, simulator, event_log)
    assert settle(stage, scene)["again"] == 0
    assert stage.send(scene).accepted == 0
    wait_for(simulator, PEOPLE)
    clock.set(timedelta(0))
    hear(stage, simulator, event_log)
    assert stage.states(scene) == {"sent": PEOPLE}
    assert set(accepted(simulator).values()) == {1}


def test_an_hour_back_holds_nobody_up_and_doubles_nobody(
    stage: Stage, simulator: Simulated, event_log: Path, clock: Clock
) -> None:
    """Of four calls without an answer two were accepted. The others are honest doubt: nobody knows when they were made."""
    simulator.fault("hang", when="after", times=2)
    simulator.fault("hang", when="before", times=2)
    scene = begin(stage, PEOPLE // 2, lambda _scene: clock.set(-HOUR))
    tally = stage.send(scene, seconds=30)
    assert (tally.accepted, tally.in_doubt, tally.ending) == (PEOPLE - 4, 4, Ending.NOTHING_DUE)
    hear(stage, simulator, event_log)
    pass_time(stage.database, timedelta(minutes=21))
    assert settle(stage, scene)["again"] == 0
    clock.set(timedelta(0))
    assert settle(stage, scene)["again"] == 0
    assert stage.states(scene) == {"sent": PEOPLE - 2, "in_doubt": 2}
    pass_time(stage.database, timedelta(hours=25))
    settle(stage, scene)
    assert stage.states(scene) == {"sent": PEOPLE - 2, "unconfirmed": 2}
    assert (len(accepted(simulator)), set(accepted(simulator).values())) == (PEOPLE - 2, {1})


def test_messages_that_were_throttled_before_the_clock_went_back_do_not_wait_an_hour(
    stage: Stage, simulator: Simulated, clock: Clock
) -> None:
    """F20"""
    simulator.fault("throttle", times=3)
    scene = begin(stage, 10, lambda _scene: clock.set(-HOUR))
    stage.send(scene)
    assert stage.states(scene) == {"sent": PEOPLE}
