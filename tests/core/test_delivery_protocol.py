"""The sending protocol, searched exhaustively: one delivery, two workers, a network, SES, its events, and an adversary.

The adversary pauses and kills anybody anywhere, lets leases end at any time, delays and loses requests, answers and
events. The states and moves are those of `core.deliveries`; the fences are those of `store/deliveries.py`. Whatever it
does, nobody gets two messages, nobody is called sent who was not accepted, and there is always a way to an end.

Each mistake that such a protocol may have is made once, to see that the search would find it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from core.deliveries import TERMINAL, Move, State, after


ATTEMPTS, CLAIMS, CRASHES = 2, 3, 1  # how far the search goes


@dataclass(frozen=True)
class Rules:
    """How the protocol is run; every field but the policy is right as it stands, and a mistake when changed."""

    resend: str = "never"  # or once the attempt is "refuted": aged, with no event on its way; or merely "aged"; or "at once"
    events_may_get_lost: bool = False
    library_repeats: bool = False
    results_are_fenced: bool = True
    begin_checks_the_claim: bool = True
    lost_means_not_sent: bool = False
    expired_call_is_pending: bool = False
    events_settle_doubt_alone: bool = False
    hook_refuses_late_calls: bool = True
    signatures_expire: bool = True


class Worker(NamedTuple):
    """Where a worker is: idle, claimed, begun, signed, waiting, or with an answer: yes, no, lost."""

    at: str = "idle"
    claim: int = 0
    attempt: int = 0
    signed_late: bool = False


class World(NamedTuple):
    """Everything there is. `aged` attempts are past the time for which a signature is good."""

    state: State = State.PENDING
    holder: int = 0
    attempt: int = 0
    claims: int = 0
    crashes: int = 0
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    requests: frozenset[tuple[int, int, bool]] = frozenset()  # attempt, worker, signed late
    accepted: tuple[int, ...] = (0,) * (ATTEMPTS + 1)
    events: frozenset[int] = frozenset()
    aged: frozenset[int] = frozenset()

    def moved(self, move: Move, **changes: object) -> "World":
        return self._replace(state=after(self.state, move), **changes)

    def with_worker(self, number: int, worker: Worker) -> "World":
        pair = list(self.workers)
        pair[number] = worker
        return self._replace(workers=tuple(pair))


def steps(world: World, rules: Rules) -> Iterator[World]:
    """Yield every world that may come next."""
    for number, worker in enumerate(world.workers):
        yield from work(world, rules, number, worker)
        if worker.at != "idle" and world.crashes < CRASHES:
            yield world.with_worker(number, Worker())._replace(crashes=world.crashes + 1)
    for request in world.requests:
        yield from arrive(world, rules, request)
    for attempt in range(1, world.attempt + 1):
        yield world._replace(aged=world.aged | {attempt})
    if world.state is State.SUBMITTING and rules.expired_call_is_pending:
        yield world._replace(state=State.PENDING)
    else:
        yield world.moved(Move.LEASE_OVER)
    yield from hear(world, rules)
    yield from decide(world, rules)


def work(world: World, rules: Rules, number: int, worker: Worker) -> Iterator[World]:
    """What one worker may do next."""
    rest = world.with_worker(number, Worker())
    if (
        worker.at == "idle"
        and world.state is State.PENDING
        and world.claims < CLAIMS
        and world.attempt < ATTEMPTS
    ):
        claim = world.claims + 1
        yield rest.moved(Move.CLAIM, holder=claim, claims=claim).with_worker(number, Worker("claimed", claim))
    elif worker.at == "claimed":
        mine = world.state is State.CLAIMED and world.holder == worker.claim
        if world.attempt < ATTEMPTS and (mine or not rules.begin_checks_the_claim):
            begun = Worker("begun", worker.claim, world.attempt + 1)
            yield world._replace(state=State.SUBMITTING, attempt=begun.attempt).with_worker(number, begun)
        else:
            yield rest
    elif worker.at == "begun":
        late = worker.attempt in world.aged
        at = "no" if late and rules.hook_refuses_late_calls else "signed"
        yield world.with_worker(number, worker._replace(at=at, signed_late=late))
    elif worker.at == "signed":
        sent = world._replace(requests=world.requests | {(worker.attempt, number, worker.signed_late)})
        yield sent.with_worker(number, worker._replace(at="waiting"))
        yield world.with_worker(number, worker._replace(at="no"))  # no connection was made
    elif worker.at == "waiting":
        yield world.with_worker(number, worker._replace(at="lost"))  # a timeout, a reset, a 5xx
    elif worker.at == "yes":
        # As in `record_accepted`: the answer to an older attempt is evidence, too.
        yield rest.moved(Move.EVIDENCE)
    else:
        yield from record(world, rules, rest, number, worker)


def record(world: World, rules: Rules, rest: World, number: int, worker: Worker) -> Iterator[World]:
    """What a worker may write down of a call that was not accepted."""
    current = world.attempt == worker.attempt or not rules.results_are_fenced
    open_call = world.state in {State.SUBMITTING, State.IN_DOUBT}
    unsent = worker.at == "no" or rules.lost_means_not_sent
    if worker.at == "lost" and rules.library_repeats:
        yield world.with_worker(number, worker._replace(at="signed"))
    if not (current and open_call):
        yield rest
    elif unsent:
        yield rest.moved(Move.REFUSED)
        yield rest.moved(Move.NOT_SENT)
    else:
        yield rest.moved(Move.LOST)


def arrive(world: World, rules: Rules, request: tuple[int, int, bool]) -> Iterator[World]:
    """What may become of a request that is on its way."""
    attempt, number, signed_late = request
    rest = world._replace(requests=world.requests - {request})
    worker = world.workers[number]
    waits = worker.at == "waiting" and worker.attempt == attempt
    refused = rest.with_worker(number, worker._replace(at="no")) if waits else rest
    yield rest  # lost on the way, or answered with a 5xx
    if rules.signatures_expire and attempt in world.aged and not signed_late:
        yield refused
        return
    counts = list(world.accepted)
    counts[attempt] = min(counts[attempt] + 1, 2)  # two is too many already
    taken = rest._replace(accepted=tuple(counts), events=rest.events | {attempt})
    yield taken  # and the answer is lost
    if waits:
        yield taken.with_worker(number, worker._replace(at="yes"))
        yield refused


def hear(world: World, rules: Rules) -> Iterator[World]:
    """An event arrives, once or again and again, or never."""
    for attempt in world.events:
        settles = world.state is State.IN_DOUBT or not rules.events_settle_doubt_alone
        heard = world.moved(Move.EVIDENCE) if settles else world
        yield heard
        yield heard._replace(events=world.events - {attempt})
        if rules.events_may_get_lost:
            yield world._replace(events=world.events - {attempt})


def decide(world: World, rules: Rules) -> Iterator[World]:
    """What policy does with a delivery that nobody holds."""
    aged = world.attempt in world.aged
    resend = {
        "never": False,
        "refuted": aged and not world.events,
        "aged": aged,
        "at once": True,
    }[rules.resend]
    if aged or rules.resend == "at once":
        yield world.moved(Move.GIVE_UP)
    if resend and world.attempt < ATTEMPTS:
        yield world.moved(Move.REFUTED)
    if world.attempt == 0:
        yield world.moved(Move.SKIP)


def search(rules: Rules, *, until: str = "nothing") -> tuple[dict[World, list[World]], set[str]]:
    """Return every world that can come about with those after it, and what is wrong in them; end when `until` is."""
    found: dict[World, list[World]] = {}
    waiting = deque([World()])
    wrong: set[str] = set()
    while waiting and until not in wrong:
        world = waiting.popleft()
        if world in found:
            continue
        found[world] = list(steps(world, rules))
        waiting.extend(found[world])
        copies = sum(world.accepted)
        if copies > 1:
            wrong.add("twice")
        if copies and world.state in {State.FAILED, State.SKIPPED}:
            wrong.add("called failed, but accepted")
        if not copies and world.state is State.SENT:
            wrong.add("called sent, but lost")
    return found, wrong


def is_bound(world: World) -> bool:
    """Whether the search looks no further, although a worker could."""
    return world.claims == CLAIMS or (world.state is State.PENDING and world.attempt == ATTEMPTS)


def stuck(found: dict[World, list[World]]) -> set[World]:
    """Return the worlds from which no end can be reached within the bounds of the search."""
    before: dict[World, list[World]] = {}
    for world, following in found.items():
        for later in following:
            before.setdefault(later, []).append(world)
    ends = {world for world in found if world.state in TERMINAL or is_bound(world)}
    waiting = deque(ends)
    while waiting:
        for earlier in before.get(waiting.popleft(), []):
            if earlier not in ends:
                ends.add(earlier)
                waiting.append(earlier)
    return set(found) - ends


RIGHT = [
    pytest.param(Rules(events_may_get_lost=True), id="never sent again, events may get lost"),
    pytest.param(Rules(resend="refuted"), id="sent again once it is refuted"),
]


@pytest.mark.parametrize("rules", RIGHT)
def test_nobody_is_mailed_twice_or_lost_whatever_happens(rules: Rules) -> None:
    """I1, I2, I3"""
    found, wrong = search(rules)
    assert len(found) > 3_000, "the search went far enough to mean something"
    assert wrong == set()
    assert stuck(found) == set()


def test_unconfirmed_means_not_accepted_as_long_as_no_event_is_lost() -> None:
    found, _ = search(Rules())
    heard = [
        world
        for world in found
        if world.state is State.UNCONFIRMED and not world.events and not world.requests
    ]
    assert heard
    assert {
        sum(world.accepted) for world in heard if "yes" not in {worker.at for worker in world.workers}
    } == {0}


MISTAKES = [
    pytest.param(Rules(expired_call_is_pending=True), "twice", id="M1: an expired call is tried again"),
    pytest.param(Rules(library_repeats=True), "twice", id="M2: the library repeats by itself"),
    pytest.param(
        Rules(resend="refuted", results_are_fenced=False), "called failed, but accepted", id="M3: no fence"
    ),
    pytest.param(Rules(lost_means_not_sent=True), "twice", id="M4: a lost answer is taken for a refusal"),
    pytest.param(Rules(begin_checks_the_claim=False), "twice", id="M7: a lost claim is begun"),
    pytest.param(Rules(resend="at once"), "twice", id="M8: sent again without waiting"),
    pytest.param(Rules(resend="refuted", signatures_expire=False), "twice", id="M9: old requests are taken"),
    pytest.param(Rules(resend="refuted", hook_refuses_late_calls=False), "twice", id="M10: late calls leave"),
    pytest.param(Rules(resend="aged"), "twice", id="B4: sent again while an event is on its way"),
    pytest.param(
        Rules(resend="refuted", events_may_get_lost=True),
        "twice",
        id="B3: silence of a queue that loses events",
    ),
]


@pytest.mark.parametrize(("rules", "mistake"), MISTAKES)
def test_the_search_finds_every_mistake(rules: Rules, mistake: str) -> None:
    _, wrong = search(rules, until=mistake)
    assert mistake in wrong


def test_events_that_settle_only_doubt_leave_the_accepted_unconfirmed() -> None:
    """Mutant M5."""
    found, _ = search(Rules(events_settle_doubt_alone=True))
    assert any(
        world.state is State.UNCONFIRMED and not world.events and sum(world.accepted) for world in found
    )
