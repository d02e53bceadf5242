"""Breakers: when bounces or complaints slow or stop a campaign, a tenant, a tenant's mail to one provider, or the account.

The usual rule, "more than 5 % of at least 100", is asked after every message, and whoever asks often enough is told yes by
chance: it stops 56 of 100 senders whose true share of bounces is 4 %. The rule here may be asked after every event. It asks how
much better the counts are explained by a bad sender than by one at the limit, and stops when that evidence is so strong that a
sender within the limit would ever show it in one case of a thousand.

Terms:
    resolved: messages that were delivered or bounced hard; n. What is merely sent says nothing yet.
    hits: hard bounces, or complaints; k.
    limit: the share that a sender may have, p0.
    evidence: E, the mean over q in {1.5, 2, 3, 5, 10} p0 of (q/p0)^k ((1-q)/(1-p0))^(n-k): a mixture of likelihood
        ratios; for the account with 1.1 and 1.25 too.
    alpha: how often a sender at the limit may be stopped by chance, ever; E reaches its threshold at 1/alpha.
    warn: a person is shown it; nothing else happens. The plain share of at least two hits reaches the limit that trips.
    slow: a quarter of the pace. E of the lower limit reaches 100.
    trip: nothing leaves any more until a person says so. E of the upper limit reaches 1,000, or four of the first fifty
        complained.
    vanguard: the first messages of a campaign, after which it waits for what becomes of them; others call it a canary, which
        here is something else (`core.canary`).

Invariants:
    A sender whose true share is at most the limit is ever tripped with a probability of at most alpha (Ville's inequality),
    however often it is asked. That holds for counts that only grow: those of a campaign, or since a person resumed it. Over a
    window that slides it holds for each window, not for all of them together.
    At the same n, more hits never give a milder verdict. The order of the events does not matter: only k and n are read.

Standards:
    Wald, "Sequential Tests of Statistical Hypotheses" (1945); Ville (1939); Ramdas et al., "Game-theoretic statistics and safe
    anytime-valid inference" (2023). The limits lie below those at which Amazon SES reviews an account (5 % bounces, 0.1 %
    complaints) and may pause it (10 %, 0.5 %).
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from math import ceil, exp, log
from typing import Final


MIXTURE: Final = (1.5, 2.0, 3.0, 5.0, 10.0)
# Evidence cannot grow against a share that lies nearer to the limit than to the mildest of the mixture: about 1.2 times the limit
# is never tripped. The account has messages enough, and Amazon near enough, to be told at a tenth above its own.
FINE_MIXTURE: Final = (1.1, 1.25, *MIXTURE)
HIGHEST_SHARE: Final = (
    0.95  # ten times a limit of 10 % would be certainty, which no delivery could ever agree with
)
SLOW_ALPHA: Final = 1e-2
TRIP_ALPHA: Final = 1e-3
SLOW_PACE: Final = 0.25
FIRST_MESSAGES: Final = 50
FIRST_COMPLAINTS: Final = 4
MIN_WARN_HITS: Final = 2  # one is an accident

VANGUARD_MESSAGES: Final = 200
VANGUARD_SHARE: Final = 0.01
VANGUARD_RESOLVED: Final = 0.9
# Bounces arrive in minutes; complaints need the tenant's rule.
VANGUARD_PATIENCE: Final = timedelta(minutes=30)


class Scope(StrEnum):
    """What a breaker stops. Campaigns are counted from their start, tenants and the account over seven days."""

    CAMPAIGN = "campaign"
    TENANT = "tenant"
    TENANT_AT_PROVIDER = "tenant_at_provider"
    ACCOUNT = "account"


class Signal(StrEnum):
    """What is counted against a sender."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"


class Level(IntEnum):
    """How grave a verdict is; the graver is the greater."""

    CLEAR = 0
    WARN = 1
    SLOW = 2
    TRIP = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """The shares that a sender may have: above `slow` it is slowed, above `trip` it is stopped."""

    slow: float
    trip: float
    mixture: tuple[float, ...] = MIXTURE


