"""Pacing: how many messages may leave now, for all workers of one SES account together.

Amazon drops what comes too fast ("the message is dropped and not redelivered"), so the rate is kept on our side, by one
row that all workers share. The rule is GCRA with additive increase and multiplicative decrease:

- Each grant moves `due_at` by `granted / rate`. While `due_at` is ahead of now, nobody is granted anything.
- A "rate exceeded" answer multiplies the rate by 0.7, at most once a second. Ten quiet seconds later it grows again, by
  2 % of the ceiling a second.
- An operator may set a limit of his own below the account's. It holds from the next grant on, for all workers.
- The 24-hour quota is not paced but kept: nothing is granted beyond 98 % of it. Other applications share it, so
  GetAccount's own count is taken at each refresh, and our grants are added to it in between.

All times are the database's, and its clock may jump. Forward, the rule forgets at most a block and a slower rate. Back, it
would stand still for as long as the clock went back. So a time further ahead than this rule ever puts one is not believed.

Terms:
    ceiling: 90 % of the account's MaxSendRate or the operator's limit, whichever is lower, in recipients per second.
    block: nobody is granted anything until its end. After a block for ambiguity (answers were lost) grants are probes of
        one message, until one is accepted: a brown-out must not put a whole list in doubt.
    grant: messages whose intents may be committed now, in the same transaction as the grant.

    told twice: a time that the clock has shown before, because it went back. What was called at such a time may be older
        or younger than it looks, so that silence about it proves nothing (`core.evidence`).

Invariants:
    Over any second at most `rate + one grant` messages are granted; a clock that goes back admits one grant more.
    Whatever the clock does, nobody waits for the rate longer than a second, nor for a block longer than ten minutes.
    A grant that is not used is lost, never saved: no burst follows a pause.

Standards:
    ITU-T I.371 (GCRA). Amazon SES, "Managing your sending quotas"; SES v2 GetAccount (MaxSendRate, Max24HourSend,
    SentLast24Hours; -1 is unlimited).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final


CEILING_SHARE: Final = 0.9
QUOTA_SHARE: Final = 0.98
DECREASE: Final = 0.7
INCREASE_PER_SECOND: Final = 0.02
QUIET_SECONDS: Final = 10.0
SLOWEST: Final = 1.0
GRANTS_PER_SECOND: Final = 4  # so that a window is at most a quarter of a second's worth
QUOTA_RETRY: Final = timedelta(minutes=10)
# A grant is one message, or less than a second's worth of them: `due_at` is never put further ahead than this.
LONGEST_GRANT: Final = timedelta(seconds=1 / SLOWEST)
# No reason lets an account rest for longer; `core.outcomes` has them.
LONGEST_BLOCK: Final = timedelta(minutes=10)
# Only a person ends it; until then whoever asks looks again this seldom, and is woken when it ends.
STOPPED: Final = (
    "the breaker of all tenants together has stopped the SES account until a person lets it go on"
)
STOPPED_PATIENCE: Final = timedelta(hours=6)
AMBIGUITY: Final = "ambiguity"  # a block after which single probes go out until one is accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An SES account in one region, as all workers see it. Rates are recipients per second."""

    max_send_rate: float
    send_rate: float
    max_24_hour_send: float
    sent_last_24_hours: float
    due_at: datetime
    slowed_at: datetime | None = None
    blocked_until: datetime | None = None
    blocked_reason: str | None = None
    rate_limit: float | None = None  # an operator's own
    told_twice_until: datetime | None = None  # None: the clock was never seen to go back


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How many may leave now, or how long to wait and why nobody may."""

    count: int
    wait: timedelta = timedelta(0)
    held_by: str = ""  # "rate", "quota", or the reason of the block
    is_probe: bool = False  # one message, to find out whether SES answers again


def ceiling(account: Account) -> float:
    """Return the rate that is never exceeded, in recipients per second."""
    of_account = account.max_send_rate * CEILING_SHARE
    return max(of_account if account.rate_limit is None else min(of_account, account.rate_limit), SLOWEST)


def rate(account: Account, now: datetime) -> float:
    """Return the rate that holds now: what the last throttling left, grown by the quiet time since."""
    if account.slowed_at is None:
        return ceiling(account)
    quiet = (now - account.slowed_at).total_seconds() - QUIET_SECONDS
    grown = account.send_rate + max(quiet, 0.0) * INCREASE_PER_SECOND * ceiling(account)
    return min(ceiling(account), max(grown, SLOWEST))


def quota_left(account: Account) -> int | None:
    """Return how many recipients the 24-hour quota still allows us; None when it is unlimited."""
    if account.max_24_hour_send < 0:
        return None
    return max(int(account.max_24_hour_send * QUOTA_SHARE - account.sent_last_24_hours), 0)


def recounted(told: float, *, under_way: int, granted: float) -> float:
    """Return what to count of the last 24 hours after GetAccount has answered, in recipients.

    Args:
        told: Its SentLast24Hours.
        under_way: Calls whose answers were not known when it was asked: Amazon may or may not have counted them.
        granted: Recipients granted since it was asked.
    """
    return told + under_way + granted


def reserve(account: Account, wanted: int, now: datetime) -> tuple[Grant, Account]:
    """Grant up to `wanted` messages, and return the account as it stands after the grant."""
    account = believed(account, now)
    if account.blocked_until is not None and account.blocked_until > now:
        held_by = account.blocked_reason or "blocked"
        return Grant(count=0, wait=account.blocked_until - now, held_by=held_by), account
    if account.due_at > now:
        return Grant(count=0, wait=account.due_at - now, held_by="rate"), account
    left = quota_left(account)
    if left == 0:
        return Grant(count=0, wait=QUOTA_RETRY, held_by="quota"), account
    per_second = rate(account, now)
    is_probe = account.blocked_reason == AMBIGUITY
    most = 1 if is_probe else max(int(per_second / GRANTS_PER_SECOND), 1)
    granted = min(wanted, most, left or wanted)
    after = replace(
        account,
        due_at=now + timedelta(seconds=granted / per_second),
        sent_last_24_hours=account.sent_last_24_hours + granted,
    )
    return Grant(count=granted, is_probe=is_probe), after


def slowed(account: Account, now: datetime) -> Account:
    """Return the account after a "rate exceeded" answer; a second answer within a second changes nothing."""
    account = believed(account, now)
    if account.slowed_at is not None and now - account.slowed_at < timedelta(seconds=1):
        return account
    return replace(account, send_rate=max(rate(account, now) * DECREASE, SLOWEST), slowed_at=now)


def blocked(account: Account, now: datetime, *, pause: timedelta, reason: str) -> Account:
    """Return the account with a block; a shorter one does not end a longer one."""
    account = believed(account, now)
    until = now + min(pause, LONGEST_BLOCK)
    return replace(account, blocked_until=max(account.blocked_until or until, until), blocked_reason=reason)


def believed(account: Account, now: datetime) -> Account:
    """Return the account without times so far ahead that only a clock that went back can have left them there.

    A grant that was out is over then, a block has ended (the next messages find out whether it should have), and a
    slower rate begins to grow again from now.
    """
    if account.due_at > now + LONGEST_GRANT:
        last = max(account.told_twice_until or account.due_at, account.due_at)
        account = replace(account, due_at=now, told_twice_until=last)
    if account.blocked_until is not None and account.blocked_until > now + LONGEST_BLOCK:
        account = replace(account, blocked_until=None)
    if account.slowed_at is not None and account.slowed_at > now:
        account = replace(account, slowed_at=now)
    return account
