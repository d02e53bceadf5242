"""What the protocol costs: the real sender against a loop that sends and then writes, in turns.

The loop reads whom to send to, renders, calls, and marks each window as sent with one UPDATE. It has no claims, no
intents, no rate, no allowance and no look at suppressions, so two of it would send everything twice, and after a crash it
sends a window twice. Renderer, gateway, threads, windows and the simulator are the same.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from benchmarks.measuring import Goal, Result
from benchmarks.sender import SEND_RATE, a_simulator
from benchmarks.timed import TimedSender
from benchmarks.turns import Lane, take_turns
from benchmarks.world import World, a_world
from core.message import tags_for
from gateways import templates
from gateways.settings import PROJECT
from store.deliveries import BEGINNING, Attempt, Claimed
from store.session import rows, run
from tasks import campaigns
from tasks.calls import Call, call_out
from tasks.messages import load_job, message_for
from tasks.resources import Resources


SIZE = 20_000  # messages of each
PERCENT = 15.0


class BareLoop:
    """Sends a campaign and writes afterwards.

    Args:
        resources: Of this process.
        campaign_id: What to send.
        pool: Its threads make the calls.
    """

    def __init__(self, resources: Resources, campaign_id: int, pool: ThreadPoolExecutor) -> None:
        self._resources = resources
        self._job = load_job(resources, campaign_id)
        self._pool = pool
        self._after = 0

    def send_some(self) -> int:
        """Send to as many as one claim of the real sender would reserve; return how many messages that were."""
        settings = self._resources.settings
        people = self._read(settings.claim_size)
        self._after = people[-1].delivery_id
        calls = iter([self._call_for(person) for person in people])
        while window := list(islice(calls, settings.window_size)):
            self._send(window)
        return len(people)

    def _read(self, limit: int) -> list[Claimed]:
        with self._resources.database.begin() as session:
            found = rows(
                session,
                """SELECT d.id, d.contact_id, c.address, c.attributes
                   FROM delivery d JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
                   WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id AND d.state = 'pending'
                     AND d.id > :after
                   ORDER BY d.id LIMIT :limit""",
                tenant_id=self._job.tenant_id,
                campaign_id=self._job.campaign_id,
                after=self._after,
                limit=limit,
            )
        return [
            Claimed(
                row["id"],
                row["contact_id"],
                row["address"],
                row["attributes"],
                provider="",
                position=BEGINNING,
            )
            for row in found
        ]

    def _call_for(self, person: Claimed) -> Call:
        # As long as a real one.
        attempt = Attempt(person.delivery_id, f"{person.delivery_id:012x}-{'a' * 20}")
        tags = tags_for(
            tenant=self._job.tenant.slug,
            campaign_id=self._job.campaign_id,
            delivery_id=person.delivery_id,
            attempt_id=attempt.attempt_id,
        )
        return attempt, message_for(self._resources, self._job, person).tagged(tags)

    def _send(self, window: Sequence[Call]) -> None:
        answers = list(
            call_out(
                self._resources.ses,
                self._pool,
                window,
                api=self._job.tenant.delivery_api,
                deadline=time.monotonic() + 60,
            )
        )
        assert all(isinstance(answer, str) for _, answer in answers)
        with self._resources.database.begin() as session:
            run(
                session,
                """WITH answered AS MATERIALIZED (
                       SELECT CAST(:tenant_id AS bigint) AS tenant_id, w.*
                       FROM unnest(CAST(:ids AS bigint[]), CAST(:message_ids AS text[])) AS w (id, ses_message_id)
                   )
                   UPDATE delivery d SET state = 'sent', ses_message_id = w.ses_message_id
                   FROM answered w WHERE d.tenant_id = w.tenant_id AND d.id = w.id""",
                tenant_id=self._job.tenant_id,
                ids=[attempt.delivery_id for attempt, _ in answers],
                message_ids=[answer for _, answer in answers],
            )


def measure(size: int = SIZE) -> Result:
    """Send `size` messages each way."""
    with a_simulator(), a_world() as ours, a_world() as theirs:
        threads = ours.resources.settings.calls_in_flight
        with ThreadPoolExecutor(threads, thread_name_prefix="ses") as pool:
            protocol = Lane(
                world=ours, step=TimedSender(ours.resources, _campaign(ours, size), pool).send_claim
            )
            bare = Lane(
                world=theirs, step=BareLoop(theirs.resources, _campaign(theirs, size), pool).send_some
            )
            take_turns([protocol, bare], -(-size // ours.resources.settings.claim_size))
    return Result(
        goals=[
            _goal("the protocol's CPU time", protocol.cpu_ms / bare.cpu_ms),
            _goal("the protocol's time", protocol.seconds / bare.seconds),
        ],
        figures={"messages": size, "protocol": protocol.as_json(), "bare": bare.as_json()},
    )


def _campaign(world: World, size: int) -> int:
    world.account(max_send_rate=SEND_RATE)
    campaign_id = world.campaign(world.contacts(size), templates.load(PROJECT / "templates", "announcement"))
    campaigns.plan(world.resources, campaign_id)
    world.settle()
    return campaign_id


def _goal(what: str, ratio: float) -> Goal:
    return Goal(
        what=f"{what} over a bare loop's",
        value=round((ratio - 1) * 100, 1),
        bound="at most",
        limit=PERCENT,
        unit="%",
    )
