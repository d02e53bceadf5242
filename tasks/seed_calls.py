"""Seed calls: one request's tests, in the three beats of `tasks/sending.py`: intent, call, record.

An intent for each seed is committed before its call, each is called once, and what came of it is recorded. Whatever kills
this process in between leaves a test `submitting`, which the same request does not call again. The account's rate, its
24-hour quota and its blocks are those of all senders; a campaign's allowance and ledger are not touched.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from core import outcomes, seeds
from core.errors import ConflictError, SendingError
from core.fairness import TESTS, Asker
from core.message import Message
from core.outcomes import Memory
from core.pacing import Grant
from core.providers import OTHER
from core.seeds import SeedState
from core.suppression import Reason
from core.tenants import TenantState
from core.unsubscribe import NOBODY
from models import Tenant
from store import seed_sends, tenants
from store import seeds as records
from store.deliveries import Attempt
from store.seed_sends import Outcome, Request
from store.seeds import Seed
from store.session import Row, Session
from tasks.calls import Answer, Call
from tasks.rate import SHORT_WAITS, reserve
from tasks.reactions import settle_account
from tasks.resources import Resources
from tasks.sending import CALL_DEADLINE_SHARE, PATIENCE


# Makes the calls of some attempts, none after a deadline of `time.monotonic()`; for each an answer.
Caller = Callable[[Sequence[Call], float], Sequence[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is sent to whom: the message as a seed gets it, but for the recipient and the tags."""

    tenant: Tenant
    request: Request
    message: Message
    seeds: Sequence[Seed]
    audience_id: int | None = None  # whose suppressions hold besides the tenant's
    what: str = "test"  # the first part of the Feedback-ID

    @property
    def tenant_id(self) -> int:
        """Return the id that every query takes."""
        assert self.tenant.id is not None
        return self.tenant.id


@dataclass(frozen=True, slots=True)
class _Window:
    """Tests whose intents are committed."""

    calls: Sequence[Call]
    deadline: float
    is_probe: bool


def send(resources: Resources, trial: Trial, call: Caller) -> tuple[Mapping[str, Row], Mapping[str, Reason]]:
    """Call every seed of a trial that may be called; return how each stands, and who is suppressed, by recipient key.

    Raises:
        ConflictError: The tenant is paused, or the account rests; the same request goes on later.
        LedgerBehindError: The account is in quarantine.
        ConfigurationError: The SES quota was never read.
    """
    run = _Run(resources, trial)
    while window := run.begin():
        run.record(window, call(window.calls, window.deadline))
    with resources.database.begin() as session:
        standing = seed_sends.of_request(session, tenant_id=trial.tenant_id, request=trial.request)
        return standing, _suppressed(session, trial)


