"""Bounces: what one bounce says about an address.

SES calls a bounce Permanent when the receiver answered 5xx. That is not the question: most 5xx answers are about the
sender's reputation or the message, and treating them as dead mailboxes throws good addresses away. So a bounce is
classified by what was said, in this order: SES's own sub-type where it is exact, the provider's words, the enhanced
status code, and only then SES's Permanent or Transient. What nobody understands is soft: repeated, it ends our mail too, and
a reader who is lost by mistake never comes back.

Terms:
    hard: the mailbox or its domain does not exist, or SES refuses it for good; never send again.
    soft: the mailbox did not take this message; another may arrive. Repeated ones end in `core.hygiene`.
    block: the receiver refuses us (reputation, authentication, rate); the address is fine, the sender is not.
    content: the receiver refuses this message (size, attachment, spam text); the address is fine, the message is not.
    autoreply: an out-of-office answer that SES could not tell from a bounce.
    ignored: our own deadline passed; it says nothing about anybody.

Invariants:
    Only a hard bounce ever suppresses an address by itself.

Standards:
    RFC 3464 (delivery status notifications), RFC 3463 (enhanced status codes) and its IANA registry, RFC 5321 section
    4.2 (reply codes); Amazon SES "Bounce object" (types and sub-types).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.events import Bounce


class BounceClass(StrEnum):
    """What a bounce is about."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    CONTENT = "content"
    AUTOREPLY = "autoreply"
    IGNORED = "ignored"


HARD, SOFT, BLOCK, CONTENT = BounceClass.HARD, BounceClass.SOFT, BounceClass.BLOCK, BounceClass.CONTENT


@dataclass(frozen=True, slots=True)
class Verdict:
    """The class of a bounce, and the reason in one stable word."""

    bounce_class: BounceClass
    reason: str


# Sub-types that say all there is to say.
SUBTYPES: Final[dict[str, Verdict]] = {
    "NoEmail": Verdict(HARD, "no_such_mailbox"),
    # SES did not even try: its own list of recent hard bounces, or the account's or tenant's list.
    "Suppressed": Verdict(HARD, "suppressed_by_ses"),
    "OnAccountSuppressionList": Verdict(HARD, "on_account_suppression_list"),
    "OnTenantSuppressionList": Verdict(HARD, "on_tenant_suppression_list"),
    "EmailValidationSuppressed": Verdict(HARD, "failed_validation"),
    "UnsubscribedRecipient": Verdict(HARD, "unsubscribed_at_ses"),
    "MailboxFull": Verdict(SOFT, "mailbox_full"),
    "MessageTooLarge": Verdict(CONTENT, "too_large"),
    "ContentRejected": Verdict(CONTENT, "content"),
    "AttachmentRejected": Verdict(CONTENT, "attachment"),
    "CustomTimeoutExceeded": Verdict(BounceClass.IGNORED, "our_deadline"),
}

