"""Engagement: how lately a person did something that only a person does, as a tier from 0 (this month) to 5 (never).

Receivers judge a sender they hardly know by the first mails that arrive, so those go to the people who want them most:
messages leave in order of tier. It decides the order alone, never who is sent to.

Terms:
    engaged: clicked, replied, bought, or consented. Opens that machines make are none (`Contact.engaged_at` has none).
    tier: the first bound that the days since then do not exceed.

Invariants:
    More recent engagement never gives a later tier.

Standards:
    Google, "Email sender guidelines" ("start with a low sending volume to engaged users"). SparkPost, "IP warm-up" (first
    weeks to people who were active within 30 days, then 60, nobody beyond 90). Twilio SendGrid, "Email guide for IP
    warm-up" (most active first).
"""

from datetime import datetime
from typing import Final


# Days since the person was last engaged, at most, by tier; who was never engaged, or longer ago, is in the last tier.
TIER_DAYS: Final = (30, 60, 90, 180, 365)
NEVER: Final = len(TIER_DAYS)


def tier(engaged_at: datetime | None, now: datetime) -> int:
    """Return the tier of a person who was last engaged at this time, or never."""
    if engaged_at is None:
        return NEVER
    days = (now - engaged_at).total_seconds() / 86_400
    return next((number for number, most in enumerate(TIER_DAYS) if days <= most), NEVER)
