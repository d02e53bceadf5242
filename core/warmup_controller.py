"""Warm-up controller: tomorrow's cap of one sending domain at one mailbox provider, from what became of today's messages.

Each provider has an opinion of its own, and the smallest is overrun while the sum of all looks fine. So each has a cap of its
own, which grows while its messages are taken, waits when the provider hesitates, and goes back when it refuses: a table that
only waits stays where it is not wanted.

Terms:
    cap: messages that may leave for the provider on one day.
    pace: the cap and what must be remembered of the days before; all there is to store.
    tally: what became of messages; tallies of several days may be added.
    unjudged: the tally of days too small to say anything by themselves. They are put together until 144 are delivered.
    taken: neither bounced hard nor delayed.
    threshold: nine tenths of what was taken when we last stepped back. Above it the cap grows with care (TCP's ssthresh).
    goal: the most that is wanted there on one day. The cap ends a fifth above it: warm for the peak, not for the mean.
    quiet: a day with less than one message in a hundred of the cap.

Rules, of which the first that holds decides:
    step_back: a block, or a gate opened at its upper limit. 0.6 of what would have been taken, and two days without growth.
    hold: a gate opened at its lower limit, the provider reports 0.1 % spam, or readers act on less than 0.6 of the usual.
    quiet: after a week, 0.9 a day; after thirty days a tenth of the cap, but not less than a new domain begins with.
    hold_after_step_back, at_goal, hold_unused (less than 80 %), hold_unknown (less than 90 % of it delivered, or less than
        144 at all).
    grow: x2 below 10,000, x1.5 below 50,000, x1.3 below 100,000, x1.2 above; never over the threshold in one step, and
        x1.25 at most above it.

Invariants:
    The cap never rises after a day on which a gate opened, or that was blocked, quiet, not used or not known.
    More evidence against the domain never gives a larger cap.
    A decision follows from the stored pace and the day alone, so that a restart changes nothing, and resting for two days and
        for five is resting for seven.

Standards:
    Google "Email sender guidelines" and Yahoo "Sender requirements" (0.1 %, 0.3 %); Amazon SES review thresholds; growth as
    Postmark and iPost publish it; RFC 5681 (TCP congestion control) for the threshold. Which tables it was measured against
    is in `core.warmup_tables`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from core.warmup_gates import GATES, Finding, Sign, opened


START: Final = 200
START_SHARE: Final = 0.25  # of the volume that receivers know
HIGHEST_START: Final = 20_000
FLOOR: Final = 50
TOP: Final = 10_000_000

GROWTH: Final = ((10_000, 2.0), (50_000, 1.5), (100_000, 1.3))
TOP_GROWTH: Final = 1.2
CAREFUL_GROWTH: Final = 1.25
BACK_TO: Final = 0.6
THRESHOLD_AT: Final = 0.9
HOLD_DAYS: Final = 2
PEAK: Final = 1.2

USED_SHARE: Final = 0.8
KNOWN_SHARE: Final = 0.9
# What a new domain's first day leaves at least, when 80 % of 200 are used and 90 % of those delivered: it counts already.
MIN_DELIVERED: Final = 144
QUIET_SHARE: Final = 0.01

HOLD_SPAM_RATE: Final = 0.001
BACK_SPAM_RATE: Final = 0.003
HOLD_ENGAGEMENT: Final = 0.6

QUIET_DAYS: Final = 7
COLD_DAYS: Final = 30
REST: Final = 0.9
COLD_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of messages to one provider. All are counts of messages.

    `accepted` by SES; `delayed` at least once, whether or not they were delivered in the end.
    """

    accepted: int = 0
    delivered: int = 0
    hard_bounced: int = 0
    delayed: int = 0
    complained: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            accepted=self.accepted + other.accepted,
            delivered=self.delivered + other.delivered,
            hard_bounced=self.hard_bounced + other.hard_bounced,
            delayed=self.delayed + other.delayed,
            complained=self.complained + other.complained,
        )

    @property
    def taken(self) -> int:
        """Return how many were neither refused nor put off; what is not known yet counts as taken."""
        return max(self.accepted - self.hard_bounced - self.delayed, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDay:
    """One day of a sending domain at a provider, with what other sources say of it.

    Attributes:
        tally: What became of the messages.
        block: The class of a refusal of the sender (`core.warmup_blocks`); empty when there was none.
        spam_rate: The share that the provider itself reports, such as Google's Postmaster Tools; None when unknown.
        engagement: Readers' acts against the domain's own usual, 1 being as ever; None when unknown or not allowed.
    """

    tally: Tally
    block: str = ""
    spam_rate: float | None = None
    engagement: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The stored state: today's cap, and what the next decision needs of the days before."""

    cap: int
    threshold: int | None = None
    hold_days: int = 0
    quiet_days: int = 0
    rested_from: int | None = None  # the cap before the quiet days
    unjudged: Tally = Tally()

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for one JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Pace":
        """Return the pace that was stored."""
        return cls(**{**stored, "unjudged": Tally(**stored["unjudged"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The pace of the next day, the rule that chose it, what it was judged by, and the sentence that tells a person why."""

    rule: str
    before: int
    pace: Pace
    judged: Tally
    why: str

    @property
    def cap(self) -> int:
        """Return the messages that may leave on the next day."""
        return self.pace.cap

    def as_json(self) -> dict[str, Any]:
        """Return the rule, both caps, the evidence and the sentence, as the audit keeps them."""
        return {
            "rule": self.rule,
            "cap_before": self.before,
            "cap": self.cap,
            "evidence": asdict(self.judged),
            "why": self.why,
        }


def start(known_daily_volume: int = 0) -> Pace:
    """Return the pace of a domain's first day at a provider that accepted this volume a day from it in the last month."""
    return Pace(cap=min(max(int(known_daily_volume * START_SHARE), START), HIGHEST_START))


def binding(caps: Mapping[str, int]) -> tuple[str, int]:
    """Return which of several caps over the same messages holds: the domain's own, the pool's, the edge's."""
    return min(caps.items(), key=lambda item: item[1])


def rest(pace: Pace, days: int = 1) -> Pace:
    """Return the pace after days on which nothing was sent: receivers forget a domain within a month."""
    quiet, before = pace.quiet_days + days, pace.rested_from or pace.cap
    kept = COLD_SHARE if quiet >= COLD_DAYS else max(REST ** max(quiet - QUIET_DAYS, 0), COLD_SHARE)
    return replace(
        pace, cap=max(int(before * kept), min(before, START)), quiet_days=quiet, rested_from=before
    )


def decide(pace: Pace, day: ProviderDay, *, goal: int | None = None) -> Decision:
    """Return the pace of the day after `day`.

    Args:
        pace: That of the day.
        day: What became of its messages.
        goal: The most messages that are wanted for the provider on one day; None when nobody knows.
    """
    judged = pace.unjudged + day.tally
    is_quiet = day.tally.accepted < pace.cap * QUIET_SHARE
    now = rest(pace) if is_quiet else _awake(pace)
    if reason := _against(day, judged, back=True):
        return _decision("step_back", pace, _stepped_back(now, day.tally), judged, reason)
    now = _remembering(now, judged)
    if reason := _against(day, judged, back=False):
        return _decision("hold", pace, _a_day_less(now), judged, reason)
    if is_quiet:
        return _decision("quiet", pace, now, judged, f"{now.quiet_days:,} quiet days in a row")
    if now.hold_days:
        return _decision(
            "hold_after_step_back", pace, _a_day_less(now), judged, "two days stay after a step back"
        )
    if rule_and_reason := _not_earned(now, day.tally, judged, goal):
        rule, reason = rule_and_reason
        return _decision(rule, pace, now, judged, reason)
    grown = replace(now, cap=_grown(now, goal))
    return _decision("grow", pace, grown, judged, f"{day.tally.accepted:,} were sent and welcome")


def _awake(pace: Pace) -> Pace:
    return pace if not pace.quiet_days else replace(pace, quiet_days=0, rested_from=None)


def _remembering(pace: Pace, judged: Tally) -> Pace:
    """Keep the tally while it is too small to be judged; 144 delivered messages are judged once."""
    kept = judged if judged.delivered < MIN_DELIVERED else Tally()
    return pace if kept == pace.unjudged else replace(pace, unjudged=kept)


def _a_day_less(pace: Pace) -> Pace:
    return replace(pace, hold_days=max(pace.hold_days - 1, 0))


def _stepped_back(pace: Pace, tally: Tally) -> Pace:
    # Of a day that was not used only the share that was taken counts: ten messages are no measure of a cap of thousands.
    taken = pace.cap * tally.taken / tally.accepted if tally.accepted else pace.cap
    return replace(
        pace,
        cap=min(pace.cap, max(int(taken * BACK_TO), FLOOR)),
        threshold=max(int(taken * THRESHOLD_AT), FLOOR),
        hold_days=HOLD_DAYS,
        unjudged=Tally(),
    )


def _grown(pace: Pace, goal: int | None) -> int:
    factor = next((factor for below, factor in GROWTH if pace.cap < below), TOP_GROWTH)
    careful = pace.cap * min(factor, CAREFUL_GROWTH)
    threshold = pace.threshold or TOP
    cap = min(pace.cap * factor, max(threshold, careful))
    top = TOP if goal is None else int(goal * PEAK)
    return min(int(cap), top)


def _against(day: ProviderDay, judged: Tally, *, back: bool) -> str:
    """Return what speaks against the sender, or nothing."""
    if back and day.block:
        return f"the provider blocks: {day.block}"
    spam_limit = BACK_SPAM_RATE if back else HOLD_SPAM_RATE
    if day.spam_rate is not None and day.spam_rate >= spam_limit:
        return f"the provider reports {day.spam_rate:.2%} spam"
    if found := _open_gate(judged, back=back):
        return found.words
    if not back and day.engagement is not None and day.engagement < HOLD_ENGAGEMENT:
        return f"readers act on {day.engagement:.0%} of the usual"
    return ""


def _open_gate(judged: Tally, *, back: bool) -> Finding | None:
    of = {
        Sign.COMPLAINTS: (judged.complained, judged.delivered),
        Sign.BOUNCES: (judged.hard_bounced, judged.delivered + judged.hard_bounced),
        Sign.DELAYS: (judged.delayed, judged.accepted),
    }
    found = (opened(gate, *of[gate.sign], back=back) for gate in GATES if of[gate.sign][0])
    return next((finding for finding in found if finding), None)


def _not_earned(pace: Pace, day: Tally, judged: Tally, goal: int | None) -> tuple[str, str] | None:
    wanted = pace.cap if goal is None else min(pace.cap, goal)
    if goal is not None and pace.cap >= goal * PEAK - 1:
        return "at_goal", f"{goal:,} a day are wanted"
    if day.accepted < wanted * USED_SHARE:
        return "hold_unused", f"{day.accepted:,} of {wanted:,} were used, less than 80 %"
    # What is delivered is asked for, rather than what is known: a bounce more must not help a domain to grow.
    if judged.delivered < MIN_DELIVERED:
        return (
            "hold_unknown",
            f"only {judged.delivered:,} are known to be delivered, less than {MIN_DELIVERED}",
        )
    if judged.delivered < judged.accepted * KNOWN_SHARE:
        known = f"{judged.delivered:,} of {judged.accepted:,}"
        return "hold_unknown", f"only {known} are known to be delivered, less than 90 %"
    return None


def _decision(rule: str, before: Pace, after: Pace, judged: Tally, reason: str) -> Decision:
    if after.cap == before.cap:
        moved = f"Stays at {after.cap:,}"
    else:
        moved = f"{'Raised' if after.cap > before.cap else 'Lowered'} from {before.cap:,} to {after.cap:,}"
    return Decision(rule=rule, before=before.cap, pace=after, judged=judged, why=f"{moved}: {reason}.")
