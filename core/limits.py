"""Limits: an operator's own rates for a tenant, for its mail as a whole and for single mailbox providers.

A limit is one time, as the account's rate is (`core.pacing`, GCRA): n messages move `due_at` by n / rate, and while it lies
ahead nobody is let through. Limits, warm-up caps and the account's rate hold together: a message leaves when all admit it.
A provider's limit lets fewer of its messages into a window, and the others of the window go on.

Terms:
    due: a limit whose `due_at` has come. It then admits a quarter of a second's worth, one message at least.
    all: the limit of a tenant's mail as a whole (`core.allowances.ALL`).

Invariants:
    Over any second at most `rate + one quarter of a second's worth, or one message` leave under a limit.
    What a limit does not admit stays where it is in line, and holds up no message of another provider.
    Whatever the clock does, nobody waits for a limit longer than five seconds.

Standards:
    ITU-T I.371 (GCRA).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.allowances import ALL, admitted, used
from core.pacing import GRANTS_PER_SECOND


SLOWEST: Final = 0.2  # a wait of five seconds is slept out; a slower rate is a pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most so many messages a second."""

    per_second: float
    due_at: datetime


def room(limit: Limit, now: datetime) -> int:
    """Return how many messages a limit admits now."""
    return 0 if believed(limit, now).due_at > now else max(int(limit.per_second / GRANTS_PER_SECOND), 1)


def fitting(limits: Mapping[str, Limit], providers: Sequence[str], wanted: int, now: datetime) -> list[int]:
    """Return which of these messages may leave now, as indexes, in order and at most so many.

    Args:
        limits: Of the tenant, by provider; `ALL` for all together.
        providers: The provider of each message that waits.
        wanted: The most that are taken.
        now: By the clock that all share.
    """
    left = {provider: room(limit, now) for provider, limit in limits.items()}
    fits = admitted(left, providers)
    return [index for index, leaves in enumerate(fits) if leaves][:wanted]


def wait(limits: Mapping[str, Limit], providers: Sequence[str], now: datetime) -> timedelta:
    """Return how long until the first of these messages may leave."""
    waits = [
        max((believed(limits[key], now).due_at for key in (ALL, provider) if key in limits), default=now)
        for provider in set(providers)
    ]
    return max(min(waits, default=now) - now, timedelta(0))


def taken(limits: Mapping[str, Limit], providers: Sequence[str], now: datetime) -> dict[str, Limit]:
    """Return the limits that these messages have moved, as they stand when they have left."""
    return {
        provider: replace(limits[provider], due_at=now + timedelta(seconds=n / limits[provider].per_second))
        for provider, n in used(providers).items()
        if provider in limits
    }


def in_time(limits: Mapping[str, Limit], seconds: float) -> dict[str, int]:
    """Return how many messages each limit lets through in some seconds, one at least: no more is worth a claim."""
    return {provider: max(math.ceil(limit.per_second * seconds), 1) for provider, limit in limits.items()}


def believed(limit: Limit, now: datetime) -> Limit:
    """Return a limit that is due if its time is so far ahead that only a clock that went back can have left it there."""
    furthest = timedelta(seconds=max(1 / limit.per_second, 1 / GRANTS_PER_SECOND))
    return replace(limit, due_at=now) if limit.due_at > now + furthest else limit
