"""Sending: one campaign's messages, in the three beats intent, call, record.

    claim     some hundred deliveries are reserved and rendered, outside any transaction
    intent    one transaction: rate, campaign and tenant state, suppressions, allowance, and the attempt ids
    call      up to `calls_in_flight` at once, each attempt exactly once, none after its deadline
    record    one transaction, fenced by the attempt ids

Whatever kills this process at whatever point leaves rows that somebody else carries on: see docs/sending.md. This
module knows no Prefect; `tasks/campaigns.py` makes steps of it, the command line calls it directly.
"""

import random
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NoReturn

from core import allowances as rule
from core import outcomes, pacing
from core.breakage import Breakage
from core.deliveries import Move
from core.errors import InputError, PosthouseError, SendingError, TemplateError
from core.message import Message, tags_for
from core.runs import Ending, Tally
from store import allowances, deliveries
from store.deliveries import Attempt, Claimed, Outcome
from store.session import Session
from tasks.auditing import Auditor
from tasks.calls import Answer, Call, call_out
from tasks.claiming import Claimer
from tasks.intents import NOBODY, Begun, Intents, Outdated, Rendered
from tasks.messages import Job, load_job, message_for
from tasks.rate import LIMIT, SHORT_WAITS, reserve
from tasks.reactions import is_breakage_forgiven, pause_for_breakage, react
from tasks.resources import Resources
from tasks.stopping import Stop


CALL_DEADLINE_SHARE: Final = 0.7  # of the lease; the rest is for the answer and the clock
PATIENCE: Final = timedelta(seconds=5)  # a wait for the rate is slept out, a longer one ends the stretch


@contextmanager
def sender(resources: Resources, campaign_id: int, *, run: str = "") -> Iterator["Sender"]:
    """Yield a sender for a campaign, with its own threads for the calls.

    Args:
        resources: Of this process.
        campaign_id: What is sent.
        run: The flow run that sends. Its claims carry it, so that they can be given back when the run is known to be dead.
    """
    with ThreadPoolExecutor(resources.settings.calls_in_flight, thread_name_prefix="ses") as pool:
        yield Sender(resources, load_job(resources, campaign_id), pool, run=run)


@dataclass(frozen=True, slots=True)
class _Window:
    """Attempts whose intents are committed: each is called once, none after the deadline."""

    calls: Sequence[Call]
    day: date
    deadline: float
    is_probe: bool


