"""Claiming: which waiting deliveries a sender takes next, mixed over the mailbox providers as they wait.

A claim asks each provider for its share, from where the last claim ended. A provider that had nobody rests for some
seconds, one whose cap is used rests until tomorrow, and in the meantime their places go to the others.
"""

import math
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from core import allowances as rule
from core import limits as limiting
from core import pacing
from core.allowances import ALL
from core.fairness import EXPRESS_MESSAGES, Asker
from core.runs import Ending
from core.warmup_schedule import ADAPTIVE
from store import accounts, allowances, breakers, campaigns, deliveries, limits, planning, waits
from store.allowances import Day
from store.deliveries import Claimed, Position
from store.session import Session
from tasks import timing
from tasks.messages import Job
from tasks.resources import Resources
from tasks.stopping import Stop, check_may_send
from tasks.vanguard import Hold


HOUR_IS_FULL: Final = "this hour's part of the caps is used, or the mailbox provider rests"
PROVIDER_IS_STOPPED: Final = "a breaker has stopped the mail to the provider until a person lets it go on"
LONGEST_REST: Final = timedelta(days=2)  # what rests for longer waits for a person
# Then dispatch looks again; whoever lets it go on wakes the campaign at once.
STOPPED_PATIENCE: Final = timedelta(hours=6)
RETRY_PATIENCE: Final = timedelta(seconds=15)
_SOONEST: Final = timedelta(seconds=1)
_REST_SECONDS: Final = 3.0  # throttled messages are due again after a few


