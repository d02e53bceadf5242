"""Caps: a sending domain that warms up at several mailbox providers, and how many of each were accepted on its first day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.world import World
from core.allowances import ALL
from store.session import run
from tasks import mailbox_domains, warmup


# Domains that no DNS has, each by a person's choice a provider's, and what part of the people its first day may take.
PROVIDERS: Final = {"one.example": "gmail", "two.example": "microsoft_365", "three.example": "yahoo"}
_PARTS: Final = {"gmail": 0.1, "microsoft_365": 0.2, "yahoo": 1.0}
_PART_OF_ALL: Final = 0.5


def caps_for(people: int) -> dict[str, int]:
    """Return the first day's caps: one provider that is not capped before all together are."""
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


def beyond(accepted: Sequence[str], caps: Mapping[str, int]) -> int:
    """Return how many messages were accepted beyond the caps."""
    return sum(max(number - caps[provider], 0) for provider, number in taken(accepted).items())
