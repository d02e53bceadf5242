"""The ledger, driven at random: workers, a SES, an adversary and a clock that jumps, on the functions that send.

After every step the rows of the real database are those of the model (`ledger_model.py`), and what SES alone knows
agrees with them; in the end everything is drained, and nobody may be left over, lost or mailed twice. The search over
all states of the protocol is `tests/core/test_delivery_protocol.py`; this is for the SQL.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core import allowances as rule_of
from core import evidence
from core.allowances import ALL
from core.campaigns import CampaignState
from core.deliveries import TRANSITIONS, Move, Policy, State
from core.engagement import NEVER
from core.events import parse
from core.providers import OTHER
from core.suppression import Reason
from core.tenants import TenantState
from store import (
    allowances,
    campaigns,
    correlation,
    deliveries,
    doubt,
    facts,
    leases,
    skips,
    tenants,
)
from store.deliveries import Attempt, Outcome, Position
from store.facts import Located
from store.session import Database, Session, one, run
from tests.builders import Scene, a_scene, ledger, plan, suppress
from tests.mailed import Mailed, an_event
from tests.store.ledger_model import (
    CALL_LEASE,
    CLAIM_LEASE,
    GUARD,
    WINDOW,
    Answer,
    Model,
    Row,
    Ses,
    changes,
    judge_changes,
    judge_end,
    judge_rows,
    ses_message_id,
)


PEOPLE, ALLOWANCE = 4, 6
DAY = date(
    2026, 11, 24
)  # of the allowance; a fixed one, since a test that crosses midnight would open another

ANSWERS = {
    "accepted": (Move.ACCEPTED, "", 0),
    "accepted, then dropped": (Move.ACCEPTED, "", 0),
    "accepted, answer lost": (Move.LOST, "ReadTimeoutError", 0),
    "lost on the way": (Move.LOST, "ConnectionClosedError", 0),
    "throttled": (Move.NOT_SENT, "TooManyRequestsException", 1),
    "refused": (Move.REFUSED, "MessageRejected", 0),
}
TOO_LATE = (Move.NOT_SENT, "RequestExpired", 0)

numbers = st.integers(0, 7)  # which of several things: taken modulo their number


@dataclass
class Call:
    """A committed intent whose call was not made yet."""

    attempt: Attempt
    minutes: int = 0  # since the intent, on the worker's own clock


@dataclass
class Worker:
    """What one worker has in its head; killed, it is forgotten."""

    token: str
    held: list[int]  # claimed and not begun: to be given back in the end
    waiting: list[int]  # rendered: to be begun
    calls: list[Call] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


class Ledger(RuleBasedStateMachine):
    """One campaign to four people, any number of workers, and everything that may happen to them."""

    database: ClassVar[Database]
    policy: ClassVar[Policy] = Policy.AT_MOST_ONCE
    events_get_lost: ClassVar[bool] = False
    is_compared: ClassVar[bool] = True  # otherwise the judge is on its own
    seen: ClassVar[set[tuple[State, State]]]

    def __init__(self) -> None:
        super().__init__()
        with self.database.begin() as session:
            self.scene = a_scene(session, contacts=PEOPLE)
            plan(session, self.scene)
            _set_policy(session, self.scene, self.policy)
            _allow(session, self.scene, ALLOWANCE)
        self.ses = Ses()
        self.workers: list[Worker] = []
        self.claims = self.attempts = 0
        self.addresses: dict[int, str] = {}
        self.before = self.rows()
        self.model = Model({row.id: Row(row.id) for row in self.before}, self.policy, ALLOWANCE)
        self.agrees = True

    # What workers do

    @rule(number=numbers, outcome=st.sampled_from(sorted(ANSWERS)))
    def work(self, number: int, outcome: str) -> None:
        """What a worker that nothing befalls does next; the rules below do the same in any order."""
        if not self.workers:
            self.claim(PEOPLE, 0)
            return
        worker = _nth(self.workers, number)
        if worker.calls:
            self._call(worker, worker.calls[0], outcome)
        elif worker.answers:
            self._record(worker, PEOPLE)
        elif worker.waiting:
            self._begin(worker, PEOPLE)
        else:
            self._release(worker)
            self.workers.remove(worker)

    @rule(limit=st.integers(1, PEOPLE), behind=st.sampled_from([0, 0, 1, 2]))
    def claim(self, limit: int, behind: int) -> None:
        self.claims += 1
        token, after = f"worker-{self.claims}", ([0] + [row.id for row in self.before])[behind]
        lease = timedelta(minutes=CLAIM_LEASE)
        claimed: list[int] = []
        with self.step() as session:
            if deliveries.may_send(session, **self.scene.campaign):
                found = deliveries.claim(
                    session,
                    **self.scene.campaign,
                    token=token,
                    shares={OTHER: limit},
                    lease=lease,
                    after={OTHER: Position(datetime(1970, 1, 1, tzinfo=UTC), NEVER, after)},
                )
                claimed = sorted(each.delivery_id for each in found)
        self.compare(claimed, self.model.claim(token, limit, after=after))
        if claimed:
            self.workers.append(Worker(token, claimed, list(claimed)))

    @precondition(lambda self: any(worker.waiting for worker in self.workers))
    @rule(number=numbers, width=st.integers(1, PEOPLE))
    def begin(self, number: int, width: int) -> None:
        self._begin(_nth([worker for worker in self.workers if worker.waiting], number), width)

    def _begin(self, worker: Worker, width: int) -> None:
        """Commit the intents of a window, composed as `Sender._begin` composes them."""
        self.attempts += 1
        attempts = {each: f"{each}-{self.attempts}" for each in worker.waiting[:width]}
        with self.step() as session:
            begun = self._intend(session, worker.token, attempts)
        told = None if begun is None else sorted(attempt.attempt_id for attempt in begun)
        expected = self.model.intend(worker.token, attempts)
        self.compare(told, expected if expected is None else sorted(expected))
        # What stops a window ends the worker's whole stretch.
        worker.waiting = [] if begun is None else worker.waiting[width:]
        worker.calls += [Call(attempt) for attempt in begun or []]
        gone = {attempt.delivery_id for attempt in begun or []}
        worker.held = [each for each in worker.held if each not in gone]

    def _intend(self, session: Session, token: str, attempts: dict[int, str]) -> list[Attempt] | None:
        tenant_id = self.scene.tenant_id
        if not deliveries.may_send(session, **self.scene.campaign):
            return None
        nested = session.begin_nested()
        skipped = skips.skip_suppressed(
            session,
            tenant_id=tenant_id,
            audience_id=self.scene.audience_id,
            token=token,
            delivery_ids=list(attempts),
        )
        wanted = [Attempt(*each) for each in attempts.items() if each[0] not in skipped]
        day = {**self.scene.domain, "day": DAY}
        left = allowances.locked(
            session,
            **self.scene.domain,
            day=replace(allowances.today(session, **self.scene.domain), on=DAY, hour=23),
        )
        if wanted and not left[ALL]:
            nested.rollback()
            return None
        admitted = [
            each
            for each, fits in zip(wanted, rule_of.admitted(left, [OTHER] * len(wanted)), strict=True)
            if fits
        ]
        begun = deliveries.begin(
            session,
            tenant_id=tenant_id,
            token=token,
            attempts=admitted,
            lease=timedelta(minutes=CALL_LEASE),
        )
        allowances.use(session, **day, tokens=rule_of.used([OTHER] * len(begun)))
        return begun

    @precondition(lambda self: any(worker.calls for worker in self.workers))
    @rule(number=numbers, outcome=st.sampled_from(sorted(ANSWERS)))
    def call(self, number: int, outcome: str) -> None:
        self._call(
            *_nth([(worker, call) for worker in self.workers for call in worker.calls], number), outcome
        )

    def _call(self, worker: Worker, call: Call, outcome: str) -> None:
        """One call, once. SES takes none whose signature has expired."""
        worker.calls.remove(call)
        is_late = call.minutes >= GUARD
        if outcome.startswith("accepted") and not is_late:
            self.ses.accept(
                call.attempt.delivery_id, call.attempt.attempt_id, drops=outcome.endswith("dropped")
            )
        move, code, retry_in = TOO_LATE if is_late else ANSWERS[outcome]
        worker.answers.append(Answer(call.attempt.delivery_id, call.attempt.attempt_id, move, code, retry_in))

    @precondition(lambda self: any(worker.answers for worker in self.workers))
    @rule(number=numbers, width=st.integers(1, PEOPLE), again=st.booleans())
    def record(self, number: int, width: int, again: bool) -> None:  # noqa: FBT001  # drawn by name
        """What calls came to: at once, late, or twice, as `Database.repeat` may do it."""
        worker = _nth([worker for worker in self.workers if worker.answers], number)
        answers = list(worker.answers)
        self._record(worker, width)
        if again:
            worker.answers = answers

    def _record(self, worker: Worker, width: int) -> None:
        answers, worker.answers = worker.answers[:width], worker.answers[width:]
        with self.step() as session:
            pending = self._write(session, answers)
        self.compare(pending, self.model.record(answers))

    def _write(self, session: Session, answers: list[Answer]) -> int:
        """As `Sender._record` does it."""
        key = {"tenant_id": self.scene.tenant_id}
        accepted = [answer for answer in answers if answer.move is Move.ACCEPTED]
        if accepted:
            told = [(_attempt(answer), ses_message_id(answer.attempt_id)) for answer in accepted]
            deliveries.record_accepted(session, **key, accepted=told)
        outcomes = [_outcome(answer) for answer in answers if answer.move is not Move.ACCEPTED]
        pending = deliveries.record_outcomes(session, **key, outcomes=outcomes).total()
        allowances.use(session, **self.scene.domain, day=DAY, tokens={ALL: -pending})
        return pending

    @precondition(lambda self: self.workers)
    @rule(number=numbers, how=st.sampled_from(["gives back", "cannot render", "is killed"]))
    def stumble(self, number: int, how: str) -> None:
        """A worker ends before it is done, in good order or not, or has a message that cannot be rendered."""
        worker = _nth(self.workers, number)
        if how == "is killed":
            # Nobody makes its calls or records its answers any more; what SES has taken, it has.
            self.workers.remove(worker)
        elif how == "gives back":
            self._release(worker)
        elif worker.waiting:
            self._fail_to_render(worker)

    def _release(self, worker: Worker) -> None:
        held, worker.held, worker.waiting = worker.held, [], []
        with self.step() as session:
            key = {"tenant_id": self.scene.tenant_id, "token": worker.token}
            freed = deliveries.release(session, **key, delivery_ids=held)
        self.compare(freed, self.model.release(worker.token, held))

    def _fail_to_render(self, worker: Worker) -> None:
        broken, code = worker.waiting.pop(), "template_undefined"
        with self.step() as session:
            key = {"tenant_id": self.scene.tenant_id, "token": worker.token}
            failed = deliveries.fail_claimed(session, **key, delivery_ids=[broken], code=code)
        self.compare(failed, self.model.fail_claimed(worker.token, broken, code))

    # What anybody may do at any time

    @rule(what=st.sampled_from(["leases", "leases", "doubt", "time"]))
    def settle(self, what: str) -> None:
        """One of the things that `tasks.campaigns.settle` does."""
        if what == "leases":
            self._reap()
        elif what == "time":
            self._give_up()
        elif self.policy is Policy.EVIDENCE:
            self._refute()
        else:
            self._send_again()

    def _reap(self) -> None:
        with self.step() as session:
            reaped = leases.reap(session, tenant_id=self.scene.tenant_id)
        self.compare(reaped, self.model.reap())

    def _refute(self) -> None:
        """As `tasks.evidence.send_again` does it."""
        with self.step() as session:
            key = {"tenant_id": self.scene.tenant_id}
            guard = timedelta(minutes=GUARD)
            found = doubt.under_evidence(session, **key, guard=guard)
            refuted = [
                each
                for each in found
                if evidence.is_refuted(
                    age=each.age, guard=guard, around=each.around, pipeline_is_clear=not self.ses.events
                )
            ]
            again = doubt.refute(session, **key, doubts=refuted)
        self.compare({each.attempt_id: each.around for each in found}, self.model.doubts())
        self.compare(again, self.model.refute({each.attempt_id for each in refuted}))

    def _send_again(self) -> None:
        with self.step() as session:
            key = {"tenant_id": self.scene.tenant_id}
            again = doubt.send_again(session, **key, after=timedelta(minutes=GUARD))
        self.compare(again, self.model.send_again())

    def _give_up(self) -> None:
        with self.step() as session:
            key = {"tenant_id": self.scene.tenant_id}
            given_up = doubt.give_up(session, **key, after=timedelta(minutes=WINDOW))
        self.compare(given_up, self.model.give_up())

    @precondition(lambda self: self.ses.events)
    @rule(number=numbers, again=st.booleans())
    def hear(self, number: int, again: bool) -> None:  # noqa: FBT001  # drawn by name
        """An event arrives: in any order, before the answer of its call or long after it, once or many times."""
        told = _nth(self.ses.events, number)
        if not again:
            self.ses.events.remove(told)
        with self.step() as session:
            held = self._apply(session, told.attempt_id, told.kind)
        self.compare(held, set())
        self.model.hear(*told)

    def _apply(self, session: Session, attempt_id: str, kind: str) -> set[int]:
        key = {"tenant_id": self.scene.tenant_id}
        delivery_id = correlation.of_attempts(session, **key, attempts=[attempt_id])[attempt_id]
        scene = self.scene
        mailed = Mailed(
            scene.tenant_id,
            scene.slug,
            scene.audience_id,
            scene.campaign_id,
            0,
            "",
            delivery_id,
            attempt_id,
        )
        event = parse(an_event(kind, mailed))
        assert event is not None
        held = facts.apply(session, **key, located=[Located(delivery_id=delivery_id, event=event)]).held
        # The sample has a date of its own; here Amazon's clock and ours agree.
        run(
            session,
            """UPDATE delivery_fact f SET first_at = coalesce(d.submitted_at, f.first_at) FROM delivery d
               WHERE f.tenant_id = d.tenant_id AND f.delivery_id = d.id AND d.id = :delivery_id AND f.fact = 'sent'""",
            delivery_id=delivery_id,
        )
        return held

    @precondition(lambda self: self.events_get_lost and self.ses.events)
    @rule(number=numbers)
    def lose_an_event(self, number: int) -> None:
        self.ses.lose(_nth(self.ses.events, number))

    # What people do

    @rule(
        what=st.sampled_from(["pause", "pause all", "resume", "resume", "resume", "suppress", "cancel"]),
        number=numbers,
    )
    def decide(self, what: str, number: int) -> None:
        if what == "suppress":
            self._suppress(number)
        elif what == "cancel" and self.attempts > 2 and self.model.campaign != "cancelled":
            self._cancel()
        elif what == "pause" and self.model.campaign == "sending":
            self._move(CampaignState.PAUSED, CampaignState.SENDING)
        elif what == "pause all":
            self._set_tenant(TenantState.PAUSED)
        elif what == "resume":
            self._resume()

    def _resume(self) -> None:
        self._set_tenant(TenantState.ACTIVE)
        if self.model.campaign == "paused":
            self._move(CampaignState.SENDING, CampaignState.PAUSED)

    def _cancel(self) -> None:
        self._move(CampaignState.CANCELLED, CampaignState.SENDING, CampaignState.PAUSED)
        with self.step() as session:
            skipped = skips.cancel_waiting(session, **self.scene.campaign)
        self.compare(skipped, self.model.cancel())

    def _move(self, to: CampaignState, *since: CampaignState) -> None:
        with self.step() as session:
            campaigns.move(session, **self.scene.campaign, to=to, since=since)
        self.model.campaign = str(to)

    def _set_tenant(self, to: TenantState) -> None:
        with self.step() as session:
            tenants.set_state(session, tenant_id=self.scene.tenant_id, state=to, reason="", actor="operator")
        self.model.tenant = str(to)

    def _suppress(self, number: int) -> None:
        delivery_id, address = _nth(sorted(self.addresses.items()), number)
        with self.step() as session:
            suppress(session, self.scene, address, Reason.COMPLAINT)
        self.model.suppressed.add(delivery_id)

    # What time does

    @rule(minutes=st.sampled_from([2, 5, -2]))
    def let_leases_jump(self, minutes: int) -> None:
        """F20: the database's clock jumps; a lease ends under a worker that is alive, or much too late."""
        self._shift(minutes, "lease_until", "not_before")

    @rule(half_hours=st.sampled_from([1, 2, -1]))
    def let_time_pass(self, half_hours: int) -> None:
        """F20: no call gets younger when the clock is set back, so that doubt only waits longer."""
        for worker in self.workers:
            for call in worker.calls:
                call.minutes += 30 * max(half_hours, 0)
        self._shift(30 * half_hours, "lease_until", "not_before", "submitted_at")

    def _shift(self, minutes: int, *columns: str) -> None:
        moved = ", ".join(f"{column} = {column} - :pause" for column in columns)
        with self.step() as session:
            run(
                session,
                f"UPDATE delivery SET {moved} WHERE tenant_id = :tenant_id",
                pause=timedelta(minutes=minutes),
                tenant_id=self.scene.tenant_id,
            )
            if "submitted_at" in columns:
                run(
                    session,
                    "UPDATE delivery_fact SET first_at = first_at - :pause",
                    pause=timedelta(minutes=minutes),
                )
        self.model.shift(minutes, *columns)

    # What must be true

    @invariant()
    def look(self) -> None:
        """The ledger is the model's, and right by itself."""
        now = self.rows()
        self.seen |= {(old.state, new.state) for old, new in changes(self.before, now)}
        self.compare(now, list(self.model.rows.values()))
        may_begin = set(self.addresses) - self.model.suppressed if self.model.may_send else set()
        judge_changes(self.before, now, may_begin=may_begin)
        judge_rows(now, self.ses, self.policy)
        self.compare(self.used, self.model.used)
        assert len(self.ses.accepted) <= self.used <= self.model.allowance, "I4"
        self.before, self.agrees = now, True

    def teardown(self) -> None:
        if self.agrees:
            self.drain()

    def drain(self) -> None:
        """Forget all workers, hear everything, let time pass; whoever waits is sent. Nobody may be left over."""
        self.workers.clear()
        self._resume()
        self._allow_more()
        for half_hours in (1, 1_000, 1_000):
            self._hear_everything()
            self.let_time_pass(half_hours)
            for what in ("leases", "doubt", "time"):
                self.settle(what)
                self.look()
            self._send_to_everybody()
        judge_end(self.before, self.ses, self.policy)
        with self.database.begin() as session:
            is_done = campaigns.finish(session, **self.scene.campaign)
            assert is_done is (self.model.campaign == "sending")
            assert campaigns.status(session, **self.scene.campaign).adds_up

    def _allow_more(self) -> None:
        self.model.allowance += 100
        with self.database.begin() as session:
            _allow(session, self.scene, self.model.allowance)

    def _hear_everything(self) -> None:
        while self.ses.events:
            self.hear(0, again=False)
            self.look()

    def _send_to_everybody(self) -> None:
        self.claim(PEOPLE, 0)
        while self.workers:
            self.look()
            self.work(0, "accepted")
        self._hear_everything()

    # How it is seen

    @contextmanager
    def step(self) -> Iterator[Session]:
        """One transaction; until the ledger was looked at again, nobody knows whether it is right."""
        self.agrees = False
        with self.database.begin() as session:
            yield session

    def compare(self, found: object, expected: object) -> None:
        assert found == expected or not self.is_compared

    def rows(self) -> list[Row]:
        with self.database.begin() as session:
            found = ledger(session, self.scene)
            clock = one(
                session,
                "SELECT clock_timestamp() AS now, used FROM warmup_allowance WHERE tenant_id = :tenant_id",
                tenant_id=self.scene.tenant_id,
            )
        assert clock is not None
        self.used = clock["used"]
        self.addresses = {row["id"]: row["address"] for row in found}
        return [_row(row, clock["now"]) for row in found]


