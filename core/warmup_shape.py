"""Warm-up's day: how a cap is spread over its hours.

A domain that sends its day's messages within a minute looks like an outbreak. So an hour takes a tenth of the day, or what
must leave in each of the hours that are left; a thousand messages an hour are no outbreak, however small the day.

Terms:
    hour's part: a tenth of the cap, rounded up, and at least `CALM`.

Invariants:
    No day takes more than its cap, and an hour no more than its part as long as ten hours are left.
    Whoever fills every hour that is left fills the day.

Standards:
    Google "Email sender guidelines" ("send at a consistent rate"); Twilio SendGrid's automated warm-up, which caps hours.
"""

from typing import Final


HOURS: Final = 10
CALM: Final = 1_000


def room_this_hour(cap: int, *, used_today: int, used_this_hour: int, hours_left: int = HOURS) -> int:
    """Return how many messages may still leave in this hour of the tenant's clock.

    Args:
        cap: Of the day.
        used_today: Tokens that the day has taken, this hour's included.
        used_this_hour: Tokens that this hour has taken.
        hours_left: Hours until midnight, this one included.
    """
    left = max(cap - used_today, 0)
    even = -(-(left + used_this_hour) // max(hours_left, 1))
    part = max(-(-cap // HOURS), even if hours_left < HOURS else 0, CALM)
    return max(min(part - used_this_hour, left), 0)
