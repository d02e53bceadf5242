"""Bounce codes: the rows for SES's sub-types and for enhanced status codes.

A code stands as `class.subject.detail`; `*` takes any first digit, and a missing detail any. The nearest row decides:
`5.1.1` before `*.1.1` before `5.1` before `*.1`. A row of the class `unknown` asks SES's Permanent or Transient instead.

Standards:
    RFC 3463 (Enhanced Mail System Status Codes), RFC 5248 and its registry at IANA ("SMTP Enhanced Status Codes"); RFC 7505
    (null MX), RFC 7293 (Require-Recipient-Valid-Since), RFC 7372 (e-mail authentication status codes); Amazon SES "Bounce
    object".
"""

from collections.abc import Iterator
from typing import Final

from core.bounce_rules import Cause, Rule


_SES: Final = "Amazon SES, Bounce object"
_IANA: Final = "IANA, SMTP Enhanced Status Codes"
_M365: Final = "Microsoft 365, NDR codes"
_GOOGLE: Final = "Google, SMTP errors and codes"
_READ: Final = "2026-11-24"


def _subtype(name: str, cause: Cause, reason: str) -> Rule:
    return Rule(f"ses-{name}", name, cause, reason, _SES, _READ)


# Sub-types that say all there is to say. "General" and "Undetermined" do not.
SUBTYPES: Final[dict[str, Rule]] = {
    rule.pattern: rule
    for rule in (
        _subtype("NoEmail", Cause.BAD_MAILBOX, "no_such_mailbox"),
        # SES did not even try: its own list of recent hard bounces, or the account's or tenant's list.
        _subtype("Suppressed", Cause.SUPPRESSED, "suppressed_by_ses"),
        _subtype("OnAccountSuppressionList", Cause.SUPPRESSED, "on_account_suppression_list"),
        _subtype("OnTenantSuppressionList", Cause.SUPPRESSED, "on_tenant_suppression_list"),
        _subtype("EmailValidationSuppressed", Cause.SUPPRESSED, "failed_validation"),
        _subtype("UnsubscribedRecipient", Cause.SUPPRESSED, "unsubscribed_at_ses"),
        _subtype("MailboxFull", Cause.FULL, "mailbox_full"),
        _subtype("MessageTooLarge", Cause.SIZE, "too_large"),
        _subtype("ContentRejected", Cause.CONTENT, "content"),
        _subtype("AttachmentRejected", Cause.CONTENT, "attachment"),
        _subtype("CustomTimeoutExceeded", Cause.OURS, "our_deadline"),
    )
}