def _row(columns: dict[str, Any], now: datetime) -> Row:
    values = {name: columns[name] for name in Row.__slots__}
    for name in ("lease_until", "not_before", "submitted_at"):
        if values[name] is not None:
            values[name] = round((values[name] - now) / timedelta(minutes=1))
    return Row(**values | {"state": State(columns["state"])})


def _nth(things: list[Any], number: int) -> Any:
    return things[number % len(things)]


def _attempt(answer: Answer) -> Attempt:
    return Attempt(answer.delivery_id, answer.attempt_id)


def _outcome(answer: Answer) -> Outcome:
    return Outcome(_attempt(answer), answer.move, answer.code, retry_in=timedelta(minutes=answer.retry_in))


def _set_policy(session: Session, scene: Scene, policy: Policy) -> None:
    run(session, "UPDATE campaign SET policy = :policy WHERE id = :id", policy=policy, id=scene.campaign_id)


def _allow(session: Session, scene: Scene, messages: int) -> None:
    run(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule)
           VALUES (:tenant_id, :sending_domain_id, :day, 'all', :messages, 'test')
           ON CONFLICT (tenant_id, sending_domain_id, on_day, provider) DO UPDATE SET allowance = :messages""",
        **scene.domain,
        day=DAY,
        messages=messages,
    )


def drive(database: Database, *, examples: int, steps: int = 50, **how: Any) -> set[tuple[State, State]]:
    """Drive the ledger through random histories, the same in every run; return the moves that were seen."""
    machine = type("Driven", (Ledger,), {"database": database, "seen": set(), **how})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate,),  # a history is short enough to be read as it is
        ),
    )
    return machine.seen


@pytest.fixture(autouse=True)
def one_neighbour_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign to four people has no fifty neighbours."""
    monkeypatch.setattr(evidence, "MIN_NEIGHBOURS", 1)