_OURS: Final = {Signal.BOUNCE: Limits(0.02, 0.05), Signal.COMPLAINT: Limits(0.0005, 0.001)}
LIMITS: Final = {
    Scope.CAMPAIGN: _OURS,
    Scope.TENANT: _OURS,
    Scope.TENANT_AT_PROVIDER: _OURS,
    # All tenants together stop before Amazon looks: its reviews begin at 5 % and 0.1 %.
    Scope.ACCOUNT: {
        Signal.BOUNCE: Limits(0.02, 0.04, FINE_MIXTURE),
        Signal.COMPLAINT: Limits(0.0005, 0.0008, FINE_MIXTURE),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of a scope's messages. Counts of days, or of campaigns, may be added.

    `complained_of_first` are the complaints about the first fifty resolved messages of a campaign, however late they come; only
    the verdict on a campaign reads them.
    """

    resolved: int = 0
    bounced: int = 0
    complained: int = 0
    complained_of_first: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            resolved=self.resolved + other.resolved,
            bounced=self.bounced + other.bounced,
            complained=self.complained + other.complained,
            complained_of_first=self.complained_of_first + other.complained_of_first,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a breaker says, and of what: `hits` of `resolved`, the logarithm of their evidence and of its threshold."""

    scope: Scope
    level: Level
    signal: Signal
    hits: int
    resolved: int
    limit: float
    log_evidence: float
    log_threshold: float
    why: str

    @property
    def pace(self) -> float:
        """Return the part of the usual pace that is left: all, a quarter, nothing."""
        return {Level.SLOW: SLOW_PACE, Level.TRIP: 0.0}.get(self.level, 1.0)


def log_evidence(hits: int, resolved: int, limit: float, *, mixture: tuple[float, ...] = MIXTURE) -> float:
    """Return ln E against a sender whose share may be `limit`; 0 when nothing is known.

    Events overtake each other: a complaint may be known before its delivery is, and counts as resolved then.
    """
    missed = max(resolved - hits, 0)
    shares = [min(HIGHEST_SHARE, limit * multiple) for multiple in mixture]
    logs = [hits * log(share / limit) + missed * log((1 - share) / (1 - limit)) for share in shares]
    highest = max(logs)  # taken out of the sum: E itself has hundreds of digits
    return highest + log(sum(exp(one - highest) for one in logs) / len(logs))


def fewest_hits(resolved: int, limit: float, *, alpha: float = TRIP_ALPHA) -> int | None:
    """Return the smallest k that trips at this n; None when even all of them would not."""
    low, high = 0, resolved + 1
    while low < high:
        middle = (low + high) // 2
        if log_evidence(middle, resolved, limit) >= -log(alpha):
            high = middle
        else:
            low = middle + 1
    return low if low <= resolved else None


def judge(counts: Counts, scope: Scope) -> Verdict:
    """Return the graver of the verdicts on bounces and on complaints; may be asked after every event."""
    bounces = _judge(counts, scope, Signal.BOUNCE)
    complaints = _judge(counts, scope, Signal.COMPLAINT)
    return max(bounces, complaints, key=lambda verdict: verdict.level)


def _judge(counts: Counts, scope: Scope, signal: Signal) -> Verdict:
    hits = counts.bounced if signal is Signal.BOUNCE else counts.complained
    limits = LIMITS[scope][signal]
    resolved = max(counts.resolved, hits)
    is_early = scope is Scope.CAMPAIGN and signal is Signal.COMPLAINT and _complained_early(counts)
    level = Level.TRIP if is_early else _level(hits, resolved, limits)
    limit, alpha = (limits.slow, SLOW_ALPHA) if level is Level.SLOW else (limits.trip, TRIP_ALPHA)
    evidence = log_evidence(hits, resolved, limit, mixture=limits.mixture)
    said = _about_the_first(counts) if is_early else _in_words(hits, resolved, signal, limit, alpha, evidence)
    return Verdict(
        scope=scope,
        level=level,
        signal=signal,
        hits=hits,
        resolved=resolved,
        limit=limit,
        log_evidence=evidence,
        log_threshold=-log(alpha),
        why=f"{_VERBS[level]}: {said}",
    )


def _level(hits: int, resolved: int, limits: Limits) -> Level:
    if log_evidence(hits, resolved, limits.trip, mixture=limits.mixture) >= -log(TRIP_ALPHA):
        return Level.TRIP
    if log_evidence(hits, resolved, limits.slow, mixture=limits.mixture) >= -log(SLOW_ALPHA):
        return Level.SLOW
    if hits >= MIN_WARN_HITS and hits >= limits.trip * resolved:
        return Level.WARN
    return Level.CLEAR


def _complained_early(counts: Counts) -> bool:
    # Four of fifty is a trip for the evidence too, but by the time the fourth complains thousands may have been delivered.
    return counts.complained_of_first >= FIRST_COMPLAINTS


_VERBS: Final = {
    Level.CLEAR: "Clear",
    Level.WARN: "Shown as a warning",
    Level.SLOW: "Slowed to a quarter",
    Level.TRIP: "Stopped",
}
_NOUNS: Final = {Signal.BOUNCE: "bounced hard", Signal.COMPLAINT: "complained"}


def _in_words(hits: int, resolved: int, signal: Signal, limit: float, alpha: float, evidence: float) -> str:
    share = hits / resolved if resolved else 0.0
    return (
        f"{hits:,} of {resolved:,} {_NOUNS[signal]} ({share:.2%}; limit {limit:.2%}); "
        f"evidence {_power(evidence)} of {1 / alpha:,.0f}."
    )


def _about_the_first(counts: Counts) -> str:
    return f"{counts.complained_of_first:,} of the first {FIRST_MESSAGES} complained; {FIRST_COMPLAINTS} are enough."


def _power(log_value: float) -> str:
    """Return a number that may be far too large for a float, as its logarithm says."""
    return f"{exp(log_value):,.1f}" if log_value < log(1e6) else f"10^{log_value / log(10):.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanguard:
    """How many messages of a campaign may still leave before its first ones are judged; None when they are."""

    room: int | None
    why: str

    @property
    def is_over(self) -> bool:
        """Whether the vanguard no longer holds the campaign; what it found is for `judge`."""
        return self.room is None


def vanguard_size(audience: int) -> int:
    """Return how many messages go first: 200, or one in a hundred when that is more."""
    return min(audience, max(VANGUARD_MESSAGES, ceil(audience * VANGUARD_SHARE)))


def vanguard(*, audience: int, sent: int, resolved: int, waited: timedelta) -> Vanguard:
    """Say whether a campaign's first messages hold it.

    Args:
        audience: Messages of the campaign.
        sent: Those that SES has accepted.
        resolved: Those of them that were delivered or bounced hard.
        waited: Since the last of the vanguard was accepted.
    """
    size = vanguard_size(audience)
    if sent < size:
        return Vanguard(room=size - sent, why=f"{sent:,} of the first {size:,} are sent.")
    if size == audience or resolved >= VANGUARD_RESOLVED * size:
        return Vanguard(room=None, why=f"The first {size:,} are known.")
    if waited >= VANGUARD_PATIENCE:
        return Vanguard(room=None, why=f"{resolved:,} of the first {size:,} are known after half an hour.")
    return Vanguard(room=0, why=f"Waiting for the first {size:,}: {resolved:,} are known.")
