"""Who receives in a warm-up run: five mailbox providers, one of them strict, as the simulator plays them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


DOMAINS: Final = 2  # of each provider; they share one opinion


@dataclass(frozen=True, slots=True)
class Provider:
    """A mailbox provider of the run.

    Attributes:
        key: Ours (`core.providers`).
        share: Of the audience.
        capacity: Messages a day from a sender that it does not know.
        growth: See docs/simulator.md.
        tolerance: See docs/simulator.md.
        later: What it says to what it puts off.
        complaint: The share of readers who complain; Gmail tells nobody.
    """

    key: str
    share: float
    capacity: int
    growth: float
    tolerance: float
    later: str
    complaint: float = 0.0003
    domains: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Give it reserved names, of which no DNS will ever know."""
        name = self.key.replace("_", "-")
        object.__setattr__(self, "domains", tuple(f"{name}-{n}.example" for n in range(1, DOMAINS + 1)))


STRICT: Final = "yahoo"
PROVIDERS: Final = (
    Provider(
        "gmail", 0.45, 1500, 2.0, 3.0,
        "421-4.7.28 Gmail has detected an unusual rate of mail originating from your SPF domain [news.example]. - gsmtp",
        0.0,
    ),
    Provider(
        "microsoft_consumer", 0.20, 1000, 1.8, 3.0,
        "421 RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed.",
    ),
    Provider(
        STRICT, 0.15, 250, 1.3, 1.6,
        "421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to unexpected volume or user complaints",
        0.0006,
    ),
    Provider(
        "united_internet", 0.12, 800, 1.8, 3.0,
        "450 Requested mail action not taken: reject due to policy restrictions",
    ),
    Provider("apple", 0.08, 1000, 2.0, 4.0, "450 4.1.8 [HCM1] Too many messages, try again later"),
)  # fmt: skip


def profile(*, scale: float = 1.0) -> Mapping[str, Any]:
    """Return the simulator's profile of them.

    Args:
        scale: Of the capacities, for a small run.
    """
    return {
        domain: {
            "provider": provider.key,
            "later": provider.later,
            "hard_bounce": 0.004,
            "soft_bounce": 0.003,
            # Whatever is put off is put off because it is too much.
            "delay": 0.0,
            "complaint": provider.complaint,
            "open": 0.05,
            "bot_open": 0.02,
            "learns": {
                "capacity": provider.capacity * scale,
                "growth": provider.growth,
                "tolerance": provider.tolerance,
                "least": max(50 * scale, 1),
            },
        }
        for provider in PROVIDERS
        for domain in provider.domains
    }


def people(contacts: int) -> dict[str, int]:
    """Return how many of the contacts each domain has."""
    counts, given = {}, 0
    domains = [(domain, each.share / DOMAINS) for each in PROVIDERS for domain in each.domains]
    passed = 0.0
    for domain, share in domains:
        passed += share
        until = round(contacts * passed)
        counts[domain], given = until - given, until
    return counts


def provider_of(address: str) -> str:
    """Return the key of an address's provider."""
    domain = address.rpartition("@")[2]
    return next(each.key for each in PROVIDERS if domain in each.domains)