class Sender:
    """Sends one campaign in one process. Any number of them may work on the same campaign at once."""

    def __init__(self, resources: Resources, job: Job, pool: ThreadPoolExecutor, *, run: str = "") -> None:
        self._resources = resources
        self._settings = resources.settings
        self._database = resources.database
        self._ses = resources.ses
        self._job = job
        self._pool = pool
        self._run = run
        self._stopped = threading.Event()
        self._memory = outcomes.Memory()
        self._breakage = None if is_breakage_forgiven(resources, job) else Breakage()
        self._auditor = Auditor(resources, job)
        self._claimer = Claimer(resources, job)
        self._intents = Intents(resources.settings, job, self._auditor, self._claimer)
        self._domain = {"tenant_id": job.tenant_id, "sending_domain_id": job.campaign.sending_domain_id}

    def send(self, *, seconds: float) -> Tally:
        """Send for about this long, or until the campaign cannot go on now; return what it came to."""
        tally, ends = Tally(), time.monotonic() + seconds
        try:
            while self._goes_on(ends):
                started = time.monotonic()
                self._send_batch(tally, ends)
                self._slow_down(time.monotonic() - started, ends)
        except Stop as stop:
            tally.ending, tally.wait, tally.reason = stop.ending, stop.wait, stop.reason
        return tally

    def stop(self) -> None:
        """End the stretch after the window that is being called; for another thread than the one that sends."""
        self._stopped.set()

    def _goes_on(self, ends: float) -> bool:
        return time.monotonic() < ends and not self._stopped.is_set()

    def _slow_down(self, worked: float, ends: float) -> None:
        """Rest as a breaker wants it: at a quarter of the pace, three times as long as there was work."""
        if self._claimer.pace < 1:
            rest = worked * (1 / self._claimer.pace - 1)
            self._stopped.wait(max(min(rest, ends - time.monotonic()), 0))

    def _send_batch(self, tally: Tally, ends: float) -> None:
        """Claim, render and send some hundred deliveries; give back what the end of the stretch leaves over."""
        token = f"{self._run}.{secrets.token_urlsafe(12)}"  # store.leases reads whose it is
        claimed = self._claim(token, ends - time.monotonic())
        by_id = {delivery.delivery_id: delivery for delivery in claimed}
        held = set(by_id)
        try:
            waiting = deque(self._render(token, claimed, tally))
            while waiting and self._goes_on(ends):
                try:
                    window = self._begin(token, waiting, tally)
                except Outdated:
                    waiting = deque(self._render(token, [by_id[item.delivery_id] for item in waiting], tally))
                    continue
                held -= {attempt.delivery_id for attempt, _ in window.calls}
                self._record(window, list(self._call(window)), tally)
        finally:
            if held:
                self._release(token, held)

    def _release(self, token: str, held: Collection[int]) -> None:
        """Give back what was claimed and not begun."""
        self._database.repeat(
            lambda session: deliveries.release(
                session, tenant_id=self._job.tenant_id, token=token, delivery_ids=held
            )
        )

    def _claim(self, token: str, seconds: float) -> list[Claimed]:
        claimed, soon = self._claimer.claim(token, seconds)
        if not claimed:
            # Throttled messages come back within seconds; nobody should have to start another run for them.
            self._stopped.wait(min(max(soon.total_seconds(), 0.05), max(seconds, 0.05)))
        return claimed

    def _render(self, token: str, claimed: Sequence[Claimed], tally: Tally) -> list[Rendered]:
        """Render each message; one that cannot be rendered fails alone, without a call, and many pause the campaign."""
        self._auditor.check(claimed)
        rendered: list[Rendered] = []
        broken: dict[str, list[int]] = {}
        for delivery in claimed:
            try:
                message = message_for(self._resources, self._job, delivery)
            except (TemplateError, InputError) as error:
                broken.setdefault(error.code, []).append(delivery.delivery_id)
                self._watch(error)
            else:
                rendered.append(Rendered(delivery.delivery_id, delivery.provider, message))
                self._watch(None)
        if self._breakage and self._breakage.is_total:
            self._stop_for(self._breakage)
        for code, delivery_ids in broken.items():
            with self._database.begin() as session:
                tally.failed += deliveries.fail_claimed(
                    session, tenant_id=self._job.tenant_id, token=token, delivery_ids=delivery_ids, code=code
                )
        return rendered

    def _watch(self, error: PosthouseError | None) -> None:
        if self._breakage:
            self._breakage.note(error)
            if self._breakage.is_mass:
                self._stop_for(self._breakage)

    def _stop_for(self, breakage: Breakage) -> NoReturn:
        """Pause the campaign; what is claimed, the broken included, goes back to those who wait."""
        pause_for_breakage(self._resources, self._job, breakage)
        raise Stop(Ending.STOPPED, reason=breakage.in_words())

    def _begin(self, token: str, waiting: deque[Rendered], tally: Tally) -> _Window:
        """Commit the intents of the next window, sleeping out the rate limit first.

        When the commit's own answer is lost, nobody knows whether the intents exist: the exception ends the run
        without a call, and the reaper and the evidence settle the rows. So this is repeated only when the server itself
        says that it has rolled it back.
        """
        wanted = min(len(waiting), self._settings.window_size)

        def intend(session: Session) -> tuple[pacing.Grant, list[Rendered], Begun]:
            reserved = reserve(
                session,
                region=self._ses.region,
                asker=self._claimer.asker,
                providers=[item.provider for item in waiting],
                wanted=wanted,
            )
            window = [waiting[index] for index in reserved.chosen]
            begun = self._intents.of(session, token, window) if window else NOBODY
            return reserved.grant, window, begun

        while True:
            started = time.monotonic()
            grant, window, begun = self._database.again(intend)
            if window:
                break
            if grant.held_by == LIMIT and self._claimer.has_others(item.provider for item in waiting):
                waiting.clear()  # messages to providers without a limit may leave meanwhile
                return _Window([], date.min, started, is_probe=False)
            self._wait(grant)
        for item in window:
            waiting.remove(item)
        tally.skipped += begun.skipped
        if not begun.attempts:
            waiting.clear()  # nobody was admitted: the next claim finds out who may be
        messages = {item.delivery_id: item.message for item in window}
        calls = [(attempt, messages[attempt.delivery_id]) for attempt in begun.attempts]
        deadline = started + CALL_DEADLINE_SHARE * self._settings.call_lease_seconds
        return _Window(calls, begun.day, deadline, grant.is_probe)

    def _wait(self, grant: pacing.Grant) -> None:
        """Sleep until the rate admits more, or end the stretch when that takes longer than patience."""
        if grant.wait > PATIENCE or grant.held_by not in SHORT_WAITS:
            endings = {"quota": Ending.QUOTA, pacing.STOPPED: Ending.ALLOWANCE}
            ending = endings.get(grant.held_by, Ending.BLOCKED)
            raise Stop(ending, wait=grant.wait, reason=grant.held_by)
        if self._stopped.wait(grant.wait.total_seconds()):
            raise Stop(Ending.MORE)

    def _call(self, window: _Window) -> Iterator[Answer]:
        """Call out the window; yield each attempt with its `ses_message_id` or its error."""
        calls = [(attempt, self._tagged(attempt, message)) for attempt, message in window.calls]
        api = self._job.tenant.delivery_api
        return call_out(self._ses, self._pool, calls, api=api, deadline=window.deadline)

    def _tagged(self, attempt: Attempt, message: Message) -> Message:
        return message.tagged(
            tags_for(
                tenant=self._job.tenant.slug,
                campaign_id=self._job.campaign_id,
                delivery_id=attempt.delivery_id,
                attempt_id=attempt.attempt_id,
            )
        )

    def _record(self, window: _Window, answers: Sequence[Answer], tally: Tally) -> None:
        """Write down what the calls came to, then act on what the errors say about everybody's next call."""
        accepted = [(attempt, answer) for attempt, answer in answers if isinstance(answer, str)]
        refused = [(attempt, answer) for attempt, answer in answers if isinstance(answer, SendingError)]
        results = [_outcome(attempt, error) for attempt, error in refused]

        def record(session: Session) -> Counter[str]:
            if accepted:
                deliveries.record_accepted(session, tenant_id=self._job.tenant_id, accepted=accepted)
            pending = deliveries.record_outcomes(session, tenant_id=self._job.tenant_id, outcomes=results)
            self._claimer.hold.use(session, -pending.total())
            tokens = rule.used(pending.elements())
            allowances.use(
                session,
                **self._domain,
                day=window.day,
                tokens={provider: -number for provider, number in tokens.items()},
            )
            return pending

        tally.retried += self._database.repeat(record).total()
        tally.accepted += len(accepted)
        tally.failed += sum(result.move is Move.REFUSED for result in results)
        tally.in_doubt += sum(result.move is Move.LOST for result in results)
        react(
            self._resources,
            self._job,
            self._memory,
            [error for _, error in refused],
            accepted=len(accepted),
            is_probe=window.is_probe,
        )


def _outcome(attempt: Attempt, error: SendingError) -> Outcome:
    verdict = outcomes.verdict(error, jitter=random.random())  # noqa: S311  # jitter, not a secret
    return Outcome(
        attempt,
        move=verdict.move,
        code=verdict.code,
        http_status=error.http_status,
        request_id=error.request_id,
        retry_in=verdict.retry_in,
    )
