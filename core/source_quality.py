"""Source quality: how good the addresses of one import are, by what became of the mail to them.

A list that was bought, scraped or left lying for years shows itself in its first campaign: many addresses bounce, and some people
complain. Whose file it was should be known then, and not only that the campaign went badly. But an import of twenty contacts with
one bounce is no worse than one of 20,000 with 1,000: it is only less known. So every rate has bounds, and a source is judged by
the bound that speaks for it.

Terms:
    source: one import; contacts that no import brought are of the source "other".
    mailed: people of the source for whom it is known that a message was delivered or bounced for good.
    bounds: the Wilson interval of a rate at 95 %; with nobody mailed it is 0 to 1.
    score: 100 for a source that nothing speaks against, 0 for one at ten times what is acceptable. By the lower bounds.

Invariants:
    A source of which little is known is never called bad, nor good.
    More bounces or complaints of as many mailed people never raise the score.

Standards:
    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Amazon SES, "Reputation metrics" (review
    at 5 % bounces, 0.1 % complaints); the limits here are those at which receivers begin to mind.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final


BOUNCE_LIMIT: Final = 0.02
COMPLAINT_LIMIT: Final = 0.001
_WORST: Final = 10  # times the limit at which the score is 0
_Z: Final = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its bounds, all from 0 to 1."""

    value: float
    low: float
    high: float


class Verdict(StrEnum):
    """What may be said of a source."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"
    TOO_FEW = "too few to say"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What became of the mail to one import's people."""

    name: str
    contacts: int
    mailed: int = 0
    bounced: int = 0
    complained: int = 0
    opened: int = 0

    @property
    def bounces(self) -> Rate:
        """Return the rate of people whose address bounced for good."""
        return rate(self.bounced, self.mailed)

    @property
    def complaints(self) -> Rate:
        """Return the rate of people who complained."""
        return rate(self.complained, self.mailed)

    @property
    def opens(self) -> Rate:
        """Return the rate of people who opened or clicked something; it does not count for the score: tracking may be off."""
        return rate(self.opened, self.mailed)

    @property
    def score(self) -> int:
        """Return 0 to 100."""
        excess = max(self.bounces.low / BOUNCE_LIMIT, self.complaints.low / COMPLAINT_LIMIT)
        return round(100 * max(0.0, 1 - excess / _WORST))

    def as_json(self) -> dict[str, object]:
        """Return it as the command line answers it; a rate is its value, lower and upper bound."""
        rates = {"bounce_rate": self.bounces, "complaint_rate": self.complaints, "open_rate": self.opens}
        return {
            "import": self.name,
            "contacts": self.contacts,
            "mailed": self.mailed,
            **{
                name: [round(part, 5) for part in (one.value, one.low, one.high)]
                for name, one in rates.items()
            },
            "score": self.score,
            "verdict": self.verdict,
        }

    @property
    def verdict(self) -> Verdict:
        """Return what may be said."""
        if self.bounces.low > BOUNCE_LIMIT or self.complaints.low > COMPLAINT_LIMIT:
            return Verdict.BAD
        if self.bounces.high <= BOUNCE_LIMIT and self.complaints.high <= COMPLAINT_LIMIT:
            return Verdict.GOOD
        if self.bounces.high <= BOUNCE_LIMIT:
            return Verdict.FAIR
        return Verdict.TOO_FEW


def rate(hits: int, of: int) -> Rate:
    """Return the share of hits with its Wilson bounds."""
    if of <= 0:
        return Rate(0.0, 0.0, 1.0)
    share = min(hits / of, 1.0)
    centre = share + _Z * _Z / (2 * of)
    spread = _Z * sqrt(share * (1 - share) / of + _Z * _Z / (4 * of * of))
    scale = 1 + _Z * _Z / of
    # At 0 and 1 the bound is exact, and rounding would leave it beside.
    low = 0.0 if share == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if share == 1 else min(1.0, (centre + spread) / scale)
    return Rate(share, low, high)
