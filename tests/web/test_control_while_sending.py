"""Pause, resume and cancel from the web, while a worker sends."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.message import Message
from core.runs import Ending
from store.session import Database, run
from tasks import campaigns
from tests.builders import Scene
from tests.fakes import all_accepted, lost
from tests.stage import Stage
from tests.web.console import Console
from web.app import create_app
from web.doors import Doors


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    """Windows of eight calls."""
    return Stage(database, tmp_path)


def presses(
    ada: Console, action: str, scene: Callable[[], Scene], *, at: int
) -> Callable[[Message, int], str]:
    """A script in which a person presses a button while a call is under way."""

    def script(_message: Message, number: int) -> str:
        if number == at:
            assert ada.press(action, scene()).status_code == 303
        return f"fake-{number}"

    return script


def test_a_pause_from_the_web_stops_within_a_window(ada: Console, stage: Stage) -> None:
    """F28: and after a resume, by a web that was started anew, everybody gets it once."""
    scene = stage.set(60, presses(ada, "pause", lambda: scene, at=13))
    tally = stage.send(scene, window_size=8, claim_size=40)
    assert tally.ending is Ending.STOPPED
    assert 13 <= len(stage.ses.calls) <= 16
    assert stage.states(scene) == {"sent": tally.accepted, "pending": 60 - tally.accepted}

    stage.ses.script = all_accepted
    assert stage.send(scene).ending is Ending.STOPPED, "a worker that is started anew finds it paused"
    assert len(stage.ses.calls) <= 16

    app = create_app(
        Doors(
            ada.client.app.state.doors.settings,
            database=stage.database,
            token_keys=ada.client.app.state.doors.token_keys,
        )
    )
    with TestClient(app, cookies=ada.client.cookies, follow_redirects=False) as client:
        assert Console(client).press("resume", scene).status_code == 303
    stage.send(scene)
    assert stage.states(scene) == {"sent": 60}
    assert stage.called_twice() == []


def test_a_cancel_from_the_web_skips_the_rest_and_settles_what_was_called(ada: Console, stage: Stage) -> None:
    """F29"""

    def cancel(message: Message, number: int) -> object:
        answer = press(message, number)
        return lost() if number == 6 else answer

    press = presses(ada, "cancel", lambda: scene, at=5)
    scene = stage.set(40, cancel)
    assert stage.send(scene, window_size=8, claim_size=20).ending is Ending.STOPPED
    assert stage.states(scene) == {"sent": 7, "in_doubt": 1, "skipped": 32}
    with stage.database.begin() as session:
        run(
            session,
            "UPDATE delivery SET submitted_at = submitted_at - :while",
            **{"while": timedelta(hours=25)},
        )
    campaigns.settle(stage.resources(), tenant_id=scene.tenant_id)
    assert stage.states(scene) == {"sent": 7, "unconfirmed": 1, "skipped": 32}
    assert "1 unconfirmed." in ada.see(scene)