class _Run:
    """One process's work on a trial. What it has called once it leaves alone, whatever came of it."""

    def __init__(self, resources: Resources, trial: Trial) -> None:
        self._resources = resources
        self._database = resources.database
        self._region = resources.ses.region
        self._trial = trial
        self._memory = Memory()
        self._called: set[str] = set()

    def begin(self) -> _Window | None:
        """Commit the intents of the next window, sleeping out the rate first; None when nobody is left to call."""
        while True:
            started = time.monotonic()
            intended = self._database.again(self._intend)
            if intended is None:
                return None
            grant, begun = intended
            self._called |= begun.keys()
            if begun:
                deadline = started + CALL_DEADLINE_SHARE * self._resources.settings.call_lease_seconds
                return _Window(self._calls(begun), deadline, grant.is_probe)
            self._wait(grant)

    def record(self, window: _Window, answers: Sequence[Answer]) -> None:
        """Write down what the calls came to, and what their errors mean for everybody's next call."""
        outcomes_ = [_outcome(attempt, answer) for attempt, answer in answers]
        tenant_id = self._trial.tenant_id
        self._database.repeat(
            lambda session: seed_sends.record(session, tenant_id=tenant_id, outcomes=outcomes_)
        )
        errors = [answer for _, answer in answers if isinstance(answer, SendingError)]
        accepted = len(answers) - len(errors)
        self._memory.note(errors, accepted)
        reaction = outcomes.reaction(
            errors,
            accepted=accepted,
            memory=self._memory,
            is_probe=window.is_probe,
            ambiguity_pause=self._resources.settings.ambiguity_pause_seconds,
        )
        self._memory.note_reaction(reaction, accepted)
        with self._database.begin() as session:
            probe_accepted = bool(window.is_probe and accepted)
            settle_account(session, region=self._region, reaction=reaction, probe_accepted=probe_accepted)

    def _intend(self, session: Session) -> tuple[Grant, dict[str, str]] | None:
        """Decide in one transaction who may be called now; None when nobody is left."""
        trial = self._trial
        tenant = tenants.by_id(session, tenant_id=trial.tenant_id)
        if tenant.state != TenantState.ACTIVE:
            hint = f"posthouse tenant resume {tenant.slug}, when its reason is gone"
            raise ConflictError(f"the tenant is paused: {tenant.state_reason}", hint=hint)
        waiting = self._waiting(session)
        if not waiting:
            return None
        asker = Asker(tenant_id=trial.tenant_id, campaign_id=TESTS, is_express=True)
        # Who keeps a seed's mailbox nobody has looked up.
        providers = [OTHER] * len(waiting)
        reserved = reserve(
            session, region=self._region, asker=asker, providers=providers, wanted=len(waiting)
        )
        tests = {waiting[index].recipient_key: _test_id() for index in reserved.chosen}
        begun = seed_sends.begin(session, tenant_id=trial.tenant_id, request=trial.request, tests=tests)
        return reserved.grant, begun

    def _waiting(self, session: Session) -> list[Seed]:
        """Return who is neither suppressed nor called by this request, by this process or another."""
        trial = self._trial
        standing = seed_sends.of_request(session, tenant_id=trial.tenant_id, request=trial.request)
        over = {key for key, row in standing.items() if row["state"] != SeedState.NOT_SENT}
        out = over | self._called | _suppressed(session, trial).keys()
        return [seed for seed in trial.seeds if seed.recipient_key not in out]

    def _calls(self, begun: Mapping[str, str]) -> list[Call]:
        called = [seed for seed in self._trial.seeds if seed.recipient_key in begun]
        # A test has no delivery; its answer finds it by its own id.
        return [
            (Attempt(NOBODY, begun[seed.recipient_key]), self._message(seed, begun[seed.recipient_key]))
            for seed in called
        ]

    def _message(self, seed: Seed, test_id: str) -> Message:
        trial = self._trial
        tags = seeds.tags_for(tenant=trial.tenant.slug, test_id=test_id, what=trial.what)
        return replace(trial.message, recipient=seed.address, tags=tags)

    def _wait(self, grant: Grant) -> None:
        if grant.wait > PATIENCE or grant.held_by not in SHORT_WAITS:
            seconds = max(round(grant.wait.total_seconds()), 1)
            raise ConflictError(
                f"the SES account rests ({grant.held_by}) for another {seconds} seconds",
                hint=f"Then again with --request-id {self._trial.request.request_id}: nobody is called twice.",
                code="account_rests",
            )
        time.sleep(grant.wait.total_seconds())


def _suppressed(session: Session, trial: Trial) -> dict[str, Reason]:
    return records.suppressed(
        session,
        tenant_id=trial.tenant_id,
        recipient_keys=[seed.recipient_key for seed in trial.seeds],
        audience_id=trial.audience_id,
    )


def _outcome(attempt: Attempt, answer: str | SendingError) -> Outcome:
    if isinstance(answer, str):
        return Outcome(test_id=attempt.attempt_id, state=SeedState.SENT, ses_message_id=answer)
    verdict = outcomes.verdict(answer, jitter=0.0)
    return Outcome(test_id=attempt.attempt_id, state=seeds.AFTER[verdict.move], code=verdict.code)


def _test_id() -> str:
    return f"test-{secrets.token_urlsafe(15)}"
