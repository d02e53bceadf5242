"""Warm-up: how many messages a sending domain may send on a day.

Receivers judge a domain they do not know by its first weeks: too much too soon and they defer or block it. A new
sending domain therefore climbs a ladder, one rung a day, and only when the day before was used and welcome.

Terms:
    rung: a step of the ladder, from 0. A domain without a rung is warm and has no allowance.
    allowance: messages that may leave on one day of the tenant's calendar.
    used: at least 80 % of the allowance was accepted by SES.
    known: at least 50 messages were delivered or bounced hard, so that a share of them means something.
    unwelcome: receivers say no, loudly: step down.
    lukewarm: they hesitate: stay.

Invariants:
    The allowance never rises after an unwelcome or lukewarm day, nor after one that was not used or is not known: when
    no events arrive, nobody climbs blindly.
    More evidence against the domain never gives a larger allowance.

Standards:
    Google "Email sender guidelines" (user-reported spam below 0.1 %, never 0.3 %; increase slowly, with engaged users
    first); Amazon SES "Dedicated IPs: warming" and its review thresholds (5 % bounces, 0.1 % complaints); the growth
    factors are those of Postmark's and iPost's published schedules (x2 below 10,000 a day, x1.5 below 50,000, then
    less).

See:
    docs/warmup.md tells the rule in words, with a worked month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


# x2 below 10,000 a day, x1.5 below 50,000, x1.3 below 100,000, x1.2 above; rounded to figures a person remembers.
LADDER: Final = (
    200,
    400,
    800,
    1_600,
    3_200,
    6_400,
    10_000,
    15_000,
    22_000,
    33_000,
    50_000,
    65_000,
    85_000,
    100_000,
    120_000,
    145_000,
    175_000,
    210_000,
    250_000,
)

USED_SHARE: Final = 0.8
MIN_FINAL: Final = 50  # below this many outcomes one complaint is an accident, not a rate

UNWELCOME_COMPLAINT_RATE: Final = 0.003
UNWELCOME_BOUNCE_RATE: Final = 0.05
UNWELCOME_DELAY_RATE: Final = 0.15
LUKEWARM_COMPLAINT_RATE: Final = 0.001
LUKEWARM_BOUNCE_RATE: Final = 0.02
LUKEWARM_DELAY_RATE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """What became of one day's messages of a sending domain. All are counts of messages."""

    allowance: int
    accepted: int = 0
    delivered: int = 0
    hard_bounced: int = 0
    delayed: int = 0
    complained: int = 0

    @property
    def final(self) -> int:
        """Return how many have an outcome: the denominator of the bounce rate."""
        return self.delivered + self.hard_bounced


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The rung of the next day, the rule that chose it, and the sentence that tells a person why."""

    rung: int | None
    rule: str
    why: str


def allowance(rung: int | None, ladder: Sequence[int] = LADDER) -> int | None:
    """Return the messages that a day on this rung allows; None when the domain is warm."""
    return None if rung is None else ladder[min(rung, len(ladder) - 1)]


def rung_for(daily_volume: int, ladder: Sequence[int] = LADDER) -> int:
    """Return the rung to start on for a domain that receivers know at this accepted volume a day (a quarter of it)."""
    fitting = [rung for rung, cap in enumerate(ladder) if cap <= daily_volume * 0.25]
    return fitting[-1] if fitting else 0


def next_rung(rung: int | None, day: DayReport, ladder: Sequence[int] = LADDER) -> Decision:
    """Return the rung of the day after `day`; the ladder may be a published table's days."""
    if rung is None:
        return Decision(rung=None, rule="warm", why="The domain is warm; no allowance holds it.")
    complaint, bounce, delay = _rates(day)
    if day.final >= MIN_FINAL and _over(complaint, bounce, delay, _UNWELCOME):
        return Decision(rung=max(rung - 1, 0), rule="step_down", why=_because("Stepped down", day))
    if day.final >= MIN_FINAL and _over(complaint, bounce, delay, _LUKEWARM):
        return Decision(rung=rung, rule="hold_lukewarm", why=_because("Held", day))
    if day.accepted < day.allowance * USED_SHARE:
        used = f"{day.accepted:,} of {day.allowance:,} were used"
        return Decision(rung=rung, rule="hold_unused", why=f"Held: {used}, less than 80 %.")
    if day.final < MIN_FINAL:
        return Decision(rung=rung, rule="hold_unknown", why=f"Held: only {day.final:,} outcomes are known.")
    if rung + 1 >= len(ladder):
        return Decision(rung=None, rule="warm", why=f"Warm: the top rung of {day.allowance:,} was filled.")
    return Decision(
        rung=rung + 1, rule="step_up", why=f"Stepped up: {day.accepted:,} of {day.allowance:,}, welcome."
    )


_UNWELCOME: Final = (UNWELCOME_COMPLAINT_RATE, UNWELCOME_BOUNCE_RATE, UNWELCOME_DELAY_RATE)
_LUKEWARM: Final = (LUKEWARM_COMPLAINT_RATE, LUKEWARM_BOUNCE_RATE, LUKEWARM_DELAY_RATE)


def _rates(day: DayReport) -> tuple[float, float, float]:
    # Complaints and delays are shares of what was delivered: of all outcomes, one more bounce would make them smaller.
    delivered = max(day.delivered, 1)
    return day.complained / delivered, day.hard_bounced / max(day.final, 1), day.delayed / delivered


def _over(complaint: float, bounce: float, delay: float, limits: tuple[float, float, float]) -> bool:
    return any(rate >= limit for rate, limit in zip((complaint, bounce, delay), limits, strict=True))


def _because(what: str, day: DayReport) -> str:
    complaint, bounce, delay = _rates(day)
    return (
        f"{what}: complaints {complaint:.2%}, hard bounces {bounce:.1%}, delays {delay:.1%} of {day.final:,}."
    )