class Claimer:
    """Claims one campaign's deliveries for one sender. Not for several threads."""

    def __init__(self, resources: Resources, job: Job) -> None:
        self._resources = resources
        self._settings = resources.settings
        self._job = job
        self._key = {"tenant_id": job.tenant_id, "campaign_id": job.campaign_id}
        self._domain = {"tenant_id": job.tenant_id, "sending_domain_id": job.campaign.sending_domain_id}
        self.planned: dict[str, int] = {}  # messages by mailbox provider
        self.hold = Hold(job)
        self.pace = 1.0  # less than that when a breaker slows the campaign or its tenant
        self.clockwork: timing.Clockwork | None = None
        self._claimed: frozenset[str] = frozenset()  # the mailbox providers of the last claim
        self._ends: dict[str, Position] = {}  # where the last claim of a provider ended
        self._rests: dict[str, float] = {}  # until when a provider that had nobody is not asked

    def claim(self, token: str, seconds: float) -> tuple[list[Claimed], timedelta]:
        """Reserve what can be sent in this time, no more than today's caps admit.

        Returns:
            What was reserved, mixed over the providers; and when it is nobody, how long until somebody is due.

        Raises:
            Stop: Nobody is due soon, today's caps are used, the campaign waits for its vanguard, or is not being sent.
        """
        room = self.hold.look(self._resources.database)
        found = self._resources.database.again(
            lambda session: self._claim_or_stop(session, token, max(seconds, 1.0), room)
        )
        if isinstance(found, Stop):
            raise found
        claimed, soon = found
        self._claimed = frozenset(delivery.provider for delivery in claimed)
        claimed = self._ready_to_read(token, claimed)
        groups: dict[str, list[Claimed]] = {}
        for delivery in claimed:
            groups.setdefault(delivery.provider, []).append(delivery)
        return rule.interleaved(groups), soon

    @property
    def asker(self) -> Asker:
        """Return as whom the campaign stands in line for the account's rate."""
        return Asker(**self._key, is_express=sum(self.planned.values()) <= EXPRESS_MESSAGES)

    def has_others(self, providers: Iterable[str]) -> bool:
        """Whether the last claim was of other mailbox providers, too, so that a new one may find more of theirs."""
        return bool(self._claimed - set(providers))

    def _claim_or_stop(
        self, session: Session, token: str, seconds: float, room: int | None
    ) -> tuple[list[Claimed], timedelta] | Stop:
        """Claim; a stop is returned, so that the transaction commits who was given up before it."""
        try:
            return self._claim(session, token, seconds, room)
        except Stop as stop:
            return stop

    def _claim(
        self, session: Session, token: str, seconds: float, room: int | None
    ) -> tuple[list[Claimed], timedelta]:
        check_may_send(session, self._job)
        self.pace = breakers.pace(session, **self._key)
        self.clockwork = timing.check(session, self._job)
        self.planned = self.planned or planning.planned(session, **self._key)
        day, left = self._left_today(session)
        limit = min(self._settings.claim_size, self._fitting(session, seconds * self.pace))
        limit = limit if room is None else min(limit, room)
        claimed = self._walk(session, token, limit, self._left_in_time(session, seconds, limit, left))
        return claimed, timedelta(0) if claimed else self._soon(session, day, left)

    def _left_today(self, session: Session) -> tuple[Day, dict[str, int]]:
        """Open the day if nobody has, and return it with what its caps admit now; nothing, when none hold the domain."""
        day = allowances.today(session, **self._domain)
        left = allowances.left(session, **self._domain, day=day)
        needed = set(self.planned) if day.schedule == ADAPTIVE else {ALL}
        if day.schedule and not needed <= left.keys():
            allowances.open_day(session, **self._domain, day=day, planned=self.planned)
            left = allowances.left(session, **self._domain, day=day)
        return day, left

    def _fitting(self, session: Session, seconds: float) -> int:
        """Return how many messages the account's rate lets through in this time, a window at least."""
        account, now = accounts.find(session, region=self._resources.ses.region)
        return max(int(pacing.rate(account, now) * seconds), self._settings.window_size)

    def _left_in_time(
        self, session: Session, seconds: float, limit: int, left: Mapping[str, int]
    ) -> dict[str, int]:
        """Return what the caps admit, or an operator's limits let through while a claim of this size is sent, if that is less."""
        held = limits.find(session, tenant_id=self._job.tenant_id)
        if not held:
            return dict(left)
        account, now = accounts.find(session, region=self._resources.ses.region)
        rate = min(
            pacing.rate(account, now), *(held[key].per_second for key in [ALL] if key in held), math.inf
        )
        limit = min(limit, math.ceil(rate * seconds))
        through = limiting.in_time(held, limit / rate)
        return {**left, **{key: min(left.get(key, most), most) for key, most in through.items()}}

    def _walk(self, session: Session, token: str, limit: int, left: Mapping[str, int]) -> list[Claimed]:
        """Claim each provider's share; when that is nobody, once more for those who were at their end."""
        lease = timedelta(seconds=self._settings.claim_lease_seconds)
        for _ in range(2):
            shares = rule.shares(limit, self._awake(), left)
            claimed = deliveries.claim(
                session, **self._key, token=token, shares=shares, lease=lease, after=self._ends
            )
            self._note(shares, claimed)
            if claimed or not shares:
                break
        return claimed

    def _awake(self) -> dict[str, int]:
        now = time.monotonic()
        return {each: weight for each, weight in self.planned.items() if self._rests.get(each, 0) <= now}

    def _note(self, shares: Mapping[str, int], claimed: Sequence[Claimed]) -> None:
        """Remember where each provider's walk ended; at its end it begins anew, and one that had nobody rests."""
        found = Counter(delivery.provider for delivery in claimed)
        for provider, share in shares.items():
            if found[provider] == share:
                of_it = (delivery for delivery in claimed if delivery.provider == provider)
                self._ends[provider] = max(delivery.position for delivery in of_it)
            elif self._ends.pop(provider, None) is None:
                self._rests[provider] = time.monotonic() + _REST_SECONDS

    def _ready_to_read(self, token: str, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Put off those whose own clock says that it is too early; return the others."""
        if self.clockwork is None or not self.clockwork.timing.by_reader:
            return list(claimed)
        with self._resources.database.begin() as session:
            now = campaigns.clock_of(session, **self._key)["now"]
            early = self.clockwork.early(claimed, now)
            waits.postpone(session, tenant_id=self._job.tenant_id, token=token, until=early)
        return [delivery for delivery in claimed if delivery.delivery_id not in early]

    def _soon(self, session: Session, day: Day, left: Mapping[str, int]) -> timedelta:
        """Return how long until somebody is due whose provider is open; end the stretch if that is nobody soon."""
        self._rests.clear()
        closed = [each for each in self.planned if min(left.get(ALL, 1), left.get(each, 1)) <= 0]
        open_ones = [each for each in self.planned if each not in closed]
        soon = waits.due_in(session, **self._key, providers=open_ones)
        if soon is not None and soon <= RETRY_PATIENCE:
            return soon
        waiting = waits.pending_at(session, **self._key, providers=closed)
        if not waiting and soon is not None:
            raise Stop(Ending.HOURS, wait=soon, reason=timing.OUT_OF_HOURS)
        if not waiting:
            raise Stop(Ending.NOTHING_DUE)
        if self._are_stopped(day, waiting):
            wait = min(STOPPED_PATIENCE, soon or STOPPED_PATIENCE)
            raise Stop(Ending.ALLOWANCE, wait=wait, reason=PROVIDER_IS_STOPPED)
        reopens = allowances.reopens_in(session, **self._domain, day=day, providers=waiting)
        moments = [each for each in (reopens, soon) if each is not None and each < day.ends_in]
        if not moments:
            raise Stop(Ending.ALLOWANCE)
        # No time at all would mean tomorrow; a cap that has just been given tokens back opens in none.
        raise Stop(Ending.ALLOWANCE, wait=max(min(moments), _SOONEST), reason=HOUR_IS_FULL)

    def _are_stopped(self, day: Day, waiting: Collection[str]) -> bool:
        """Whether all that wait are for providers that only a person lets get mail again."""
        return all(day.rests.get(provider, timedelta(0)) > LONGEST_REST for provider in waiting)
