r"""Bounce texts: the rows for what receivers say, most telling first.

A refusal of the sender often carries the code of a missing mailbox and the other way round, so words are asked before codes;
and what is about us or the message stands before what is about the mailbox. To teach a new answer, add a row, and the
answer itself to tests/core/test_bounces.py; where it stands decides, so the test of all known answers is the proof that
no other one has changed its meaning.

Invariants:
    Each pattern passes `core.bounce_rules.fault`; `.` and `\S` repeat at most so many times as stands there.
"""

from typing import Final

from core.bounce_rules import Cause, Rule, compiled


_GOOGLE: Final = ("Google, SMTP errors and codes", "2026-06-18")
_MICROSOFT: Final = ("Microsoft, Outlook.com postmaster", "2026-11-24")
_M365: Final = ("Microsoft 365, NDR codes", "2026-11-24")
_YAHOO: Final = ("Yahoo Sender Hub, SMTP error codes", "2026-11-24")
_SHAPING: Final = ("KumoMTA, published shaping rules", "2026-11-24")
_SEEN: Final = ("Sisimai, texts of real bounces", "2026-11-24")
_POSTFIX: Final = ("Postfix, SMTP replies", "2026-11-24")

# What an id is named after, the pattern, the class, the reason, the source.
_ROWS: Final = (
    # The message. Gmail's "multiple Subject headers" would read as an authentication matter further down.
    ("format", r"not rfc|non.?compliant|\bheaders?\b", Cause.CONTENT, "format", _GOOGLE),
    ("one-reader", r"blocked by the recipient|user reject|refused by recipient", Cause.REFUSED, "refused_by_recipient", _SEEN),
    # Rates: Gmail 4.2.1 and 4.7.28, Outlook.com RP- and S775, Yahoo TSS, Apple HCM1, Orange.
    ("reader-busy", r"receiving (e?mail )?(too quickly|at a rate)", Cause.BUSY, "receiving_too_fast", _GOOGLE),
    ("loop", r"\bhops?\b|\bloop", Cause.RELAY, "mail_loop", _SEEN),
    ("rate", r"rate.?limit|too (many|fast)|slow(er| down)|throttl|unusual rate", Cause.THROTTLED, "rate", _GOOGLE),
    ("rate-orange", r"trop de connexions", Cause.THROTTLED, "rate", _SHAPING),
    ("rate-yahoo", r"\[TSS?\d{1,3}\]", Cause.THROTTLED, "rate", _YAHOO),
    ("rate-outlook", r"\bRP-00\d\b|\(S775\)", Cause.THROTTLED, "rate", _MICROSOFT),
    ("rate-apple", r"\[HCM1\]|\[BS02\]", Cause.THROTTLED, "rate", _SHAPING),
    # Reputation and block lists: Gmail 5.7.1, Outlook.com S3140, Yahoo BL, Microsoft 365 5.7.606.
    ("reputation", r"reputation|user complaints", Cause.BLOCK, "reputation", _GOOGLE),
    ("reputation-orange", r"service refus[eé]|csi\.cloudmark", Cause.BLOCK, "reputation", _SHAPING),
    ("block-list", r"spamhaus|spamcop|barracuda|rbl|dnsbl|(block|black|deny).?list|blocked using", Cause.BLOCK, "block_list", _SEEN),
    ("block-yahoo", r"\[BL\d{1,3}\]", Cause.BLOCK, "block_list", _YAHOO),
    ("block-outlook", r"\bS31[45]0\b", Cause.BLOCK, "block_list", _MICROSOFT),
    ("block-m365", r"banned", Cause.BLOCK, "block_list", _M365),
    ("block-address", r"\bip\b.{0,60}(block|reject|den|not allow|forbid|access)", Cause.BLOCK, "block_list", _SEEN),
    ("block-host", r"\b(your|sending|invalid|bad|client|dynamic) (ip|host)s?\b", Cause.BLOCK, "block_list", _SEEN),
    # Authentication and the sender: Gmail 5.7.26, Outlook.com 5.7.515, Microsoft 365 5.7.509.
    ("auth", r"\bdmarc\b|\bspf\b|\bdkim\b|authenticat|\bptr\b|reverse dns|starttls", Cause.AUTH, "authentication", _GOOGLE),
    ("sender", r"sender|mail from|from:|\bhelo\b|e?mail address used to send", Cause.AUTH, "bad_sender", _SEEN),
    ("policy", r"\bpolic(y|ies)\b|prohibition|members?.only|mailing list", Cause.POLICY, "policy", _SHAPING),
    ("policy-outlook", r"\b(SC|DY|OU)-00\d\b", Cause.POLICY, "policy", _MICROSOFT),
    ("policy-yahoo", r"\[PH01\]", Cause.POLICY, "policy", _YAHOO),
    ("spam", r"spam|unsolicited|junk|bulk|\bthis message is\b", Cause.CONTENT, "spam", _GOOGLE),
    # The mailbox's room, then the message's size.
    ("full-inactive", r"out of storage space and inactive", Cause.FULL, "full_and_inactive", _GOOGLE),
    ("full", r"mailbox.{0,30}(size|exceed)|storage|quota|disk space|\bspace\b", Cause.FULL, "mailbox_full", _SEEN),
    ("full-plainly", r"(mailbox|mailfolder|inbox) (is )?full|full mailbox", Cause.FULL, "mailbox_full", _SEEN),
    ("size", r"(message|mail|size|attachment).{0,30}(too (large|big)|exceed)|size ?limit|too big", Cause.SIZE, "too_large", _SEEN),
    ("content", r"virus|malware|attachment|\bcontents?\b|message filtered", Cause.CONTENT, "content", _SEEN),
    # What passes.
    ("later", r"grey ?list|(try|retry)( again)? later|temporar|will be retried|delayed", Cause.DEFERRED, "try_later", _POSTFIX),
    ("lookup", r"(dns|name|domain|mx).{0,20}(lookup|query|resolution).{0,10}(fail|error|time)|servfail", Cause.DNS, "lookup_failed", _M365),
    ("no-route", r"no route|unreachable|time.?d? ?out|time expired", Cause.NETWORK, "network", _SEEN),
    ("no-connection", r"connection (refused|reset|lost|dropped)", Cause.NETWORK, "network", _SEEN),
    ("receiver", r"system (is )?full|insufficient", Cause.RECEIVER, "receiver_trouble", _SEEN),
    ("receiver-error", r"(system|local|server|configuration|software) (config )?error", Cause.RECEIVER, "receiver_trouble", _SEEN),
    # The receiver no longer serves the domain, or does not yet.
    ("relay", r"relay(?! recipient)", Cause.RELAY, "relay_denied", _POSTFIX),
    # The mailbox or its domain.
    ("domain", r"(domain|host)( name)?\b.{0,20}(not found|does ?n[o']t exist|unknown|not reachable)", Cause.BAD_DOMAIN, "no_such_domain", _SEEN),
    ("no-domain", r"(unknown|no such) (domain|host)|nxdomain|null mx", Cause.BAD_DOMAIN, "no_such_domain", _SEEN),
    ("disabled", r"(account|mailbox|user|recipient|address).{0,40}(disabled|inactive|suspend|deactivated|not active|expired|locked|frozen)", Cause.INACTIVE, "mailbox_disabled", _GOOGLE),
    ("mailbox", r"(user|recipient|mailbox|account|address|inbox)\W.{0,80}?(unknown|not found|does ?n[o']t exist|no longer|invalid)", Cause.BAD_MAILBOX, "no_such_mailbox", _SEEN),
    ("mailbox-unlisted", r"(user|recipient|mailbox|account|address|inbox)\W.{0,80}?(unavailable|not (a )?valid|not known|not listed)", Cause.BAD_MAILBOX, "no_such_mailbox", _YAHOO),
    ("no-mailbox", r"(unknown|no such|invalid|unrouteable|no|non.?existent) (user|recipient|mailbox|local|address|account|person)", Cause.BAD_MAILBOX, "no_such_mailbox", _SEEN),
    ("mailbox-yahoo", r"does ?n[o']t have an? \S{1,80} account", Cause.BAD_MAILBOX, "no_such_mailbox", _YAHOO),
    ("mailbox-m365", r"recipient address rejected: access denied|recipientnotfound", Cause.BAD_MAILBOX, "no_such_mailbox", _M365),
)  # fmt: skip

RULES: Final = tuple(
    Rule(f"text-{name}", pattern, cause, reason, *source) for name, pattern, cause, reason, source in _ROWS
)
TEXTS: Final = compiled(RULES)
