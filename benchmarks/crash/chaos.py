"""Chaos: one run from a planned campaign to the verdict."""

import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.crash import caps as capping
from benchmarks.crash import plan as plans
from benchmarks.crash.caps import FirstDay
from benchmarks.crash.crew import Crew
from benchmarks.crash.faults import Simulator, a_simulator
from benchmarks.crash.keeper import EventLog, ingest
from benchmarks.crash.plan import SIGNATURE_SECONDS, Plan
from benchmarks.crash.verdict import Verdict, judge
from benchmarks.world import World, a_world
from core.deliveries import TERMINAL, Policy, State
from core.tenants import DeliveryApi
from gateways import postgres
from gateways.postgres import _run as run_program
from store.session import rows, run
from tasks import campaigns


DATABASE_CRASHES: Final = 0.04  # for each kill, and one at least
LONGEST_CALM_SECONDS: Final = 0.5
_TICK_SECONDS: Final = 0.05
_FULL_SECONDS: Final = 2.0  # the crew goes on asking for as long when all tokens of a day are taken
# The last tenth of the people is for what the last kill leaves behind.
_KILLS_END_AT: Final = 0.9
# So high that thirty throttlings, each of which takes a third away, leave a rate that nobody waits for.
_SEND_RATE: Final = 10_000_000
_OPEN: Final = [str(state) for state in State if state not in TERMINAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked for."""

    kills: int
    rows: int
    policy: Policy
    api: DeliveryApi
    seed: int
    workers: int
    naive: bool
    event_loss: float = 0.0
    caps: bool = False

    @property
    def limit_seconds(self) -> float:
        """Return when a run is given up: its kills, then two windows of doubt, on a slow machine."""
        return 300.0 + 3.0 * self.kills


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done, and what came of it."""

    kills: int
    pauses: int
    database_crashes: int
    failpoints: int
    first_day: FirstDay  # under caps; nobody without
    verdict: Verdict
    seconds: float

    def ok(self, policy: Policy) -> bool:
        """Whether nobody was harmed, and the caps were reached and kept."""
        return self.verdict.ok(policy) and not self.first_day.beyond and not self.first_day.unfilled

    def as_json(self) -> dict[str, float]:
        """Return one flat object."""
        document = asdict(self)
        verdict = document.pop("verdict")
        first_day = {f"first_day_{name}": value for name, value in document.pop("first_day").items()}
        return {**document, **first_day, **verdict, "seconds": document["seconds"]}


def torment(options: Options) -> Report:
    """Send a campaign while its processes are killed, and judge it."""
    with (
        a_world() as world,
        tempfile.TemporaryDirectory(prefix="posthouse-crash-") as name,
        a_simulator(Path(name), seed=options.seed, event_loss=options.event_loss) as simulator,
    ):
        os.environ["AWS_ENDPOINT_URL_SESV2"] = simulator.url
        return _Run(options, world, simulator, _plan(world, simulator, Path(name), options)).until_over()


def _plan(world: World, simulator: Simulator, folder: Path, options: Options) -> Plan:
    """Plan a campaign of a tiny template."""
    world.account(max_send_rate=_SEND_RATE)
    campaign_id = world.campaign(world.contacts(options.rows))
    if options.caps:
        capping.move_in(world)
    with world.resources.database.begin() as session:
        run(session, "UPDATE campaign SET policy = :policy", policy=options.policy)
        run(session, "UPDATE tenant SET delivery_api = :api", api=options.api)
    planned = campaigns.plan(world.resources, campaign_id)
    assert planned == options.rows, planned
    if options.caps:
        capping.set_caps(world, capping.caps_for(options.rows))
    return Plan(
        settings=plans.settings(
            world.resources.database.url, world.folder, options.policy, event_loss=options.event_loss
        ),
        tenant_id=world.tenant_id,
        campaign_id=campaign_id,
        event_log=simulator.event_log,
        folder=folder,
        seed=options.seed,
    )


class _Run:
    """One campaign among its killers."""

    def __init__(self, options: Options, world: World, simulator: Simulator, plan: Plan) -> None:
        self._options, self._world, self._simulator, self._plan = options, world, simulator, plan
        self._database = world.resources.database
        self._chance = random.Random(options.seed)
        crashes = max(1, math.ceil(DATABASE_CRASHES * options.kills)) if options.kills else 0
        self._crash_at = sorted(self._chance.sample(range(options.kills), crashes))
        self._database_crashes = 0
        self._first_day = FirstDay()

    def until_over(self) -> Report:
        """Go on until nobody is open any more, or the time is up."""
        started = time.monotonic()
        with self._crew() as crew:
            self._wait_for_the_first(crew, started + self._options.limit_seconds)
            if self._options.caps:
                self._strike_until(crew, self._options.kills // 2, started + self._options.limit_seconds)
                self._end_first_day(crew, started + self._options.limit_seconds)
            self._strike_until(crew, self._options.kills, started + self._options.limit_seconds)
            self._wait_until_settled(crew, started + self._options.limit_seconds)
        self._simulator.control("POST", "flush")
        log = EventLog(self._plan.event_log, self._plan.folder / "event-log.place")
        while not self._options.naive and ingest(self._world.resources, log):
            pass
        if crew.accidents:
            errors = (self._plan.folder / "errors.log").read_text()
            print(f"{crew.accidents} processes died of an exception:\n{errors[-4000:]}", file=sys.stderr)
        return Report(
            kills=crew.kills,
            pauses=crew.pauses,
            database_crashes=self._database_crashes,
            failpoints=crew.failpoints,
            first_day=self._first_day,
            verdict=judge(self._simulator.accepted(), self._ledger(), people=self._options.rows),
            seconds=round(time.monotonic() - started, 1),
        )

    @contextmanager
    def _crew(self) -> Iterator[Crew]:
        crew = Crew(self._plan, workers=self._options.workers, naive=self._options.naive)
        try:
            yield crew
        finally:
            crew.end()

    def _wait_for_the_first(self, crew: Crew, limit: float) -> None:
        """Let the first messages leave: whoever dies while it is still importing proves nothing."""
        while self._progress() == 0.0 and time.monotonic() < limit:
            crew.revive()
            time.sleep(_TICK_SECONDS)

    def _end_first_day(self, crew: Crew, limit: float) -> None:
        """Let the crew fill the caps, then begin the next day when no call of the first can be accepted any more."""
        free, full_until = capping.free(self._world), math.inf
        while time.monotonic() < min(full_until, limit):
            crew.revive()
            time.sleep(_TICK_SECONDS)
            if full_until == math.inf:
                free = capping.free(self._world)
                full_until = math.inf if any(free.values()) else time.monotonic() + _FULL_SECONDS
        crew.end()
        time.sleep(SIGNATURE_SECONDS + 1)
        caps = capping.caps_for(self._options.rows)
        self._first_day = capping.judge(self._simulator.accepted(), caps, free)
        capping.begin_next_day(self._world, self._options.rows)

    def _strike_until(self, crew: Crew, kills: int, limit: float) -> None:
        """Kill often enough that the kills are over before the campaign is."""
        next_at = 0.0
        while crew.kills < kills and time.monotonic() < limit:
            crew.revive()
            if self._crash_at and crew.kills >= self._crash_at[0]:
                self._crash_at.pop(0)
                self._crash_database()
            is_late = self._progress() > _KILLS_END_AT * crew.kills / self._options.kills
            if is_late or time.monotonic() > next_at:
                crew.strike()
                next_at = time.monotonic() + self._chance.uniform(_TICK_SECONDS, LONGEST_CALM_SECONDS)
            time.sleep(_TICK_SECONDS)

    def _wait_until_settled(self, crew: Crew, limit: float) -> None:
        while self._still_open() and time.monotonic() < limit:
            crew.revive()
            time.sleep(4 * _TICK_SECONDS)

    def _crash_database(self) -> None:
        """Stop the server as a power cut would, and start it again: it recovers from its log."""
        data = self._world.folder / "postgres" / "data"
        run_program("pg_ctl", "stop", "--mode=immediate", f"--pgdata={data.resolve()}")
        time.sleep(self._chance.uniform(0.0, 0.5))
        postgres.ensure_running(self._world.folder)
        self._database_crashes += 1

    def _progress(self) -> float:
        """Return the share of people whose message has left, as far as anybody knows."""
        waiting = self._count("state IN ('pending', 'claimed')")
        return 1.0 - waiting / self._options.rows

    def _still_open(self) -> int:
        return self._count("state = ANY(:open)")

    def _count(self, condition: str) -> int:
        counted = self._database.repeat(
            lambda session: rows(
                session,
                f"""SELECT count(*) AS people FROM delivery
                    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND {condition}""",  # noqa: S608  # our own words
                tenant_id=self._plan.tenant_id,
                campaign_id=self._plan.campaign_id,
                open=_OPEN,
            )
        )
        people: int = counted[0]["people"]
        return people

    def _ledger(self) -> dict[str, State]:
        with self._database.begin() as session:
            ledger = rows(
                session,
                """SELECT lower(c.address) AS address, d.state FROM delivery d
                   JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
                   WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id""",
                tenant_id=self._plan.tenant_id,
                campaign_id=self._plan.campaign_id,
            )
        return {row["address"]: State(row["state"]) for row in ledger}


def as_text(report: Report) -> str:
    """Return the report as a person reads it."""
    return "\n".join(f"{name:>18} {value:>8,}" for name, value in report.as_json().items())


def as_line(report: Report) -> str:
    """Return the report as a program reads it."""
    return json.dumps(report.as_json())
