"""Bounce rules: the rows by which a bounce is understood, and what makes a row safe to add.

A row says what an answer means, whose matter that is, and who said so and when, so that a row can be checked against its
source, and replaced when a provider changes its words. The rows stand in `core.bounce_texts` and `core.bounce_codes`;
docs/bounces.md is made from them.

Terms:
    class: what the answer is about, in one word (`Cause`).
    scope: whose matter that is: the recipient's, the domain's, the receiver's, the sender's, the message's, or nobody's.
    effect: what becomes of the address (`BounceClass`); each class has one.

Invariants:
    Only classes of the recipient and of the domain end in a suppression; policy, block and content never do.
    A pattern takes time that is linear in the text: nothing in it repeats without an end, nothing that repeats is repeated,
        and its repetitions together allow at most `MOST_STEPS` ways from each place.

Standards:
    RFC 3463 (enhanced status codes); RFC 5248 (their IANA registry).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from re import _constants as sre  # type: ignore[attr-defined]  # what a pattern is made of has no public name
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any, Final


MOST_STEPS: Final = 20_000


class BounceClass(StrEnum):
    """What becomes of the address."""

    HARD = "hard"  # suppressed at once
    SOFT = "soft"  # suppressed when repeated, see `core.hygiene`
    BLOCK = "block"  # untouched: the sender is not welcome
    CONTENT = "content"  # untouched: the message is not
    AUTOREPLY = "autoreply"  # untouched: somebody is out of office
    IGNORED = "ignored"  # untouched: it says nothing about anybody


class Scope(StrEnum):
    """Whose matter a bounce is."""

    RECIPIENT = "recipient"
    DOMAIN = "domain"
    RECEIVER = "receiver"
    SENDER = "sender"
    MESSAGE = "message"
    NOBODY = "nobody"


class Cause(StrEnum):
    """What a bounce is about."""

    BAD_MAILBOX = "bad_mailbox"  # there is no such mailbox
    INACTIVE = "inactive"  # there was one; it is disabled, expired, or somebody else's
    BAD_DOMAIN = "bad_domain"  # there is no such domain, or it takes no mail
    SUPPRESSED = "suppressed"  # SES did not try: the address is on a list of its own
    FULL = "full"
    REFUSED = "refused"  # this one reader does not want our mail
    BUSY = "busy"  # the mailbox takes no more just now
    DEFERRED = "deferred"  # greylisting, or "try again later" without a reason
    RECEIVER = "receiver"  # the receiver's system is in trouble
    NETWORK = "network"  # no connection, or none in time
    DNS = "dns"  # a name could not be looked up, which is no proof that there is none
    RELAY = "relay"  # the host does not serve the domain, or messages go round in circles
    THROTTLED = "throttled"  # we send too fast
    BLOCK = "block"  # our address or domain is on a block list, or of poor reputation
    AUTH = "auth"  # SPF, DKIM, DMARC, reverse DNS, TLS
    POLICY = "policy"  # the receiver's rules, without a nearer reason
    CONTENT = "content"  # spam text, a virus, a format that is not taken
    SIZE = "size"
    AUTOREPLY = "autoreply"
    OURS = "ours"  # the deadline that we gave SES ourselves
    UNKNOWN = "unknown"  # nobody understands it


EFFECTS: Final[dict[Cause, tuple[BounceClass, Scope]]] = {
    Cause.BAD_MAILBOX: (BounceClass.HARD, Scope.RECIPIENT),
    Cause.INACTIVE: (BounceClass.HARD, Scope.RECIPIENT),
    Cause.BAD_DOMAIN: (BounceClass.HARD, Scope.DOMAIN),
    Cause.SUPPRESSED: (BounceClass.HARD, Scope.RECIPIENT),
    Cause.FULL: (BounceClass.SOFT, Scope.RECIPIENT),
    Cause.REFUSED: (BounceClass.SOFT, Scope.RECIPIENT),
    Cause.BUSY: (BounceClass.SOFT, Scope.RECIPIENT),
    Cause.DEFERRED: (BounceClass.SOFT, Scope.RECEIVER),
    Cause.RECEIVER: (BounceClass.SOFT, Scope.RECEIVER),
    Cause.NETWORK: (BounceClass.SOFT, Scope.RECEIVER),
    Cause.DNS: (BounceClass.SOFT, Scope.DOMAIN),
    Cause.RELAY: (BounceClass.SOFT, Scope.RECEIVER),
    Cause.THROTTLED: (BounceClass.BLOCK, Scope.SENDER),
    Cause.BLOCK: (BounceClass.BLOCK, Scope.SENDER),
    Cause.AUTH: (BounceClass.BLOCK, Scope.SENDER),
    Cause.POLICY: (BounceClass.BLOCK, Scope.SENDER),
    Cause.CONTENT: (BounceClass.CONTENT, Scope.MESSAGE),
    Cause.SIZE: (BounceClass.CONTENT, Scope.MESSAGE),
    Cause.AUTOREPLY: (BounceClass.AUTOREPLY, Scope.NOBODY),
    Cause.OURS: (BounceClass.IGNORED, Scope.NOBODY),
    Cause.UNKNOWN: (BounceClass.SOFT, Scope.NOBODY),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `pattern` is a text's regular expression, a code such as `5.1.1` or `*.2.2`, or a sub-type of SES's.

    `reason` is the stable word that reports and hygiene know; `source` says who said so, `read_on` when that was read.
    """

    id: str
    pattern: str
    cause: Cause
    reason: str
    source: str
    read_on: str  # a date in ISO 8601

    @property
    def bounce_class(self) -> BounceClass:
        """What becomes of the address."""
        return EFFECTS[self.cause][0]

    @property
    def scope(self) -> Scope:
        """Whose matter it is."""
        return EFFECTS[self.cause][1]


def compiled(rules: Iterable[Rule]) -> tuple[tuple[re.Pattern[str], Rule], ...]:
    """Return text rules with their patterns, which take no account of case."""
    return tuple((re.compile(rule.pattern, re.IGNORECASE), rule) for rule in rules)


def fault(pattern: str) -> str:
    """Say why a pattern may not be used because of its time; empty when it may."""
    try:
        steps = _ways(sre_parser.parse(pattern), is_repeated=False)
    except (ValueError, re.error) as error:
        return str(error)
    return f"it has {steps} ways from one place" if steps > MOST_STEPS else ""


def _ways(parts: Any, *, is_repeated: bool) -> int:
    """Return in how many ways these parts can match from one place, at most."""
    ways = 1
    for operator, argument in parts:
        ways *= _ways_of(operator, argument, is_repeated=is_repeated)
    return ways


def _ways_of(operator: Any, argument: Any, *, is_repeated: bool) -> int:
    if operator in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
        least, most, body = argument
        if most == sre.MAXREPEAT:
            raise ValueError("it repeats something without an end")
        if is_repeated and most > 1:
            raise ValueError("it repeats a repetition")
        return (int(most) - int(least) + 1) * _ways(body, is_repeated=is_repeated or most > 1)
    if operator is sre.BRANCH:
        return sum(_ways(branch, is_repeated=is_repeated) for branch in argument[1])
    if operator is sre.SUBPATTERN:
        return _ways(argument[-1], is_repeated=is_repeated)
    if operator in {sre.ASSERT, sre.ASSERT_NOT}:
        return _ways(argument[1], is_repeated=is_repeated)
    if operator in _ONE_WAY:
        return 1
    raise ValueError(f"it uses {operator}, which nobody has judged")


_ONE_WAY: Final = frozenset({sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY, sre.AT, sre.CATEGORY})
