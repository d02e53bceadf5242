"""The ledger as it should be: the rows and moves of `store/deliveries.py`, without a database; and a judge of both.

Moments are whole minutes from now, so that a clock that jumps shifts them as an UPDATE shifts the columns.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.deliveries import TERMINAL, Move, Policy, State, after
from core.evidence import Neighbourhood


GUARD, WINDOW = 20, 60  # minutes after which doubt may be refuted, and is given up
CLAIM_LEASE, CALL_LEASE = 5, 2


@dataclass(slots=True)
class Row:
    """One delivery, with the columns that decide something."""

    id: int
    state: State = State.PENDING
    attempt_id: str | None = None
    attempt_no: int = 0
    claim_token: str | None = None
    lease_until: int | None = None
    not_before: int | None = None
    submitted_at: int | None = None
    ses_message_id: str | None = None
    outcome_code: str | None = None
    resolved_by: str | None = None
    skip_reason: str | None = None

    def move(self, move: Move, **columns: object) -> bool:
        """Make a move, if it applies, and set what goes with it; return whether it applied."""
        state = after(self.state, move)
        if state is self.state:
            return False
        self.state, self.claim_token = state, None
        if state is not State.IN_DOUBT:
            self.lease_until = None
        for name, value in columns.items():
            setattr(self, name, value)
        return True

    def is_held_by(self, token: str) -> bool:
        return self.state is State.CLAIMED and self.claim_token == token

    def shift(self, minutes: int, *columns: str) -> None:
        for name in columns:
            moment = getattr(self, name)
            if moment is not None:
                setattr(self, name, moment - minutes)


class Answer(NamedTuple):
    """What a worker knows of one call, and may write down."""

    delivery_id: int
    attempt_id: str
    move: Move  # ACCEPTED, REFUSED, NOT_SENT or LOST
    code: str = ""
    retry_in: int = 0


@dataclass
class Model:
    """A campaign's rows and what is decided about all of them at once."""

    rows: dict[int, Row]
    policy: Policy
    allowance: int
    used: int = 0
    campaign: str = "sending"
    tenant: str = "active"
    suppressed: set[int] = field(default_factory=set)
    heard: dict[int, set[str]] = field(default_factory=dict)  # the kinds of events, by delivery

    @property
    def may_send(self) -> bool:
        return (self.campaign, self.tenant) == ("sending", "active")

    def claim(self, token: str, limit: int, *, after: int) -> list[int]:
        """Nobody is told to wait for more than a minute: who seems to was told so by a clock that has gone back."""
        if not self.may_send:
            return []
        waiting = [row for row in self.rows.values() if row.state is State.PENDING and row.id > after]
        due = [row for row in waiting if row.not_before is None or not 0 < row.not_before <= 1][:limit]
        for row in due:
            row.move(Move.CLAIM, claim_token=token, lease_until=CLAIM_LEASE)
        return [row.id for row in due]

    def release(self, token: str, delivery_ids: Collection[int]) -> int:
        held = self._held(token, delivery_ids)
        return sum(row.move(Move.RELEASE) for row in held)

    def fail_claimed(self, token: str, delivery_id: int, code: str) -> int:
        held = self._held(token, [delivery_id])
        return sum(row.move(Move.REFUSED, outcome_code=code, resolved_by="policy") for row in held)

    def intend(self, token: str, attempts: Mapping[int, str]) -> list[str] | None:
        """Begin a window's attempts; return those begun, or None when the whole transaction is taken back."""
        if not self.may_send:
            return None
        held = self._held(token, attempts)
        unwelcome = [row for row in held if row.id in self.suppressed]
        wanted = [delivery_id for delivery_id in attempts if delivery_id not in {row.id for row in unwelcome}]
        taken = min(len(wanted), self.allowance - self.used)
        if wanted and not taken:
            return None
        for row in unwelcome:
            row.move(Move.SKIP, skip_reason="complained", resolved_by="policy")
        begun = self._held(token, wanted[:taken])
        for row in begun:
            attempt = {"attempt_id": attempts[row.id], "attempt_no": row.attempt_no + 1, "submitted_at": 0}
            row.move(Move.BEGIN, **attempt, claim_token=token, lease_until=CALL_LEASE)
        self.used += len(begun)
        return [attempts[row.id] for row in begun]

    def record(self, answers: Iterable[Answer]) -> int:
        """Write down what calls came to; return how many deliveries are pending again."""
        pending = 0
        for answer in answers:
            row = self.rows[answer.delivery_id]
            if answer.move is Move.ACCEPTED:
                # The answer to an older attempt is evidence, whatever has become of the row since.
                row.move(Move.EVIDENCE, ses_message_id=ses_message_id(answer.attempt_id), resolved_by="api")
            elif row.attempt_id == answer.attempt_id and row.state is not State.CLAIMED:
                ended = {"resolved_by": "api"} if answer.move is Move.REFUSED else {}
                waits = {"not_before": answer.retry_in} if answer.move is Move.NOT_SENT else {}
                moved = row.move(answer.move, outcome_code=answer.code, **ended, **waits)
                pending += moved and answer.move is Move.NOT_SENT
        self.used -= pending
        return pending

    def hear(self, delivery_id: int, attempt_id: str, kind: str) -> None:
        row, told = self.rows[delivery_id], self.heard.setdefault(delivery_id, set())
        told.add(kind)
        proven = {
            "ses_message_id": row.ses_message_id or ses_message_id(attempt_id),
            "resolved_by": "event",
            "not_before": None,
        }
        if "reject" in told:
            row.move(Move.DROPPED, outcome_code="reject", **proven)
        else:
            row.move(Move.EVIDENCE, **proven)

    def reap(self) -> tuple[int, int]:
        over = [row for row in self.rows.values() if row.lease_until is not None and row.lease_until <= 0]
        claims = [row for row in over if row.state is State.CLAIMED]
        calls = [row for row in over if row.state is State.SUBMITTING]
        for row in claims:
            row.move(Move.LEASE_OVER)
        for row in calls:
            row.move(Move.LEASE_OVER, outcome_code="lease_over")
        if self.campaign == "cancelled":
            self.cancel()
        return len(claims), len(calls)

    def doubts(self) -> dict[str, Neighbourhood]:
        """Return the neighbourhood of each call that silence may refute, by attempt."""
        if self.policy is not Policy.EVIDENCE or self.campaign != "sending":
            return {}
        return {row.attempt_id or "": self._around(row) for row in self._doubtful_for(GUARD)}

    def refute(self, attempts: Collection[str]) -> int:
        doubtful = [row for row in self.rows.values() if row.attempt_id in attempts]
        return sum(row.move(Move.REFUTED, not_before=None, outcome_code="refuted") for row in doubtful)

    def send_again(self) -> int:
        if self.policy is not Policy.AT_LEAST_ONCE or self.campaign != "sending":
            return 0
        return sum(row.move(Move.REFUTED, not_before=None) for row in self._doubtful_for(GUARD))

    def give_up(self) -> int:
        return sum(row.move(Move.GIVE_UP, resolved_by="policy") for row in self._doubtful_for(WINDOW))

    def cancel(self) -> int:
        self.campaign = "cancelled"
        skip = {"skip_reason": "cancelled", "resolved_by": "operator"}
        return sum(row.move(Move.SKIP, **skip) for row in self.rows.values())

    def shift(self, minutes: int, *columns: str) -> None:
        for row in self.rows.values():
            row.shift(minutes, *columns)

    def _held(self, token: str, delivery_ids: Iterable[int]) -> list[Row]:
        return [row for each in delivery_ids if (row := self.rows[each]).is_held_by(token)]

    def _doubtful_for(self, minutes: int) -> list[Row]:
        doubt = [row for row in self.rows.values() if row.state is State.IN_DOUBT]
        return [row for row in doubt if row.submitted_at is not None and row.submitted_at <= -minutes]

    def _around(self, doubtful: Row) -> Neighbourhood:
        """Time passes in steps of half an hour here, so that neighbours are those of the same moment."""
        near = [
            row
            for row in self.rows.values()
            if row.state in {State.SENT, State.FAILED}
            and (row.resolved_by == "api" and row.ses_message_id is not None)
            and row.submitted_at == doubtful.submitted_at
        ]
        return Neighbourhood(confirmed=len(near), told=sum(row.id in self.heard for row in near))


