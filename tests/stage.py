"""A stage to send on: a planned campaign, a SES that follows a script, and the process that sends."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from core.runs import Tally
from gateways.ses import Ses
from store import campaigns
from store.session import Database
from tasks.resources import Resources
from tasks.sending import sender
from tests.builders import Scene, a_scene, an_account, ledger, pass_time, plan, states
from tests.fakes import FakeSes, Script, all_accepted, some_resources


class Stage:
    """A planned campaign, a SES that follows a script, and the process that sends."""

    def __init__(self, database: Database, state_dir: Path) -> None:
        self.database = database
        self.state_dir = state_dir
        self.ses: FakeSes | Ses = FakeSes()

    def set(self, contacts: int, script: Script = all_accepted, **scene: object) -> Scene:
        with self.database.begin() as session:
            planned = a_scene(session, contacts=contacts, **scene)
            plan(session, planned)
            an_account(session)
        if isinstance(self.ses, FakeSes):
            self.ses.script = script
        return planned

    def resources(self, **settings: int) -> Resources:
        return some_resources(self.database, self.state_dir, self.ses, **settings)

    def send(self, scene: Scene, seconds: float = 30, **settings: int) -> Tally:
        with sender(self.resources(**settings), scene.campaign_id) as sending:
            return sending.send(seconds=seconds)

    def send_until_done(
        self, scene: Scene, pause: timedelta, rounds: int = 50, **settings: int
    ) -> list[Tally]:
        """Send again and again, letting time pass in between, until nobody waits."""
        tallies = []
        for _ in range(rounds):
            tallies.append(self.send(scene, **settings))
            if not self.states(scene).get("pending"):
                return tallies
            pass_time(self.database, pause)
        raise AssertionError(f"still not done: {self.states(scene)}")

    def states(self, scene: Scene) -> dict[str, int]:
        with self.database.begin() as session:
            assert campaigns.status(session, **scene.campaign).adds_up
            return states(session, scene)

    def ledger(self, scene: Scene) -> list[dict[str, object]]:
        with self.database.begin() as session:
            return list(ledger(session, scene))

    def called_twice(self) -> list[str]:
        return [recipient for recipient, calls in Counter(self.ses.recipients).items() if calls > 1]
