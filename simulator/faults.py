"""Faults on demand: an ordered list of rules, the first that fits and whose coin falls decides.

A rule is `{match, action, when, probability, times}` plus what its action needs. `when` says on which side of the one
line that matters the fault lies: before SES has accepted the message (nothing was sent) or after (it was, and the
caller cannot know). A refusal is always before; what happens to the connection may be either.

Draws come from the simulator's seed, so a run with the same calls in the same order meets the same faults.
"""

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from simulator.addresses import domain_of
from simulator.errors import DAILY_QUOTA, MAXIMUM_RATE, PAUSED, SUSPENDED, SesError


BEFORE: Final = "before"
AFTER: Final = "after"
# Two smaller lines: one entry of a bulk call, and the events of an accepted message.
ENTRY: Final = "entry"
EVENTS: Final = "events"

REFUSALS: Final = {
    "throttle": ("TooManyRequestsException", MAXIMUM_RATE),
    "daily_quota": ("LimitExceededException", DAILY_QUOTA),
    "reject": ("MessageRejected", "Message rejected: content is not acceptable."),
    "account_suspended": ("AccountSuspendedException", SUSPENDED),
    "sending_paused": ("SendingPausedException", PAUSED),
    "mail_from_not_verified": (
        "MailFromDomainNotVerifiedException",
        "The MAIL FROM domain is not verified: its MX record could not be found.",
    ),
    "tenant_refused": ("AccessDeniedException", "Tenant not associated with resources"),
}
# Where an action strikes unless its rule says otherwise. Only what happens to the connection may be moved by `when`.
_EITHER_SIDE: Final = {"error": BEFORE, "reset": BEFORE, "close": BEFORE, "hang": AFTER, "slow": BEFORE}
_AFTERMATH: Final = dict.fromkeys(("truncated_200", "html_200", "empty_200", "short_reply"), AFTER)
NATURAL: Final = {
    **dict.fromkeys(REFUSALS, BEFORE),
    **_EITHER_SIDE,
    **_AFTERMATH,
    "entry_status": ENTRY,
    "lose_events": EVENTS,
}
MATCHERS: Final = frozenset(
    {"operation", "tenant", "configuration_set", "from_domain", "to", "to_domain", "tags"}
)


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule can be matched against: one call, or one entry of a bulk call."""

    operation: str
    tenant: str = ""
    configuration_set: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Rule:
    """One rule, with what is left of it. Documented in docs/simulator.md, where people write them."""

    id: int
    action: str
    match: Mapping[str, Any] = field(default_factory=dict)
    when: str = ""
    probability: float = 1.0
    times: int | None = None
    status: Any = None
    seconds: float = 0.0
    message: str = ""
    hits: int = 0

    def __post_init__(self) -> None:
        """Refuse what would silently never fire."""
        if self.action not in NATURAL:
            raise ValueError(f"unknown action {self.action!r}: one of {', '.join(sorted(NATURAL))}")
        if unknown := set(self.match) - MATCHERS:
            raise ValueError(
                f"cannot match on {', '.join(sorted(unknown))}: only {', '.join(sorted(MATCHERS))}"
            )
        natural = NATURAL[self.action]
        self.when = self.when or natural
        if self.when != natural and (self.when not in {BEFORE, AFTER} or self.action not in _EITHER_SIDE):
            raise ValueError(f"{self.action} cannot happen {self.when!r}: it happens {natural!r}")

    def fits(self, call: Call) -> bool:
        """Whether every condition of the rule holds; a rule that names no operation is for sending only."""
        if call.operation not in _SENDING and "operation" not in self.match:
            return False
        return all(_MATCH[name](call, wanted) for name, wanted in self.match.items())

    def refusal(self) -> SesError:
        """Return the refusal of an action in `REFUSALS`, or the server error of "error"."""
        if self.action == "error":
            status = int(self.status or 500)
            code = "ServiceUnavailable" if status == 503 else "InternalFailure"
            return SesError(code, self.message or "Internal failure. Try again later.", status=status)
        code, message = REFUSALS[self.action]
        return SesError(code, self.message or message)


_SENDING: Final = frozenset({"SendEmail", "SendBulkEmail"})
_MATCH: Final[Mapping[str, Callable[[Call, Any], bool]]] = {
    "operation": lambda call, wanted: call.operation == wanted,
    "tenant": lambda call, wanted: call.tenant == wanted,
    "configuration_set": lambda call, wanted: call.configuration_set == wanted,
    "from_domain": lambda call, wanted: domain_of(call.sender) == str(wanted).lower(),
    "to": lambda call, wanted: any(address.lower() == str(wanted).lower() for address in call.recipients),
    "to_domain": lambda call, wanted: any(
        domain_of(address) == str(wanted).lower() for address in call.recipients
    ),
    "tags": lambda call, wanted: all(call.tags.get(name) == value for name, value in wanted.items()),
}


class Faults:
    """The rules in force, in the order they were posted."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Remove all rules and begin the draws anew."""
        self._rules: list[Rule] = []
        self._ids = itertools.count(1)
        self._random = random.Random(f"{self._seed}:faults")

    def add(self, documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Append rules and return all that are in force.

        Raises:
            ValueError: One of them is no rule; none is added then.
            TypeError: One has a member that rules do not have.
        """
        self._rules += [Rule(id=next(self._ids), **document) for document in documents]
        return self.listing()

    def remove(self, rule_id: int) -> None:
        """Remove one rule; does nothing when it is gone already."""
        self._rules = [rule for rule in self._rules if rule.id != rule_id]

    def listing(self) -> list[dict[str, Any]]:
        """Return the rules as JSON."""
        return [asdict(rule) for rule in self._rules]

    def is_standing(self, action: str) -> bool:
        """Whether a rule of this action holds for every call: GetAccount shows such a state."""
        return any(rule.action == action and not rule.match and rule.times is None for rule in self._rules)

    def draw(self, stage: str, call: Call) -> Rule | None:
        """Return the rule that strikes this call at this stage, if any, and use it up by one."""
        for rule in self._rules:
            if (
                rule.when == stage
                and rule.times != 0
                and rule.fits(call)
                and self._random.random() < rule.probability
            ):
                rule.hits += 1
                rule.times = rule.times - 1 if rule.times is not None else None
                return rule
        return None
