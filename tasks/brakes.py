"""Brakes: when a mailbox provider refuses the sender again and again, leave it alone for a while, and tell why.

Only the order of the mail changes: the other providers go on, and what is left over today goes tomorrow.
"""

from collections.abc import Iterable

from core import warmup_blocks
from core.events import Event
from core.facts import block_of
from core.warmup_blocks import WATCHED
from store import standings, tenants
from store.session import Session
from tasks.log import run_logger


def apply(session: Session, tenant_id: int, told: Iterable[Event]) -> int:
    """Rest the providers that these events, and others of the last minutes, make us leave alone; return how many.

    A provider that rests already is not rested longer by replies to what was under way.
    """
    if not any(block_of(event) for event in told):
        return 0
    braked = 0
    for refusals in standings.refusals(session, tenant_id=tenant_id, within=WATCHED):
        block = warmup_blocks.BLOCKS.get(refusals.block)
        if block is None or refusals.is_braked:
            continue
        rest = warmup_blocks.brake(block, lately=refusals.lately, brakes_before=refusals.brakes)
        if rest:
            standings.brake(session, tenant_id=tenant_id, refusals=refusals, rest=rest)
            _tell(session, tenant_id, refusals, rest.total_seconds() / 60)
            braked += 1
    return braked


def _tell(session: Session, tenant_id: int, refusals: standings.Refusals, minutes: float) -> None:
    told = f"{refusals.lately:,} replies of the kind {refusals.block} within ten minutes"
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor="posthouse",
        action="provider.rested",
        subject=f"sending domain {refusals.sending_domain_id} at {refusals.provider}",
        reason=told,
        detail={"minutes": minutes, "block": refusals.block},
    )
    run_logger().warning("Tenant %d: %s rests for %.0f min: %s", tenant_id, refusals.provider, minutes, told)
