"""The rate: which of a tenant's waiting messages may leave now, under the account's rate, its turn and its own limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core import limits as rule
from core.fairness import TURN, Asker
from core.pacing import Grant
from store import accounts, limits
from store.session import Session


LIMIT: Final = "limit"
# What is slept out, because it is over soon; anything else that holds a grant ends the stretch.
SHORT_WAITS: Final = frozenset({"", "rate", TURN, LIMIT})


@dataclass(frozen=True, slots=True)
class Reserved:
    """A grant, and for which of the messages it is, as indexes in order."""

    grant: Grant
    chosen: Sequence[int]


def reserve(
    session: Session, *, region: str, asker: Asker, providers: Sequence[str], wanted: int
) -> Reserved:
    """Take tokens of the account and of the tenant's limits for the first messages that may leave, in the caller's transaction.

    Args:
        session: The caller's transaction.
        region: Of the account.
        asker: Who asks.
        providers: The mailbox provider of each message that waits.
        wanted: The most that leave together.

    Raises:
        LedgerBehindError: The account is in quarantine, or this is another database than it remembers.
        ConfigurationError: GetAccount was never asked for this region.
    """
    locked = accounts.lock(session, region=region, asker=asker)
    if not locked.has_limits:
        grant = accounts.grant(session, locked, wanted=min(wanted, len(providers)))
        return Reserved(grant, range(grant.count))
    held = limits.locked(session, tenant_id=asker.tenant_id)
    fits = rule.fitting(held, providers, wanted, locked.now)
    if not fits:
        accounts.leave(session, locked)
        return Reserved(Grant(count=0, wait=rule.wait(held, providers, locked.now), held_by=LIMIT), [])
    grant = accounts.grant(session, locked, wanted=len(fits))
    chosen = fits[: grant.count]
    moved = rule.taken(held, [providers[index] for index in chosen], locked.now)
    if moved:
        limits.use(session, tenant_id=asker.tenant_id, moved=moved)
    return Reserved(grant, chosen)
