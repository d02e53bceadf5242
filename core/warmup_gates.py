"""Gates: whether a share is really above a limit, or a few messages only look so.

One complaint among 200 messages is not a rate of 0.5 %. So a gate asks how probable it is, after what was seen, that the true
share is above its limit, and opens only from a certainty on. Few messages need to be very bad for that, many only a little.

Terms:
    hits: messages of the bad kind, of all that might have been.
    posterior: the Beta distribution of the true share, after the hits. It starts from half a hit in as many messages that the
        mean is the limit at which we hold: a sender of whom nothing is known stands just there.
    certainty: how probable it must be that the true share is above the limit: 0.8 to hold, 0.9 to step back.

Invariants:
    One more hit among as many messages never makes a gate close, nor does one more message that is a hit.
    Nothing seen opens no gate.

Standards:
    The Beta-binomial model; Lentz's continued fraction of the incomplete beta function (NIST Digital Library of Mathematical
    Functions, 8.17.22).
"""

from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma, log, log1p
from typing import Final


HOLD_CERTAINTY: Final = 0.8
BACK_CERTAINTY: Final = 0.9
_ENOUGH: Final = 1e-12
_SMALLEST: Final = 1e-300
_MOST_TERMS: Final = 10_000  # some hundred are needed for a day of a million messages


class Sign(StrEnum):
    """What is counted against a sender by a receiver."""

    COMPLAINTS = "complaints"
    BOUNCES = "hard bounces"
    DELAYS = "delays"


@dataclass(frozen=True, slots=True)
class Gate:
    """The shares from which on we hold, and step back."""

    sign: Sign
    hold: float
    back: float


GATES: Final = (
    Gate(Sign.COMPLAINTS, 0.001, 0.003),  # Google and Yahoo: below 0.1 %, never 0.3 %
    Gate(Sign.BOUNCES, 0.02, 0.05),  # Amazon SES: aim below 2 %, reviewed at 5 %
    Gate(Sign.DELAYS, 0.05, 0.15),  # nobody publishes one; these two are ours
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A gate that opened: so many of so many, above the limit with this certainty."""

    sign: Sign
    hits: int
    messages: int
    limit: float
    certainty: float

    @property
    def words(self) -> str:
        """Return the finding as the part of a sentence."""
        share = self.hits / max(self.messages, 1)
        return (
            f"{self.sign} {share:.2%} ({self.hits:,} of {self.messages:,}), "
            f"above {self.limit:.1%} with {min(self.certainty, 0.999):.1%} certainty"
        )


def opened(gate: Gate, hits: int, messages: int, *, back: bool) -> Finding | None:
    """Return what a gate found; None where it stays closed.

    Args:
        gate: The gate.
        hits: Messages of the bad kind.
        messages: All of them; fewer than the hits count as the hits.
        back: Whether it is asked for stepping back, rather than for holding.
    """
    limit, needed = (gate.back, BACK_CERTAINTY) if back else (gate.hold, HOLD_CERTAINTY)
    certainty = chance_above(limit, hits, messages, expected=gate.hold)
    return Finding(gate.sign, hits, messages, limit, certainty) if certainty > needed else None


def chance_above(limit: float, hits: int, messages: int, *, expected: float) -> float:
    """Return how probable it is that the true share is above `limit`; 0 where it is less than one half.

    Args:
        limit: A share.
        hits: Messages of the bad kind.
        messages: All of them.
        expected: The share that is expected of a sender of whom nothing is known.
    """
    bad = 0.5 + hits
    good = 0.5 / expected - 0.5 + max(messages - hits, 0)
    if bad <= good and bad <= limit * (bad + good):
        # The median of such a Beta distribution is not above its mean, so that no gate can open: most days end here.
        return 0.0
    return 1.0 - incomplete_beta(bad, good, limit)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return I_x(a, b), the probability that a Beta(a, b) is at most x; 0 < x < 1."""
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b  # where the fraction converges fast


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of I_x(a, b), by Lentz's method."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
