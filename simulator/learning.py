"""Receivers that learn: how many messages of one sending domain a mailbox provider takes on a day, and how that changes.

What real providers do is their secret. These share the shape of what providers say of themselves: a sender that nobody
knows gets a little, more after each day on which that went well, and less after it came with too much or was complained
of. What is over the day's capacity is not refused but put off, with the provider's own words, and arrives hours later.

Terms:
    capacity: messages that a provider takes from a sending domain on one UTC day.
    mood: the day's capacity lies within this share of what the provider has got used to.
    offence: a day with far too many messages, or with too many complaints. The capacity shrinks.
    idle day: one without a message. The provider forgets a little.

Sources: Google "Email sender guidelines" (raise the volume slowly, 421 4.7.28); Yahoo Sender Hub (TSS04, "unexpected
volume or user complaints"); Microsoft's postmaster pages (limits that grow with reputation).
"""

import datetime as dt
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final


_LEAST: Final = 50.0
_FEWEST_COMPLAINTS: Final = 3  # two are bad luck
_TOO_MUCH: Final = 0.75  # what is left of the capacity after too many messages
_COMPLAINED: Final = 0.6  # and after too many complaints
_FORGETS: Final = 0.985
_LONGEST_MEMORY: Final = 60  # days; after so many idle ones there is nothing left to forget
_SHORTEST_DEFERRAL, _LONGEST_DEFERRAL = 1 * 3600.0, 6 * 3600.0
_QUEUE_LIFETIME: Final = 14 * 3600.0  # after that Amazon SES gives up


@dataclass(frozen=True, slots=True)
class Temper:
    """How one provider learns; `learns` of a profile.

    Attributes:
        capacity: Messages a day that it takes from a domain it does not know.
        growth: Times what it took, after a day that used more than half of the capacity: tomorrow's capacity, if larger.
        tolerance: Times the day's capacity; above it the provider takes offence.
        complaint_limit: Complaints in what it took; above it the provider takes offence.
        gives_up: The share of what is put off that never arrives: a Transient bounce 14 hours later.
        mood: See above.
        least: The capacity never shrinks below it.
    """

    capacity: float = 500.0
    growth: float = 1.5
    tolerance: float = 2.0
    complaint_limit: float = 0.003
    gives_up: float = 0.02
    mood: float = 0.05
    least: float = _LEAST

    @classmethod
    def from_json(cls, domain: str, document: Any) -> "Temper | None":
        """Return what a profile says of a domain; None when its provider does not learn.

        Raises:
            ValueError: It names something that a temper does not have, or numbers that make no sense.
        """
        if document is None:
            return None
        known = {each.name for each in fields(cls)}
        if not isinstance(document, Mapping):
            # All that is wrong with a profile is one kind of error.
            raise ValueError(f"profile of {domain}: learns is an object of {', '.join(sorted(known))}")  # noqa: TRY004  # see above
        if unknown := set(document) - known:
            raise ValueError(
                f"profile of {domain}: learns has no {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}"
            )
        if wrong := [name for name, value in document.items() if not _is_number(value)]:
            raise ValueError(
                f"profile of {domain}: learns takes numbers, also for {', '.join(sorted(wrong))}"
            )
        temper = cls(**document)
        shares = (temper.complaint_limit, temper.gives_up, temper.mood)
        if not all(0 <= share <= 1 for share in shares) or temper.capacity <= 0 or temper.least <= 0:
            raise ValueError(f"profile of {domain}: learns takes shares in 0..1 and a capacity above 0")
        if temper.growth < 1 or temper.tolerance < 1:
            raise ValueError(f"profile of {domain}: growth and tolerance are 1 or more")
        return temper


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(slots=True)
class Acquaintance:
    """What one provider knows of one sending domain. `limit` is today's capacity, the mood included."""

    provider: str
    domain: str
    temper: Temper
    capacity: float
    day: dt.date
    limit: float = 0.0
    offered: int = 0
    taken: int = 0
    complaints: int = 0
    put_off_before: int = 0
    offences: int = 0

    @property
    def put_off(self) -> int:
        """Return how many messages were put off, on all days."""
        return self.put_off_before + self.offered - self.taken

    def judge(self) -> None:
        """Draw the day's conclusion: more tomorrow, the same, or less."""
        temper = self.temper
        is_complained_of = self.complaints > max(temper.complaint_limit * self.taken, _FEWEST_COMPLAINTS - 1)
        if is_complained_of or self.offered > temper.tolerance * self.limit:
            left = _COMPLAINED if is_complained_of else _TOO_MUCH
            self.capacity, self.offences = max(self.capacity * left, temper.least), self.offences + 1
        elif self.taken > self.capacity / 2:
            self.capacity = max(self.capacity, self.taken * temper.growth)
        elif not self.offered:
            self.capacity = max(self.capacity * _FORGETS, min(temper.least, self.capacity))
        self.put_off_before = self.put_off
        self.offered = self.taken = self.complaints = 0

    def as_json(self) -> dict[str, Any]:
        """Return it for the control API."""
        told = asdict(self) | {"day": self.day.isoformat(), "put_off": self.put_off}
        del told["temper"], told["put_off_before"]
        return told | {"capacity": round(self.capacity, 1), "limit": round(self.limit, 1)}


@dataclass(slots=True)
class Learned:
    """What all providers that learn know of all sending domains.

    Args:
        seed: For the moods and the deferrals; the same seed and the same days give the same capacities.
    """

    seed: int
    _known: dict[tuple[str, str], Acquaintance] = field(default_factory=dict)

    def offer(self, provider: str, domain: str, temper: Temper, moment: float) -> bool:
        """Count one message to a provider; return whether it takes it now.

        Args:
            provider: The provider's name.
            domain: The sending domain.
            temper: The provider's.
            moment: Simulated Unix time.
        """
        known = self._today(provider, domain, temper, dt.datetime.fromtimestamp(moment, tz=dt.UTC).date())
        known.offered += 1
        is_taken = known.taken < int(known.limit)
        known.taken += is_taken
        return is_taken

    def complain(self, provider: str, domain: str) -> None:
        """Count a complaint about a message that was just taken."""
        self._known[provider, domain].complaints += 1

    def deferral(self, address: str, moment: float, gives_up: float) -> tuple[float, bool]:
        """Return how many simulated seconds a message that is put off will take, and whether it never arrives."""
        draw = random.Random(f"{self.seed}:put off:{address.lower()}:{moment}")
        if draw.random() < gives_up:
            return _QUEUE_LIFETIME, True
        return draw.uniform(_SHORTEST_DEFERRAL, _LONGEST_DEFERRAL), False

    def forget(self) -> None:
        """Know nobody any more."""
        self._known.clear()

    def __iter__(self) -> Iterator[Acquaintance]:
        """Yield every acquaintance, as it was when its last message came."""
        return iter(sorted(self._known.values(), key=lambda known: (known.provider, known.domain)))

    def _today(self, provider: str, domain: str, temper: Temper, today: dt.date) -> Acquaintance:
        known = self._known.get((provider, domain))
        if known is None:
            known = Acquaintance(provider, domain, temper, temper.capacity, today)
            self._known[provider, domain] = known
        elif known.day < today:
            for _ in range(min((today - known.day).days, _LONGEST_MEMORY)):
                known.judge()
            known.day = today
        else:
            return known
        draw = random.Random(f"{self.seed}:mood:{provider}:{domain}:{today}")
        known.limit = known.capacity * draw.uniform(1 - temper.mood, 1 + temper.mood)
        return known
