"""Intents: in one transaction, which messages of a window may be called. From its commit on their calls may exist.

Everything that can forbid a message is asked here, under the lock of the account's row, so that nothing comes between the
question and the intent: the campaign and its tenant, the template, suppressions, what the person prefers, how often they were
mailed, the caps of the day, and a vanguard's place.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from core import allowances as rule
from core.message import Message
from core.warmup_schedule import ADAPTIVE
from gateways.settings import Settings
from store import allowances, deliveries, skips
from store.allowances import Day
from store.deliveries import Attempt
from store.session import Session
from tasks.auditing import Auditor
from tasks.claiming import Claimer
from tasks.messages import Job
from tasks.stopping import check_may_send


@dataclass(frozen=True, slots=True)
class Rendered:
    """A claimed delivery whose message only lacks the tags of its attempt."""

    delivery_id: int
    provider: str
    message: Message


@dataclass(frozen=True, slots=True)
class Begun:
    """The attempts that may be called, of which day their tokens are, and how many messages were skipped instead."""

    day: date
    attempts: Sequence[Attempt]
    skipped: int


NOBODY: Final = Begun(date.min, [], 0)


class Outdated(Exception):  # noqa: N818  # not an error: what was rendered is rendered again
    """The template was demoted after the messages of this window were rendered; the transaction changes nothing."""


class Intents:
    """Makes the intents of one sender's windows."""

    def __init__(self, settings: Settings, job: Job, auditor: Auditor, claimer: Claimer) -> None:
        self._settings = settings
        self._job = job
        self._auditor = auditor
        self._claimer = claimer
        self._domain = {"tenant_id": job.tenant_id, "sending_domain_id": job.campaign.sending_domain_id}

    def of(self, session: Session, token: str, window: Sequence[Rendered]) -> Begun:
        """Decide in the caller's transaction which messages of a window may be called.

        Raises:
            Stop: The campaign or its tenant is not being sent.
            Outdated: The template was demoted; the messages have to be rendered again.
        """
        check_may_send(session, self._job)
        if self._auditor.hears_of_demotion(session):
            raise Outdated
        skipped = self._skipped(session, token, [item.delivery_id for item in window])
        welcome = [item for item in window if item.delivery_id not in skipped]
        day = allowances.today(session, **self._domain)
        admitted = self._admitted(session, day, welcome) if day.is_limited or day.rests else welcome
        admitted = admitted[: self._claimer.hold.room(session)]
        begun = deliveries.begin(
            session,
            tenant_id=self._job.tenant_id,
            token=token,
            attempts=[Attempt(item.delivery_id, _attempt_id(item.delivery_id)) for item in admitted],
            lease=timedelta(seconds=self._settings.call_lease_seconds),
        )
        self._claimer.hold.use(session, len(begun))
        if day.is_limited:
            ids = {attempt.delivery_id for attempt in begun}
            tokens = rule.used(item.provider for item in admitted if item.delivery_id in ids)
            allowances.use(session, **self._domain, day=day.on, tokens=tokens)
        return Begun(day.on, begun, len(skipped))

    def _skipped(self, session: Session, token: str, delivery_ids: Sequence[int]) -> set[int]:
        """Skip who was suppressed or retired since the plan, who wants no mail now, and who has had as much as the tenant allows."""
        tenant_id, audience_id = self._job.tenant_id, self._job.campaign.audience_id
        skipped: set[int] = set()
        for skip in (skips.skip_suppressed, skips.skip_retired):
            skipped |= skip(
                session, tenant_id=tenant_id, audience_id=audience_id, token=token, delivery_ids=delivery_ids
            )
        skipped |= skips.skip_unwanted(session, tenant_id=tenant_id, token=token, delivery_ids=delivery_ids)
        cap = self._claimer.clockwork.frequency if self._claimer.clockwork else None
        if cap is None:
            return skipped
        return skipped | skips.skip_too_often(
            session,
            tenant_id=tenant_id,
            token=token,
            delivery_ids=delivery_ids,
            messages=cap.messages,
            within=timedelta(days=cap.days),
        )

    def _admitted(self, session: Session, day: Day, welcome: Sequence[Rendered]) -> list[Rendered]:
        """Return whom the caps admit now, the caps locked until the intents are committed; the first of a day opens it.

        Whoever is not admitted goes back to those who wait, and the next claim finds out whether anybody else may leave.
        """
        left = allowances.locked(session, **self._domain, day=day)
        needed = {item.provider for item in welcome} if day.schedule == ADAPTIVE else {rule.ALL}
        if day.schedule and not needed <= left.keys():
            allowances.open_day(session, **self._domain, day=day, planned=self._claimer.planned)
            left = allowances.locked(session, **self._domain, day=day)
        fits = rule.admitted(left, [item.provider for item in welcome])
        return [item for item, leaves in zip(welcome, fits, strict=True) if leaves]


def _attempt_id(delivery_id: int) -> str:
    """Return a fresh id: 120 random bits behind the delivery's number, so that their index grows at its end."""
    return f"{delivery_id:012x}-{secrets.token_urlsafe(15)}"