class Event(NamedTuple):
    """An event of SES that is on its way."""

    delivery_id: int
    attempt_id: str
    kind: str


@dataclass
class Ses:
    """Takes calls, and alone knows what was accepted."""

    accepted: list[tuple[int, str]] = field(default_factory=list)  # delivery and attempt
    dropped: set[int] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    has_lost_events: bool = False

    def accept(self, delivery_id: int, attempt_id: str, *, drops: bool = False) -> None:
        self.accepted.append((delivery_id, attempt_id))
        self.events.append(Event(delivery_id, attempt_id, "send"))
        self.events.append(Event(delivery_id, attempt_id, "reject" if drops else "delivery"))
        self.dropped |= {delivery_id} if drops else set()

    def lose(self, event: Event) -> None:
        self.events.remove(event)
        self.has_lost_events = True

    def copies(self) -> Counter[int]:
        """How many messages of each delivery were accepted."""
        return Counter(delivery_id for delivery_id, _ in self.accepted)


def ses_message_id(attempt_id: str) -> str:
    """The id that SES gives to the message of an attempt."""
    return f"ses-{attempt_id}"


def changes(before: Sequence[Row], now: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the rows that differ, each as it was and as it is. Nobody may have come or gone (I2)."""
    assert [row.id for row in before] == [row.id for row in now], "I2: a delivery is gone"
    return [(old, new) for old, new in zip(before, now, strict=True) if old != new]


def judge_changes(before: Sequence[Row], now: Sequence[Row], *, may_begin: Collection[int]) -> None:
    """Check what one step has done: terminal stays terminal, and an intent is only for whom there may be one."""
    for old, new in changes(before, now):
        if old.state in TERMINAL and new.state is not old.state:
            by_evidence = {
                (State.UNCONFIRMED, State.SENT),
                (State.UNCONFIRMED, State.FAILED),
                (State.SENT, State.FAILED),
            }
            assert (old.state, new.state) in by_evidence, f"I3: {old.state} became {new.state}"
            assert new.resolved_by != "policy", "I3: an end was undone without evidence"
        if new.attempt_no != old.attempt_no:
            assert new.id in may_begin, "I5, I6: an intent after a suppression or a pause"
            assert new.attempt_no == old.attempt_no + 1


def judge_rows(rows: Sequence[Row], ses: Ses, policy: Policy) -> None:
    """Check the ledger against what SES alone knows, at any moment."""
    copies = ses.copies()
    for row in rows:
        assert row.state is not State.SENT or copies[row.id], "called sent, but lost"
        assert row.state not in {State.CLAIMED, State.SUBMITTING} or row.lease_until is not None, (
            "I2: no reaper"
        )
        if policy is Policy.AT_LEAST_ONCE:
            continue
        assert copies[row.id] <= 1, "I1: mailed twice"
        if row.state in {State.PENDING, State.CLAIMED, State.SKIPPED}:
            assert not copies[row.id], f"I1: {row.state}, but accepted"
        if row.state is State.FAILED:
            assert not copies[row.id] or row.id in ses.dropped, "called failed, but accepted"


def judge_end(rows: Sequence[Row], ses: Ses, policy: Policy) -> None:
    """Check the ledger once everything has been heard and decided."""
    judge_rows(rows, ses, policy)
    copies = ses.copies()
    for row in rows:
        assert row.state in TERMINAL, f"I2: left {row.state}"
        if not ses.has_lost_events and policy is not Policy.AT_LEAST_ONCE:
            assert row.state is not State.UNCONFIRMED or not copies[row.id], "unconfirmed, but told of"