# Code, class, reason. What a first digit of 4 or 5 changes stands under both.
_REGISTER: Final = (
    ("*.0.0", Cause.UNKNOWN, "no_reason_given"),
    ("*.1", Cause.UNKNOWN, "address_trouble"),
    ("4.1", Cause.DEFERRED, "address_trouble"),
    ("5.1", Cause.BAD_MAILBOX, "bad_address"),
    ("5.1.0", Cause.BAD_MAILBOX, "bad_address"),
    ("5.1.1", Cause.BAD_MAILBOX, "no_such_mailbox"),
    ("5.1.2", Cause.BAD_DOMAIN, "no_such_domain"),
    ("5.1.3", Cause.BAD_MAILBOX, "bad_address"),
    ("5.1.4", Cause.BAD_MAILBOX, "bad_address"),  # ambiguous: nobody can say which mailbox is meant
    ("*.1.5", Cause.UNKNOWN, "no_reason_given"),  # "address valid" is no reason to bounce
    ("5.1.6", Cause.INACTIVE, "moved"),
    ("*.1.7", Cause.AUTH, "bad_sender"),  # the *sender's* address
    ("*.1.8", Cause.AUTH, "bad_sender"),
    ("*.1.9", Cause.RECEIVER, "receiver_trouble"),
    ("5.1.10", Cause.BAD_DOMAIN, "no_such_domain"),  # RFC 7505: null MX
    ("4.2", Cause.BUSY, "mailbox_busy"),
    ("*.2.0", Cause.UNKNOWN, "no_reason_given"),
    ("4.2.0", Cause.BUSY, "mailbox_busy"),
    ("4.2.1", Cause.BUSY, "mailbox_busy"),
    ("5.2.1", Cause.INACTIVE, "mailbox_disabled"),
    ("*.2.2", Cause.FULL, "mailbox_full"),
    ("*.2.3", Cause.SIZE, "too_large"),
    ("*.2.4", Cause.RECEIVER, "receiver_trouble"),  # a mailing list that cannot be expanded
    ("*.3", Cause.RECEIVER, "receiver_trouble"),
    ("*.3.0", Cause.RECEIVER, "receiver_trouble"),
    ("*.3.1", Cause.RECEIVER, "receiver_trouble"),
    ("*.3.2", Cause.RECEIVER, "receiver_trouble"),
    ("*.3.3", Cause.RECEIVER, "receiver_trouble"),
    ("*.3.4", Cause.SIZE, "too_large"),
    ("*.3.5", Cause.RECEIVER, "receiver_trouble"),
    ("*.3.6", Cause.RECEIVER, "receiver_trouble"),
    ("*.4", Cause.NETWORK, "network"),
    ("*.4.0", Cause.NETWORK, "network"),
    ("*.4.1", Cause.NETWORK, "network"),
    ("*.4.2", Cause.NETWORK, "network"),
    ("*.4.3", Cause.DNS, "directory_down"),
    ("4.4.4", Cause.DNS, "lookup_failed"),
    ("5.4.4", Cause.BAD_DOMAIN, "no_such_domain"),  # unable to route: the domain has no mail server
    ("*.4.5", Cause.RECEIVER, "receiver_trouble"),
    ("*.4.6", Cause.RELAY, "mail_loop"),
    ("*.4.7", Cause.NETWORK, "expired"),
    ("*.5", Cause.CONTENT, "protocol"),
    ("*.5.0", Cause.CONTENT, "protocol"),
    ("*.5.1", Cause.CONTENT, "protocol"),
    ("*.5.2", Cause.CONTENT, "protocol"),
    ("*.5.3", Cause.CONTENT, "protocol"),
    ("*.5.4", Cause.CONTENT, "protocol"),
    ("*.5.5", Cause.CONTENT, "protocol"),
    ("*.5.6", Cause.CONTENT, "protocol"),
    ("*.6", Cause.CONTENT, "content"),
    ("*.6.0", Cause.CONTENT, "content"),
    ("*.6.1", Cause.CONTENT, "content"),
    ("*.6.2", Cause.CONTENT, "content"),
    ("*.6.3", Cause.CONTENT, "content"),
    ("*.6.4", Cause.CONTENT, "content"),
    ("*.6.5", Cause.CONTENT, "content"),
    ("*.6.6", Cause.CONTENT, "content"),
    ("*.6.7", Cause.CONTENT, "content"),
    ("*.6.8", Cause.CONTENT, "content"),
    ("*.6.9", Cause.CONTENT, "content"),
    ("*.6.10", Cause.CONTENT, "content"),
    # Policy, authentication, reputation: whatever the first digit says, never the recipient's fault, but for three.
    ("*.7", Cause.POLICY, "policy"),
    ("*.7.0", Cause.POLICY, "policy"),
    ("*.7.1", Cause.POLICY, "policy"),
    ("*.7.2", Cause.POLICY, "policy"),
    ("*.7.3", Cause.POLICY, "policy"),
    ("*.7.4", Cause.POLICY, "policy"),
    ("*.7.5", Cause.POLICY, "policy"),
    ("*.7.6", Cause.POLICY, "policy"),
    ("*.7.7", Cause.AUTH, "authentication"),
    ("*.7.8", Cause.AUTH, "authentication"),
    ("*.7.9", Cause.AUTH, "authentication"),
    ("*.7.10", Cause.AUTH, "authentication"),
    ("*.7.11", Cause.AUTH, "authentication"),
    ("*.7.12", Cause.AUTH, "authentication"),
    ("5.7.13", Cause.INACTIVE, "mailbox_disabled"),
    ("*.7.14", Cause.POLICY, "policy"),
    ("*.7.15", Cause.POLICY, "policy"),
    ("*.7.16", Cause.SIZE, "too_large"),
    ("5.7.17", Cause.INACTIVE, "owner_changed"),  # RFC 7293: the mailbox has another owner
    ("5.7.18", Cause.INACTIVE, "owner_changed"),  # the domain has
    ("*.7.19", Cause.POLICY, "policy"),
    ("*.7.20", Cause.AUTH, "authentication"),
    ("*.7.21", Cause.AUTH, "authentication"),
    ("*.7.22", Cause.AUTH, "authentication"),
    ("*.7.23", Cause.AUTH, "authentication"),
    ("*.7.24", Cause.AUTH, "authentication"),
    ("*.7.25", Cause.AUTH, "authentication"),
    ("*.7.26", Cause.AUTH, "authentication"),
    ("*.7.27", Cause.AUTH, "authentication"),
    ("*.7.28", Cause.THROTTLED, "rate"),
    ("*.7.29", Cause.AUTH, "authentication"),
    ("*.7.30", Cause.AUTH, "authentication"),
)

# Not in the register; the numbers from 31 on are Google's, those from 100 on Microsoft's.
_OTHERS: Final = (
    ("*.7.31", Cause.AUTH, "authentication", _GOOGLE),
    ("*.7.32", Cause.AUTH, "authentication", _GOOGLE),
    ("*.7.40", Cause.AUTH, "authentication", _GOOGLE),
    ("5.4.1", Cause.BAD_MAILBOX, "no_such_mailbox", _M365),  # "Recipient address rejected: Access denied"
    ("*.4.14", Cause.RELAY, "mail_loop", _M365),
    ("5.4.310", Cause.BAD_DOMAIN, "no_such_domain", _M365),
    ("*.4.312", Cause.DNS, "lookup_failed", _M365),
    ("*.7.509", Cause.AUTH, "authentication", _M365),
    ("*.7.511", Cause.BLOCK, "block_list", _M365),
    ("*.7.513", Cause.REFUSED, "refused_by_recipient", _M365),
    ("*.7.515", Cause.AUTH, "authentication", "Microsoft, Outlook.com high-volume senders"),
    ("*.7.606-649", Cause.BLOCK, "block_list", _M365),
    ("4.7.650", Cause.THROTTLED, "rate", "Microsoft, Outlook.com postmaster"),
    ("5.7.705-708", Cause.THROTTLED, "rate", _M365),
    ("*.7.750", Cause.AUTH, "bad_sender", _M365),
    ("4.7.850-899", Cause.THROTTLED, "rate", _M365),
)


def _rule(pattern: str, cause: Cause, reason: str, source: str = _IANA) -> Rule:
    return Rule(
        f"code-{pattern}", pattern, cause, reason, source, "2026-06-18" if source == _GOOGLE else _READ
    )


RULES: Final = tuple(_rule(*row) for row in (*_REGISTER, *_OTHERS))


def _codes(pattern: str) -> Iterator[str]:
    """Yield the codes that a row is for: its last part may be a range."""
    stem, _, last = pattern.rpartition(".")
    first, _, end = last.partition("-")
    yield from (f"{stem}.{number}" for number in range(int(first), int(end or first) + 1))


STATUS_CODES: Final[dict[str, Rule]] = {code: rule for rule in RULES for code in _codes(rule.pattern)}
