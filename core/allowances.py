"""Allowances: which of the messages that wait may leave under today's caps, provider by provider.

A sending domain that warms up has caps: one for all of its mail of a day, and one for each mailbox provider that judges
it. A capped provider never holds up the others: their messages go on, and what does not fit today waits for tomorrow.

Terms:
    cap: messages that may leave on one day of the tenant's calendar. Where a provider has none, only the cap for all
        holds it.
    left: what a cap still admits.
    share: how many messages of one provider a claim asks for.

Invariants:
    What is admitted never exceeds what is left of any cap, nor of the cap for all.
    Among messages of one provider the earlier are admitted first.
    Shares add up to at most the limit, and a provider with nothing left has none.
    When a provider's share cannot be filled, the next claim gives its place to the others: nobody waits for a provider
        that has run out of people.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar


ALL: Final = "all"  # the cap that holds all providers together

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


def admitted(left: Mapping[str, int], providers: Sequence[str]) -> list[bool]:
    """Say of each message, in order, whether it may leave.

    Args:
        left: What is left of today, by provider; `ALL` for all together. A provider that is not in it has no cap of its own.
        providers: The provider of each message.
    """
    remaining = dict(left)
    answers = []
    for provider in providers:
        caps = [key for key in (ALL, provider) if key in remaining]
        fits = all(remaining[key] > 0 for key in caps)
        if fits:
            for key in caps:
                remaining[key] -= 1
        answers.append(fits)
    return answers


def used(providers: Iterable[str]) -> dict[str, int]:
    """Return the tokens that these messages take: one of their provider's cap and one of the cap for all."""
    tokens: dict[str, int] = {}
    for provider in providers:
        for key in (ALL, provider):
            tokens[key] = tokens.get(key, 0) + 1
    return tokens


def shares(limit: int, weights: Mapping[str, int], left: Mapping[str, int]) -> dict[str, int]:
    """Cut a claim into shares, in proportion to how many messages each provider has, none larger than what is left.

    Args:
        limit: The most that are claimed together.
        weights: Messages by provider, of those that may have any.
        left: As in `admitted`.

    Returns:
        Each provider's share; those without one are left out. The largest come first, so that a provider too small for a
        place gets one when the claim is larger or the large ones are done.
    """
    limit = min(limit, left.get(ALL, limit))
    open_ones = {
        provider: min(limit, left.get(provider, limit))
        for provider in sorted(weights, key=lambda each: (-weights[each], each))
        if left.get(provider, 1) > 0
    }
    total = sum(max(weights[provider], 1) for provider in open_ones)
    given: dict[str, int] = {}
    for provider, most in open_ones.items():
        room = limit - sum(given.values())
        wanted = max(round(limit * max(weights[provider], 1) / total), 1)
        given[provider] = min(wanted, most, room)
    _hand_out_rest(given, open_ones, limit)
    return {provider: share for provider, share in given.items() if share > 0}


def _hand_out_rest(given: dict[str, int], most: Mapping[str, int], limit: int) -> None:
    """Give what caps and rounding left over to those who may take more."""
    for provider, share in given.items():
        more = min(limit - sum(given.values()), most[provider] - share)
        given[provider] = share + max(more, 0)


def interleaved(groups: Mapping[Key, Sequence[Item]]) -> list[Item]:
    """Merge groups so that each is spread evenly over the whole, as long ones and short ones end together."""
    placed = [
        ((position + 0.5) / len(items), number, item)
        for number, items in enumerate(groups.values())
        for position, item in enumerate(items)
    ]
    placed.sort(key=lambda place: place[:2])
    return [item for _, _, item in placed]