# The providers' own words, most telling first. A refusal of the sender often carries the code of a missing mailbox
# and the other way round, so words go before codes; and what is about us goes before what is about the mailbox.
_TEXTS: Final = (
    # The message. Gmail's "multiple Subject headers" would read as an authentication matter further down.
    (r"not rfc|non.?compliant|\bheaders?\b", Verdict(CONTENT, "format")),
    (r"blocked by the recipient|user reject|refused by recipient", Verdict(SOFT, "refused_by_recipient")),
    # Rates: Gmail 4.2.1 and 4.7.28, Outlook.com RP- and S775, Yahoo TSS, Orange.
    (r"receiving (e?mail )?(too quickly|at a rate)", Verdict(SOFT, "receiving_too_fast")),
    (r"\bhops?\b|\bloop", Verdict(SOFT, "mail_loop")),
    (r"rate.?limit|too (many|fast)|slow(er| down)|throttl|trop de connexions|unusual rate", Verdict(BLOCK, "rate")),
    (r"\[TSS?\d+\]|\bRP-00\d\b|\(S775\)", Verdict(BLOCK, "rate")),
    # Reputation and block lists: Gmail 5.7.1, Outlook.com S3140, Yahoo BL, Microsoft 365 5.7.606.
    (r"reputation|user complaints|service refus[eé]|csi\.cloudmark", Verdict(BLOCK, "reputation")),
    (r"spamhaus|spamcop|barracuda|rbl|dnsbl|(block|black|deny).?list|\[BL\d+\]|\bS31[45]0\b|banned|blocked using",
     Verdict(BLOCK, "block_list")),
    (r"\bip\b.{0,60}(block|reject|den|not allow|forbid|access)|\b(your|sending|invalid|bad|client|dynamic) (ip|host)s?\b",
     Verdict(BLOCK, "block_list")),
    # Authentication and the sender: Gmail 5.7.26, Outlook.com 5.7.515, Microsoft 365 5.7.509.
    (r"\bdmarc\b|\bspf\b|\bdkim\b|authenticat|\bptr\b|reverse dns|starttls", Verdict(BLOCK, "authentication")),
    (r"sender|mail from|from:|\bhelo\b|e?mail address used to send", Verdict(BLOCK, "bad_sender")),
    (r"\bpolic(y|ies)\b|\b(SC|DY|OU)-00\d\b|\[PH01\]|prohibition|members?.only|mailing list", Verdict(BLOCK, "policy")),
    (r"spam|unsolicited|junk|bulk|\bthis message is\b", Verdict(CONTENT, "spam")),
    (r"mailbox.{0,30}(size|exceed)|storage|quota|(mailbox|mailfolder|inbox) (is )?full|full mailbox|disk space|\bspace\b",
     Verdict(SOFT, "mailbox_full")),
    (r"(message|mail|size|attachment).{0,30}(too (large|big)|exceed)|size ?limit|too big", Verdict(CONTENT, "too_large")),
    (r"virus|malware|attachment|\bcontents?\b|message filtered", Verdict(CONTENT, "content")),
    # What passes.
    (r"grey ?list|(try|retry)( again)? later|temporar|will be retried|delayed", Verdict(SOFT, "try_later")),
    (r"no route|unreachable|time.?d? ?out|time expired|connection (refused|reset|lost|dropped)", Verdict(SOFT, "network")),
    (r"system (is )?full|insufficient|(system|local|server|configuration|software) (config )?error",
     Verdict(SOFT, "receiver_trouble")),
    (r"relay(?! recipient)", Verdict(SOFT, "relay_denied")),  # the receiver no longer serves the domain, or does not yet
    # The mailbox or its domain.
    (r"(domain|host)( name)?\b.{0,20}(not found|does ?n[o']t exist|unknown|not reachable)", Verdict(HARD, "no_such_domain")),
    (r"(unknown|no such) (domain|host)|nxdomain|null mx", Verdict(HARD, "no_such_domain")),
    (r"(account|mailbox|user|recipient|address).{0,40}(disabled|inactive|suspend|deactivated|not active|expired|locked|frozen)",
     Verdict(HARD, "mailbox_disabled")),
    (r"(user|recipient|mailbox|account|address|inbox)\W.{0,80}?(unknown|not found|does ?n[o']t exist|no longer|invalid)",
     Verdict(HARD, "no_such_mailbox")),
    (r"(user|recipient|mailbox|account|address|inbox)\W.{0,80}?(unavailable|not (a )?valid|not known|not listed)",
     Verdict(HARD, "no_such_mailbox")),
    (r"(unknown|no such|invalid|unrouteable|no|non.?existent) (user|recipient|mailbox|local|address|account|person)",
     Verdict(HARD, "no_such_mailbox")),
    (r"does ?n[o']t have an? \S+ account|recipient address rejected: access denied|recipientnotfound",
     Verdict(HARD, "no_such_mailbox")),
)  # fmt: skip

TEXTS: Final = tuple((re.compile(pattern, re.IGNORECASE), verdict) for pattern, verdict in _TEXTS)

_DEAD: Final = tuple(one for one in TEXTS if one[1].bounce_class is HARD)

# A reply that speaks of the recipient, in whatever words: enough where SES says Permanent and no code says otherwise.
_ABOUT_THE_MAILBOX: Final = re.compile(
    r"recipient|rcpt|mail ?box|\busers?\b|(?<!ip )\baddress(es)?\b|account|exist|"
    r"destinat|utilisateur|usuario|persona|utente|adresse",
    re.IGNORECASE,
)

