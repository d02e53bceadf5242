"""Bounces: what one bounce says about an address.

SES calls a bounce Permanent when the receiver answered 5xx. That is not the question: most 5xx answers are about the
sender's reputation or the message, and treating them as dead mailboxes throws good addresses away. So a bounce is
classified by what was said, in this order: SES's own sub-type where it is exact, the provider's words, the enhanced
status code, and only then SES's Permanent or Transient. What nobody understands is soft: repeated, it ends our mail too, and
a reader who is lost by mistake never comes back. The rows are data (`core.bounce_texts`, `core.bounce_codes`), and
docs/bounces.md is made from them.

Terms:
    hard: the mailbox or its domain does not exist, or SES refuses it for good; never send again.
    soft: the mailbox did not take this message; another may arrive. Repeated ones end in `core.hygiene`.
    block: the receiver refuses us (reputation, authentication, rate); the address is fine, the sender is not.
    content: the receiver refuses this message (size, attachment, spam text); the address is fine, the message is not.
    autoreply: an out-of-office answer that SES could not tell from a bounce.
    ignored: our own deadline passed; it says nothing about anybody.

Invariants:
    Only a hard bounce ever suppresses an address by itself.
    No more than the first `LONGEST` characters of an answer are read.

Standards:
    RFC 3464 (delivery status notifications), RFC 3463 (enhanced status codes) and its IANA registry, RFC 5321 section
    4.2 (reply codes); Amazon SES "Bounce object" (types and sub-types).
"""

import re
from collections.abc import Iterable
from typing import Final

from core.bounce_codes import RULES as CODES
from core.bounce_codes import STATUS_CODES, SUBTYPES
from core.bounce_rules import BounceClass, Cause, Rule
from core.bounce_texts import RULES, TEXTS
from core.events import Bounce


# Whoever acts on a bounce takes the words for it from here.
__all__ = ["BounceClass", "Cause", "Rule", "classify", "page", "table"]

LONGEST: Final = 2000

_DEAD: Final = tuple(one for one in TEXTS if one[1].bounce_class is BounceClass.HARD)

# A reply that speaks of the recipient, in whatever words: enough where SES says Permanent and no code says otherwise.
_ABOUT_THE_MAILBOX: Final = re.compile(
    r"recipient|rcpt|mail ?box|\busers?\b|(?<!ip )\baddress(es)?\b|account|exist|"
    r"destinat|utilisateur|usuario|persona|utente|adresse",
    re.IGNORECASE,
)


def _last(name: str, cause: Cause, reason: str) -> Rule:
    return Rule(f"type-{name}", name, cause, reason, "Amazon SES, Bounce object", "2026-11-24")


# What is left when nothing else has decided.
AUTOREPLY: Final = _last("no-report", Cause.AUTOREPLY, "no_report")
PERMANENT: Final = _last("permanent", Cause.BAD_MAILBOX, "no_reason_given")
TRANSIENT: Final = _last("transient", Cause.UNKNOWN, "no_reason_given")
# Measured on replies that others have collected: most that nobody understands are about the sender. A mailbox that is
# really dead answers so again, and the next time SES itself has it on its list.
NOT_UNDERSTOOD: Final = _last("not-understood", Cause.UNKNOWN, "not_understood")
UNDETERMINED: Final = _last("undetermined", Cause.UNKNOWN, "undetermined")
UNDERSTOOD_BY_NOBODY: Final = frozenset({PERMANENT.id, TRANSIENT.id, NOT_UNDERSTOOD.id, UNDETERMINED.id})

_CODE: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")


def classify(bounce: Bounce) -> Rule:
    """Return the row that decides what a bounce is about."""
    if rule := SUBTYPES.get(bounce.subtype):
        return rule
    said = bounce.diagnostic[:LONGEST]
    if not bounce.status and not said:
        # A real refusal brings a report with a code. An out-of-office answer brings none, and SES counts it as Transient.
        return AUTOREPLY if bounce.bounce_type == "Transient" else _by_type(bounce.bounce_type, said)
    status = _by_status(said, bounce.status)
    if status is not None and status.bounce_class is BounceClass.HARD and (dead := _by_text(said, _DEAD)):
        # Code and words agree. A name such as mx.antispam.example in the reply must not turn it into another matter.
        return dead
    decided = _by_text(said, TEXTS) or status
    return decided if decided and decided.cause is not Cause.UNKNOWN else _by_type(bounce.bounce_type, said)


def _by_text(said: str, texts: Iterable[tuple[re.Pattern[str], Rule]]) -> Rule | None:
    return next((rule for pattern, rule in texts if pattern.search(said)), None)


def _by_status(said: str, status: str) -> Rule | None:
    # The receiver's own reply is nearer to the truth than the code that a report writer derived from it.
    found = _CODE.search(said) or _CODE.search(status)
    if found is None:
        return None
    first, subject, detail = found.groups()
    keys = (f"{first}.{subject}.{detail}", f"*.{subject}.{detail}", f"{first}.{subject}", f"*.{subject}")
    return next((STATUS_CODES[key] for key in keys if key in STATUS_CODES), None)


def _by_type(bounce_type: str, said: str) -> Rule:
    match bounce_type:
        case "Permanent" if said and not _ABOUT_THE_MAILBOX.search(said):
            return NOT_UNDERSTOOD
        case "Permanent":
            return PERMANENT
        case "Transient":
            return TRANSIENT
        case _:
            return UNDETERMINED


def table() -> dict[str, tuple[Rule, ...]]:
    """Return all rows, in the order in which they are asked."""
    return {
        "sub-types": tuple(SUBTYPES.values()),
        "texts": RULES,
        "codes": CODES,
        "types": (AUTOREPLY, PERMANENT, TRANSIENT, NOT_UNDERSTOOD, UNDETERMINED),
    }


def page() -> str:
    """Return the table as the Markdown of docs/bounces.md."""
    return "\n".join(_part(name, rules) for name, rules in table().items())


def _part(name: str, rules: Iterable[Rule]) -> str:
    head = (
        f"### {name.capitalize()}",
        "",
        "| row | asks for | class | effect | scope | reason | source |",
        "| --- " * 7 + "|",
    )
    return "\n".join((*head, *map(_line, rules), ""))


def _line(rule: Rule) -> str:
    pattern = rule.pattern.replace("|", "\\|")
    cells = (
        rule.id,
        f"`{pattern}`",
        rule.cause,
        rule.bounce_class,
        rule.scope,
        rule.reason,
        f"{rule.source} ({rule.read_on})",
    )
    return f"| {' | '.join(cells)} |"
