"""Hygiene: when repeated soft bounces or silence end our mail to somebody.

A hard bounce and a complaint suppress at once, when their event arrives. What needs a history is decided at night: a
mailbox that takes nothing any more, one that has been full for weeks, and a person who never looks. Mailing them on
costs reputation with everybody else's provider, and an abandoned mailbox may come back as a spam trap.

Terms:
    soft bounce: a campaign message that the mailbox did not take; several events of one message count once.
    consecutive: since the person's last delivery, open, click, or ended suppression.
    quarantine: how long a suppression for soft bounces lasts; then the address gets one more chance.
    sunset: the end of mail to those who have not opened or clicked for long.

Invariants:
    Blocks, content refusals and out-of-office answers never count: they are not about the mailbox.
    Nobody is retired who was not mailed, or whose tenant has seen nobody open or click (then tracking is off).

Standards:
    RFC 3463 (enhanced status codes, X.2.2 mailbox full). Practice: Mailchimp and Klaviyo end at 7 soft bounces,
    M3AAWG "Sender Best Common Practices" (inactive recipients); the defaults are argued in docs/hygiene.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from core.errors import ConfigurationError


class Rule(StrEnum):
    """Why hygiene suppressed somebody."""

    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    MAILBOX_FULL = "mailbox_full"


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
