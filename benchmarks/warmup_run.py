"""A warm-up from cold to done, end to end, in minutes: the real campaign code against receivers that learn, by a clock that leaps.

One tenant, a new sending domain, one campaign to five mailbox providers of which one is strict. Every step is that of a
worker: create, plan, start, dispatch, send, take events, advance the warm-up, settle. Only the calendar is not: when nobody is
due, the clock of the database and of the simulator leaps to the next moment at which Prefect would start something.

`python -m benchmarks.warmup_run --contacts 200000` tells the days as Markdown, or with `--json` as one document; exit 1 if the
judge, which is the simulator's accept log, found anything.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from benchmarks import warmup_report
from benchmarks.crash.keeper import EventLog, ingest
from benchmarks.fast_clock import FastClock
from benchmarks.measuring import Result, machine
from benchmarks.sender import a_simulator
from benchmarks.warmup_people import PROVIDERS, people, profile
from benchmarks.warmup_report import Morning, Report
from benchmarks.world import World, a_world
from core.campaigns import CampaignState
from core.runs import Ending, Tally
from core.warmup_schedule import ADAPTIVE
from core.windows import Hours, Timing, window_of
from models import Audience, Tenant
from store.session import one, run
from tasks import accounts, campaigns, dispatching, forecasts, mailbox_domains, stretch, warmup
from tasks import tenants as tenant_steps
from tasks.sending import sender


SIZE: Final = 50_000
DAYS: Final = 60
SEED: Final = 7
ZONE: Final = ZoneInfo("Europe/Berlin")
HOURS: Final = "08:00-20:00"
STRETCH_SECONDS: Final = 2.0  # after which events are taken, as a worker does beside the sender
DECIDES_AT: Final = timedelta(minutes=12)  # prefect.yaml: hourly, twelve minutes past
DISPATCHES_EVERY: Final = timedelta(minutes=5)
SLUG: Final = "warming"


def measure(size: int = SIZE) -> Result:
    """Run with `size` contacts."""
    report = warm_up(size)
    return Result(goals=report.goals(), figures=report.as_json())


def warm_up(contacts: int, *, days: int = DAYS, seed: int = SEED, scale: float = 1.0) -> Report:
    """Send one campaign to so many people; return what the days were like and what the judge says.

    Args:
        contacts: Whom the campaign goes to.
        days: After so many simulated days the run gives up.
        seed: Of the simulator.
        scale: Of the receivers' capacities.
    """
    before, began = machine(), time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "profile.json").write_text(json.dumps(profile(scale=scale)))
        events, log = folder / "events.jsonl", folder / "accepted.jsonl"
        events.touch()
        arguments = ["--seed", str(seed), "--profile", str(folder / "profile.json")]
        arguments += ["--event-log", str(events), "--accept-log", str(log)]
        with a_simulator(*arguments, "--event-delay-seconds", "0", "0.05") as url, a_world() as world:
            warming = _begin(world, url, contacts, EventLog(events, folder / "place"))
            warming.live(days)
            return warmup_report.made(
                warming.resources,
                campaign_id=warming.campaign_id,
                mornings=warming.mornings,
                spent=dict(warming.spent),
                log=log,
                url=url,
                zone=ZONE,
                seconds=time.monotonic() - began,
                machine=before,
            )


def _begin(world: World, url: str, contacts: int, events: EventLog) -> "Warming":
    """Make the tenant, its people and the campaign, which is checked, planned and started at dawn of the first day."""
    resources = world.resources
    tenant_id = tenant_steps.add(resources, _tenant(), schedule=ADAPTIVE)
    for provider in PROVIDERS:
        for domain in provider.domains:
            mailbox_domains.choose(
                resources, domain, provider=provider.key, actor="benchmark", reason="a reserved name"
            )
    _contacts(world, tenant_id, contacts)
    clock = FastClock(resources.database, url)
    tomorrow = clock.now().astimezone(ZONE).date() + timedelta(days=1)
    clock.leap(_at(tomorrow, timedelta(hours=6)))
    campaign_id = campaigns.create(
        resources,
        tenant_slug=SLUG,
        name="Autumn letter",
        audience="everybody",
        template="newsletter",
        timing=Timing(hours=Hours(windows=(window_of(HOURS),))),
    )
    accounts.refresh(resources)
    campaigns.start(resources, campaign_id)
    campaigns.plan(resources, campaign_id)
    world.settle()
    return Warming(world, clock, events, tenant_id, campaign_id)


def _tenant() -> Tenant:
    return Tenant(
        slug=SLUG,
        name="Kestrel Workshop",
        from_name="Kestrel Workshop",
        from_address="letter@warming.example",
        reply_to="hello@warming.example",
        postal_address="Kestrel Workshop Ltd, 14 Quay Street, Bristol BS1 4DJ, United Kingdom",
        website="https://kestrel.example/",
        time_zone=ZONE.key,
        configuration_set=SLUG,
        ses_tenant_name=SLUG,
    )


def _contacts(world: World, tenant_id: int, contacts: int) -> None:
    """Make the audience: each domain has its share, in an order that says nothing about it."""
    counts = people(contacts)
    with world.resources.database.begin() as session:
        audience = Audience(tenant_id=tenant_id, name="everybody")
        session.add(audience)
        session.flush()
        run(
            session,
            """WITH made AS (
                   INSERT INTO contact (tenant_id, address, recipient_key, attributes)
                   SELECT :tenant_id, 'reader' || n || '@' || d.domain, md5(d.domain || n),
                          jsonb_build_object('first_name', 'Ada', 'last_name', 'Lovelace', 'city', 'Bristol')
                   FROM unnest(CAST(:domains AS text[]), CAST(:counts AS bigint[])) AS d (domain, people),
                        generate_series(1, d.people) AS n
                   RETURNING id
               )
               INSERT INTO audience_member (tenant_id, audience_id, contact_id)
               SELECT :tenant_id, :audience_id, id FROM made""",
            tenant_id=tenant_id,
            audience_id=audience.id,
            domains=list(counts),
            counts=list(counts.values()),
        )


def _at(day: date, after_midnight: timedelta) -> datetime:
    return datetime.combine(day, datetime.min.time(), ZONE) + after_midnight


@dataclass(slots=True)
class Warming:
    """A campaign that is being sent by the calendar."""

    world: World
    clock: FastClock
    events: EventLog
    tenant_id: int
    campaign_id: int
    mornings: list[Morning] = field(default_factory=list)
    spent: Counter[str] = field(default_factory=Counter)  # real seconds, by what they went into

    @property
    def resources(self) -> Any:
        """Return the resources of the one process that does everything here."""
        return self.world.resources

    def live(self, days: int) -> None:
        """Let days pass until the campaign has ended, or is paused."""
        for _ in range(days):
            self._note_morning()
            today = self.clock.now().astimezone(ZONE).date()
            while moment := self._next(today):
                self._leap(moment)
                self._dispatch()
            # Nothing of the night is left out: late deliveries are told, then the day is decided.
            self._leap(_at(today + timedelta(days=1), DECIDES_AT))
            with self._timed("dispatch"):
                dispatching.ready(self.resources)
            if self._state() != CampaignState.SENDING:
                return
            with self._timed("advance"):
                warmup.advance(self.resources, tenant_id=self.tenant_id)

    def _note_morning(self) -> None:
        with self._timed("forecast"):
            outlook = forecasts.outlook(self.resources, self.campaign_id).as_json()
        self.mornings.append(Morning(self.clock.now().astimezone(ZONE).date(), outlook))

    def _next(self, today: date) -> datetime | None:
        """Return when dispatch finds the campaign ready again today; None if not today."""
        row = self._campaign()
        if row["state"] != CampaignState.SENDING or not row["waits"]:
            return None
        resumes = max(row["resume_at"] or self.clock.now(), self.clock.now())
        moment = datetime.fromtimestamp(
            -(-resumes.timestamp() // DISPATCHES_EVERY.total_seconds()) * DISPATCHES_EVERY.total_seconds(),
            tz=ZONE,
        )
        return moment if moment.date() == today else None

    def _dispatch(self) -> None:
        with self._timed("dispatch"):
            ready = dispatching.ready(self.resources)
        if (SLUG, self.campaign_id) in ready:
            campaigns.conclude(self.resources, self.campaign_id, self._send())
            self._listen()

    def _send(self) -> Tally:
        """Send as one run does, and take events after each stretch."""
        accounts.refresh(self.resources)
        with sender(self.resources, self.campaign_id) as sending:
            while True:
                with self._timed("send"):
                    tally = stretch.send(sending, seconds=STRETCH_SECONDS)
                self._listen()
                if tally.ending is Ending.BLOCKED:
                    time.sleep(tally.wait.total_seconds())
                elif tally.ending is not Ending.MORE:
                    return tally

    def _leap(self, moment: datetime) -> None:
        with self._timed("clock"):
            self.clock.leap(moment)
        self._listen()

    def _listen(self) -> None:
        with self._timed("events"):
            while ingest(self.resources, self.events):
                pass

    def _campaign(self) -> Any:
        with self.resources.database.begin() as session:
            return one(
                session,
                """SELECT state, resume_at, EXISTS (
                       SELECT FROM delivery d WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id AND d.is_pending) AS waits
                   FROM campaign c WHERE tenant_id = :tenant_id AND id = :campaign_id""",
                tenant_id=self.tenant_id,
                campaign_id=self.campaign_id,
            )

    def _state(self) -> str:
        return str(self._campaign()["state"])

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[what] += time.monotonic() - began  # type: ignore[assignment]  # a Counter adds seconds as well


def main() -> int:
    """Return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.warmup_run", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--contacts", type=int, default=SIZE)
    parser.add_argument("--days", type=int, default=DAYS, help="simulated days after which the run gives up")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="one document for programs")
    words = parser.parse_args()
    report = warm_up(words.contacts, days=words.days, seed=words.seed)
    print(json.dumps(report.as_json()) if words.json else report.as_markdown())
    return int(not all(goal.met for goal in report.goals()))


if __name__ == "__main__":
    sys.exit(main())
