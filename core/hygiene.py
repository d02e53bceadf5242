"""Hygiene: the rules by which our mail to somebody ends at night, and what each of them does.

A hard bounce and a complaint suppress at once, when their event arrives. What needs a history is decided at night: a
mailbox that takes nothing any more, one that has been full for weeks, a domain that is gone, and a person who never looks.
Mailing them on costs reputation with everybody else's provider, and an abandoned mailbox may come back as a spam trap.

Terms:
    soft bounce: a campaign message that the mailbox did not take; several events of one message count once.
    consecutive: since the person's last delivery, open, click, or ended suppression.
    quarantine: how long a suppression for soft bounces lasts; then the address gets one more chance.
    sunset: the end of mail to those who have not opened or clicked for long.
    lapsing: silent for long enough, and not retired yet: ordinary campaigns pass the person over, one win-back campaign may
        still be sent, and any sign of life makes the person active again.
    win-back: a campaign to the tenant's list of lapsing people; "we miss you".
    flag: a rule that only counts and lists (`core.address_hints`), unless the tenant makes it retire.

Invariants:
    Blocks, content refusals and out-of-office answers never count: they are not about the mailbox.
    Nobody lapses who was not mailed, or whose tenant has seen nobody open or click (then tracking is off).
    With the win-back step nobody is retired for silence to whom no win-back was delivered.
    A person is taken by one rule a night, the first that applies in the order of `Rule`.

Standards:
    RFC 3463 (enhanced status codes, X.2.2 mailbox full). Practice: Mailchimp and Klaviyo end at 7 soft bounces,
    M3AAWG "Sender Best Common Practices" (inactive recipients); the defaults are argued in docs/hygiene.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from core.errors import ConfigurationError


class Rule(StrEnum):
    """Why hygiene ends our mail to somebody, strongest first."""

    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    MAILBOX_FULL = "mailbox_full"
    DEAD_DOMAIN = "dead_domain"
    DISPOSABLE = "disposable"
    ROLE = "role"
    SILENT_AFTER_WINBACK = "silent_after_winback"
    SILENT = "silent"


class Effect(StrEnum):
    """What a rule does with a person."""

    SUPPRESS = "suppress"  # by the person, whatever becomes of the contact
    RETIRE = "retire"  # the contact is passed over, and comes back when the reason is gone
    LAPSE = "lapse"  # ordinary campaigns pass the contact over, a win-back may be sent


# What the event should have done already, and what neither law nor SES lets wait for anybody's approval.
AT_ONCE: Final = (Rule.COMPLAINT, Rule.HARD_BOUNCE)

# Rules of a contact's state, each of which ends when its reason is gone.
STATE_RULES: Final = (
    Rule.DEAD_DOMAIN,
    Rule.DISPOSABLE,
    Rule.ROLE,
    Rule.SILENT_AFTER_WINBACK,
    Rule.SILENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HygienePolicy:
    """The thresholds; each may stand in `tenant.policies` under its name. A 0 in the first of a group turns it off."""

    soft_bounces: int = 5
    soft_bounce_days: int = 3  # on at least so many different days (UTC)
    soft_bounce_window_days: int = 30
    mailbox_full_bounces: int = 3
    mailbox_full_span_days: int = 21  # from the first to the last of them
    mailbox_full_window_days: int = 90
    full_inactive_bounces: int = 2  # of a mailbox that its provider calls full and inactive
    quarantine_days: int = 90
    sunset_days: int = 180
    sunset_messages: int = 12  # delivered since the last sign of life
    winback_days: int = (
        30  # of silence after a win-back was delivered; 0: no such step, the silent are retired at once
    )
    dead_domain_nights: int = 7  # on which its DNS was sure that it takes no mail
    retire_disposable: int = 0  # 1: contacts at disposable domains are retired, and not only counted
    retire_roles: int = 0  # 1: role addresses are retired, and not only counted
    removal_percent: int = 5  # of a list; a night that would take more waits for approval
    removal_people: int = 2  # so many of a list never make a night wait
    approval_days: int = 7  # for so long a night waits for its approval, then the next one begins anew

    @classmethod
    def of(cls, policies: Mapping[str, int]) -> "HygienePolicy":
        """Return a tenant's policy; other policies stand in the same mapping and are passed over.

        Raises:
            ConfigurationError: A threshold is no whole number, or negative.
        """
        chosen = {field.name: policies[field.name] for field in fields(cls) if field.name in policies}
        for name, value in chosen.items():
            if type(value) is not int or value < 0:
                raise ConfigurationError(
                    f"policy {name} must be a whole number, not {value!r}", hint="0 turns a rule off."
                )
        return cls(**chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftBounces:
    """A person's consecutive soft bounces within the windows of the policy."""

    bounces: int = 0  # without those of a full mailbox
    days: int = 0
    full: int = 0
    full_span_days: int = 0
    abandoned: int = 0  # of the full ones, those whose provider calls the mailbox inactive, too


def effect(rule: Rule, policy: HygienePolicy) -> Effect:
    """Return what a rule does under a policy."""
    if rule is Rule.SILENT:
        return Effect.LAPSE if policy.winback_days else Effect.RETIRE
    return Effect.RETIRE if rule in STATE_RULES else Effect.SUPPRESS


def reason(rule: Rule, policy: HygienePolicy) -> str:
    """Return in words why a person is taken, as it is kept with the contact and told by `posthouse why`."""
    return {
        Rule.COMPLAINT: "the person has complained",
        Rule.HARD_BOUNCE: "the address has bounced for good",
        Rule.SOFT_BOUNCE: f"{policy.soft_bounces} or more soft bounces in a row",
        Rule.MAILBOX_FULL: f"the mailbox was full for {policy.mailbox_full_span_days} days or more",
        Rule.DEAD_DOMAIN: f"the domain has taken no mail for {policy.dead_domain_nights} nights",
        Rule.DISPOSABLE: "the address is of a disposable domain",
        Rule.ROLE: "the address is a function's and not a person's",
        Rule.SILENT_AFTER_WINBACK: f"no open or click in {policy.winback_days} days after a win-back",
        Rule.SILENT: f"no open or click in {policy.sunset_days} days and {policy.sunset_messages} messages",
    }[rule]


def verdict(history: SoftBounces, policy: HygienePolicy) -> Rule | None:
    """Return the rule that a history of soft bounces breaks, or None."""
    if 0 < policy.soft_bounces <= history.bounces and history.days >= policy.soft_bounce_days:
        return Rule.SOFT_BOUNCE
    # Its provider says what weeks of waiting would say.
    if 0 < policy.full_inactive_bounces <= history.abandoned:
        return Rule.MAILBOX_FULL
    # A full mailbox is a holiday at first. After weeks it is abandoned.
    if (
        0 < policy.mailbox_full_bounces <= history.full
        and history.full_span_days >= policy.mailbox_full_span_days
    ):
        return Rule.MAILBOX_FULL
    return None
