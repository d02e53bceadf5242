"""Caps: a sending domain that warms up at several mailbox providers, and how many of each were accepted on its first day.

A run in which no cap is reached proves nothing. So each but the largest is smaller than what waits for it, and the first day
goes on until all of their tokens are taken, and some seconds longer: then the crew asks for more than there is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.world import World
from core.allowances import ALL
from core.warmup_shape import CALM
from store.session import rows, run
from tasks import mailbox_domains, warmup


# Domains that no DNS has, each by a person's choice a provider's, and what part of the people its first day may take.
PROVIDERS: Final = {"one.example": "gmail", "two.example": "microsoft_365", "three.example": "yahoo"}
_PARTS: Final = {"gmail": 0.1, "microsoft_365": 0.2, "yahoo": 1.0}
_PART_OF_ALL: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDay:
    """What came of the first day: messages that were accepted, and of which caps all tokens were taken."""

    accepted: int = 0
    beyond: int = 0  # accepted beyond a cap, each cap by itself
    unfilled: int = 0  # caps with people left for them and tokens that nobody took
    burnt: int = 0  # tokens of calls that were killed, or are in doubt: nothing was accepted for them


def caps_for(people: int) -> dict[str, int]:
    """Return the first day's caps: one provider that is not capped before all together are, and none beyond an hour's part."""
    people = min(people, int(CALM / _PART_OF_ALL))
    return {provider: int(part * people) for provider, part in (_PARTS | {ALL: _PART_OF_ALL}).items()}


def move_in(world: World) -> None:
    """Give the people addresses at these providers, and let the domain warm up."""
    with world.resources.database.begin() as session:
        run(
            session,
            """UPDATE contact SET address = split_part(address, '@', 1) || '@'
                   || (CAST(:domains AS text[]))[id % cardinality(CAST(:domains AS text[])) + 1]""",
            domains=list(PROVIDERS),
        )
    for domain, provider in PROVIDERS.items():
        mailbox_domains.choose(
            world.resources, domain, provider=provider, actor="chaos", reason="a domain of the crash suite"
        )
    warmup.set_schedule(
        world.resources,
        tenant_id=world.tenant_id,
        schedule="adaptive",
        reason="caps are tried",
        actor="chaos",
    )


def set_caps(world: World, caps: Mapping[str, int]) -> None:
    """Set today's caps."""
    for provider, messages in caps.items():
        warmup.set_today(
            world.resources,
            tenant_id=world.tenant_id,
            allowance=messages,
            reason="caps are tried",
            actor="chaos",
            provider=provider,
        )


def free(world: World) -> dict[str, int]:
    """Return the tokens that nobody has taken, of today's caps that have fewer than there are people for."""
    with world.resources.database.begin() as session:
        found = rows(
            session,
            """SELECT provider, allowance - used AS free FROM warmup_allowance
               WHERE tenant_id = :tenant_id AND on_day = (SELECT max(on_day) FROM warmup_allowance)""",
            tenant_id=world.tenant_id,
        )
    return {row["provider"]: row["free"] for row in found if _PARTS.get(row["provider"], 0.0) < 1.0}


def judge(accepted: Sequence[str], caps: Mapping[str, int], free: Mapping[str, int]) -> FirstDay:
    """Judge the first day.

    Args:
        accepted: The recipient of each accepted message.
        caps: Of the day.
        free: The tokens that were left when the crew had taken all that it could.
    """
    used = taken(accepted)
    return FirstDay(
        accepted=len(accepted),
        beyond=sum(max(used[provider] - cap, 0) for provider, cap in caps.items()),
        unfilled=sum(left > 0 for left in free.values()),
        burnt=caps[ALL] - free[ALL] - len(accepted),
    )


def begin_next_day(world: World, people: int) -> None:
    """Let today's caps be yesterday's, and set such ones for today that an hour takes everybody who is left."""
    world.resources.database.repeat(
        lambda session: run(session, "UPDATE warmup_allowance SET on_day = on_day - 1")
    )
    set_caps(world, dict.fromkeys([*PROVIDERS.values(), ALL], 20 * people))


def taken(accepted: Sequence[str]) -> Counter[str]:
    """Count accepted messages by mailbox provider, `ALL` for all together."""
    providers = [PROVIDERS[address.rpartition("@")[2]] for address in accepted]
    return Counter(providers) + Counter({ALL: len(providers)})