# RFC 3463 codes by their last two parts, the longest prefix first; the first digit decides only where it stands here.
STATUS_CODES: Final[dict[str, Verdict]] = {
    "5.7.13": Verdict(HARD, "mailbox_disabled"),  # RFC 5248: user account disabled
    "5.7.17": Verdict(HARD, "owner_changed"),  # RFC 7293: mailbox owner has changed
    "5.7.18": Verdict(HARD, "owner_changed"),  # RFC 7293: domain owner has changed
    "5.4.1": Verdict(HARD, "no_such_mailbox"),  # Microsoft 365: recipient address rejected
    "5.1.10": Verdict(HARD, "no_such_domain"),  # RFC 7505: null MX; Microsoft 365: no such recipient
    "5.1.1": Verdict(HARD, "no_such_mailbox"),
    "5.1.2": Verdict(HARD, "no_such_domain"),
    "5.1.3": Verdict(HARD, "bad_address"),
    "5.1.6": Verdict(HARD, "moved"),
    "5.1.7": Verdict(BLOCK, "bad_sender"),  # the *sender's* address syntax
    "5.1.8": Verdict(BLOCK, "bad_sender"),
    "5.1": Verdict(HARD, "bad_address"),
    "5.2.1": Verdict(HARD, "mailbox_disabled"),
    "4.2.1": Verdict(SOFT, "mailbox_busy"),
    "*.2.2": Verdict(SOFT, "mailbox_full"),
    "*.2.3": Verdict(CONTENT, "too_large"),
    "*.3.4": Verdict(CONTENT, "too_large"),
    "*.4.7": Verdict(SOFT, "expired"),
    "5.4.4": Verdict(HARD, "no_such_domain"),  # unable to route: the recipient's domain has no mail server
    "5.4.6": Verdict(SOFT, "mail_loop"),
    "*.3": Verdict(SOFT, "receiver_trouble"),
    "*.4": Verdict(SOFT, "network"),
    "*.5": Verdict(CONTENT, "protocol"),
    "*.6": Verdict(CONTENT, "content"),
    # Policy, authentication, reputation: whatever the first digit says, never the recipient's fault.
    "*.7": Verdict(BLOCK, "policy"),
    "4.1": Verdict(SOFT, "address_trouble"),
    "4.2": Verdict(SOFT, "mailbox_busy"),
}

_CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")


def classify(bounce: Bounce) -> Verdict:
    """Return what a bounce is about."""
    if verdict := SUBTYPES.get(bounce.subtype):
        return verdict
    if not bounce.status and not bounce.diagnostic:
        return _without_reason(bounce)
    status = _by_status(bounce)
    if status is not None and status.bounce_class is HARD and (dead := _by_text(bounce.diagnostic, _DEAD)):
        # Code and words agree. A name such as mx.antispam.example in the reply must not turn it into another matter.
        return dead
    return _by_text(bounce.diagnostic, TEXTS) or status or _by_type(bounce)


def _without_reason(bounce: Bounce) -> Verdict:
    # A real refusal brings a report with a code. An out-of-office answer brings none, and SES counts it as Transient.
    if bounce.bounce_type == "Transient":
        return Verdict(BounceClass.AUTOREPLY, "no_report")
    return _by_type(bounce)


def _by_text(diagnostic: str, texts: Iterable[tuple[re.Pattern[str], Verdict]]) -> Verdict | None:
    return next((verdict for pattern, verdict in texts if pattern.search(diagnostic)), None)


def _by_status(bounce: Bounce) -> Verdict | None:
    # The receiver's own reply is nearer to the truth than the code that a report writer derived from it.
    found = _CODE.search(bounce.diagnostic) or _CODE.search(bounce.status)
    if found is None:
        return None
    first, subject, detail = found.groups()
    keys = (f"{first}.{subject}.{detail}", f"*.{subject}.{detail}", f"{first}.{subject}", f"*.{subject}")
    return next((STATUS_CODES[key] for key in keys if key in STATUS_CODES), None)


def _by_type(bounce: Bounce) -> Verdict:
    match bounce.bounce_type:
        case "Permanent" if bounce.diagnostic and not _ABOUT_THE_MAILBOX.search(bounce.diagnostic):
            # Measured on replies that others have collected: most that nobody understands are about the sender. A
            # mailbox that is really dead answers so again, and the next time SES itself has it on its list.
            return Verdict(SOFT, "not_understood")
        case "Permanent":
            return Verdict(HARD, "no_reason_given")
        case "Transient":
            return Verdict(SOFT, "no_reason_given")
        case _:
            return Verdict(SOFT, "undetermined")
