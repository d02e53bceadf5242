"""Blocks: refusals that are about the sender's rate or reputation, and how long a provider is left alone after them.

A mailbox that does not exist says something about a reader. These replies say something about us: whoever goes on sending after
them is refused for longer. Within the day a provider that repeats one is rested for a while; the next day's cap goes back.

Terms:
    block: one class of such replies, by a stable name.
    brake: a rest of one provider within the day, after more than five of the same class within ten minutes.

Invariants:
    A brake of the same class is twice as long as the one before it, and a day at most.

Standards:
    Google "Email sender guidelines" (421 4.7.28, error page of 2026-06-18); Microsoft's Outlook.com postmaster codes; Yahoo
    Sender Hub (TSS, BL); KumoMTA's published shaping rules for the lengths. RFC 3463 (Enhanced Mail System Status Codes).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final


WATCHED: Final = timedelta(minutes=10)
MOST_IN_WATCHED: Final = 5
MANY_SHARE: Final = 0.01
LONGEST: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Block:
    """A class of refusals, and how long its first brake is."""

    key: str
    rest: timedelta


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


# The first that fits decides. "BL21" and its like stand in Yahoo's brackets, "S3150" in Outlook.com's parentheses.
_TEXTS: Final = (
    (r"4\.7\.28", Block("gmail_rate", _minutes(10))),
    (r"very low reputation", Block("gmail_reputation", _minutes(60))),
    (r"\[TSS?0[1-4]\]", Block("yahoo_volume", _minutes(120))),
    (r"\[TSS?05\]", Block("yahoo_volume_again", _minutes(240))),
    (r"\[TSS?(09|11)\]", Block("yahoo_refused", LONGEST)),
    (r"\[BL\d+\]", Block("yahoo_block_list", LONGEST)),
    (r"\bRP-00\d\b", Block("outlook_rate", _minutes(30))),
    (r"\(S775\)", Block("outlook_reputation", _minutes(60))),
    (r"\bS31[45]0\b", Block("outlook_block_list", LONGEST)),
    (r"\[HCM1\]|\[BS02\]", Block("apple_rate", _minutes(15))),
    (r"reject due to policy (restrictions|violations)", Block("united_internet_policy", _minutes(30))),
    (r"trop de connexions|service refus[eé]|csi\.cloudmark\.com", Block("orange_rate", _minutes(30))),
)
BLOCKS: Final = {block.key: block for _, block in _TEXTS}
TEXTS: Final = tuple((re.compile(text, re.IGNORECASE), block) for text, block in _TEXTS)


def block_in(diagnostic: str) -> Block | None:
    """Return the block that a receiver's reply names; None when it is about something else."""
    return next((block for pattern, block in TEXTS if pattern.search(diagnostic)), None)


def telling(blocks: Mapping[str, int], accepted: int) -> str:
    """Return the block that says something about a whole day; nothing where there were none, or a few among many.

    Of a block list and its like a handful is enough: whoever is on it is refused whatever the volume. Of a rate a handful
    among twenty thousand is weather, and the gates of delays judge it.

    Args:
        blocks: How often each came, by its key.
        accepted: Messages of the day.
    """
    many = {
        key: times
        for key, times in blocks.items()
        if times > MOST_IN_WATCHED and (_is_listed(key) or times >= accepted * MANY_SHARE)
    }
    return max(many, key=lambda key: (many[key], key), default="")


def _is_listed(key: str) -> bool:
    return key in BLOCKS and BLOCKS[key].rest == LONGEST


def brake(block: Block, *, lately: int, brakes_before: int) -> timedelta:
    """Return how long to leave the provider alone; nothing while the refusals are few.

    Args:
        block: Their class.
        lately: How many of it came within the last ten minutes.
        brakes_before: How many brakes of this class there were today.
    """
    if lately <= MOST_IN_WATCHED:
        return timedelta(0)
    return min(block.rest * 2.0 ** min(brakes_before, 10), LONGEST)