# A history that never came here would prove little. Refutations are not among them: they depend on the policy.
REACHED = {
    (state, after)
    for move in (Move.CLAIM, Move.BEGIN, Move.RELEASE, Move.LEASE_OVER, Move.GIVE_UP)
    for state, after in TRANSITIONS[move].items()
} | {
    (State.SUBMITTING, State.SENT),
    (State.SUBMITTING, State.FAILED),
    (State.SUBMITTING, State.PENDING),
    (State.IN_DOUBT, State.SENT),
    (State.SENT, State.FAILED),
    (State.CLAIMED, State.SKIPPED),
}


@pytest.mark.parametrize(
    ("policy", "events_get_lost"),
    [
        pytest.param(Policy.AT_MOST_ONCE, True, id="at most once, events get lost"),
        pytest.param(Policy.EVIDENCE, False, id="evidence"),
        pytest.param(Policy.AT_LEAST_ONCE, False, id="at least once"),
    ],
)
def test_whatever_happens_the_ledger_is_what_the_model_says(
    database: Database, policy: Policy, *, events_get_lost: bool
) -> None:
    """I1 to I6, F20; and the histories went far enough to mean something."""
    seen = drive(database, examples=40, policy=policy, events_get_lost=events_get_lost)
    assert seen >= REACHED


