"""Warm-up's day: how a cap is spread over its hours, and who goes first.

A domain that sends its day's messages within a minute looks like an outbreak, however small the day. And a receiver that does not
know it watches what the first readers do: those who have clicked lately do not complain.

Terms:
    hour's part: a tenth of the cap, rounded up. A day's messages take ten hours at least.
    act: a click, a reply, a purchase, or the confirmation of a subscription. An open is none: machines open.
    tier: how long ago somebody's last act was, from 0 (within 30 days) to 5 (never, or more than a year).

Invariants:
    No hour takes more than its part, no day more than its cap, and ten full hours take all of it.
    A later act never gives a later tier.

Standards:
    Google "Email sender guidelines" ("send at a consistent rate", "start with engaged users"); SparkPost's and Braze's bands of
    30, 60 and 90 days.
"""

from datetime import date
from typing import Final


HOURS: Final = 10
TIERS: Final = (30, 60, 90, 180, 365)  # days since the last act


def room_this_hour(cap: int, *, used_today: int, used_this_hour: int) -> int:
    """Return how many messages may still leave in this hour of the tenant's clock."""
    part = -(-cap // HOURS)
    return max(min(part - used_this_hour, cap - used_today), 0)


def tier(acted_on: date | None, today: date) -> int:
    """Return the tier of somebody whose last act was on a day; None is never. The key to sort an audience by."""
    if acted_on is None:
        return len(TIERS)
    age = (today - acted_on).days
    return sum(age > days for days in TIERS)
