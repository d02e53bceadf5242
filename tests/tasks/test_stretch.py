"""A signal ends a stretch after the window that is being called."""

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from core.message import Message
from tasks import stretch
from tasks.sending import sender
from tests.stage import Stage


class Interrupted(BaseException):
    """What a handler of SIGTERM raises, as Prefect's does."""


@pytest.fixture
def interruptible() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("interruptible")
def test_a_signal_ends_a_stretch_with_its_window_recorded_and_its_claims_given_back(stage: Stage) -> None:
    """A deploy loses nothing: 8 are called when the signal comes, and the other 52 wait for whoever comes next."""
    stopped: list[threading.Event] = []

    def signal_at_the_third(_message: Message, number: int) -> str:
        if number == 3:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
        if number >= 3:
            assert stopped[0].wait(10)
        return f"fake-{number}"

    scene = stage.set(60, signal_at_the_third)
    with sender(stage.resources(claim_size=60, window_size=8), scene.campaign_id) as sending:
        stopped.append(sending._stopped)
        with pytest.raises(Interrupted):
            stretch.send(sending, seconds=60)
    assert stage.states(scene) == {"sent": 8, "pending": 52}
    assert all(row["claim_token"] is None for row in stage.ledger(scene))
    stage.send(scene)
    assert stage.states(scene) == {"sent": 60}
    assert stage.called_twice() == []


def test_a_stretch_that_nobody_interrupts_ends_as_the_sender_says(stage: Stage) -> None:
    scene = stage.set(5)
    with sender(stage.resources(), scene.campaign_id) as sending:
        assert stretch.send(sending, seconds=60).accepted == 5


def test_an_error_of_the_sender_is_raised_where_it_was_asked_to_send(stage: Stage) -> None:
    def broken(_message: Message, _number: int) -> str:
        raise ZeroDivisionError

    scene = stage.set(5, broken)
    with sender(stage.resources(), scene.campaign_id) as sending, pytest.raises(ZeroDivisionError):
        stretch.send(sending, seconds=60)