# Mistakes that a ledger may have, each made once in front of the right function


def an_expired_call_waits_again(session: Session, **key: Any) -> None:
    """M1"""
    run(
        session,
        """UPDATE delivery SET state = 'pending', claim_token = NULL, lease_until = NULL
           WHERE tenant_id = :tenant_id AND state = 'submitting' AND lease_until < clock_timestamp()""",
        **key,
    )


def a_lost_claim_is_begun(session: Session, *, token: str, attempts: list[Attempt], **key: Any) -> None:
    """M7"""
    run(
        session,
        """UPDATE delivery SET state = 'claimed', claim_token = :token, lease_until = clock_timestamp()
           WHERE id = ANY(:ids) AND state IN ('pending', 'claimed', 'submitting')""",
        token=token,
        ids=[attempt.delivery_id for attempt in attempts],
    )


MISTAKES = [
    pytest.param(leases, "reap", an_expired_call_waits_again, id="M1: an expired call is tried again"),
    pytest.param(deliveries, "begin", a_lost_claim_is_begun, id="M7: a lost claim is begun"),
]


def make(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, mistake: Callable[..., None]
) -> None:
    right = getattr(module, name)

    def wrong(session: Session, **arguments: Any) -> Any:
        mistake(session, **arguments)
        return right(session, **arguments)

    monkeypatch.setattr(module, name, wrong)


@pytest.mark.parametrize(("module", "name", "mistake"), MISTAKES)
def test_the_model_finds_every_mistake(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    mistake: Callable[..., None],
) -> None:
    make(monkeypatch, module, name, mistake)
    with pytest.raises(AssertionError):
        drive(database, examples=40)


def test_the_judge_alone_finds_that_somebody_is_mailed_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows nothing but the rows and what SES has taken."""
    make(monkeypatch, leases, "reap", an_expired_call_waits_again)
    with pytest.raises(AssertionError, match=r"accepted|twice"):
        drive(database, examples=100, is_compared=False)
