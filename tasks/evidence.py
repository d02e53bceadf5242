"""Evidence: send again what silence proves was never accepted, and only that."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core import evidence
from core.errors import ConfigurationError, SendingError
from gateways.queues import dead_letters_of
from gateways.sqs import Queue
from store import doubt, inbox
from store.doubt import Doubt
from tasks.log import run_logger
from tasks.resources import Resources


def send_again(resources: Resources, *, tenant_id: int, queues_are_clear: bool) -> int:
    """Let a tenant's refuted deliveries wait for another call; return how many.

    Args:
        resources: Of this process.
        tenant_id: Whose campaigns; those with the policy `evidence` alone.
        queues_are_clear: Whether the queues held nothing after the events were drained (`queues_are_clear`).
    """
    guard = timedelta(seconds=resources.settings.doubt_guard_seconds)
    with resources.database.begin() as session:
        pipeline_is_clear = queues_are_clear and inbox.is_clear(session)
        found = doubt.under_evidence(session, tenant_id=tenant_id, guard=guard)
    refuted = [
        one
        for one in found
        if evidence.is_refuted(
            age=one.age, guard=guard, around=one.around, pipeline_is_clear=pipeline_is_clear
        )
    ]
    again = _refute(resources, tenant_id, refuted) if refuted else 0
    if found:
        bound = max((one.around.loss_bound for one in refuted), default=1.0)
        run_logger().info(
            "Tenant %d: %d in doubt, %d of them refuted (%.2f expected to be doubled at most)",
            tenant_id,
            len(found),
            again,
            again * bound if again else 0.0,
        )
    return again


def _refute(resources: Resources, tenant_id: int, refuted: Sequence[Doubt]) -> int:
    """Let them wait for another call, unless the clock that measured their age is wrong or an event came meanwhile."""
    if not _clock_is_right(resources, refuted[0].looked_at):
        return 0
    with resources.database.begin() as session:
        if not inbox.is_clear(session):
            return 0
        return doubt.refute(session, tenant_id=tenant_id, doubts=refuted)


def _clock_is_right(resources: Resources, ours: datetime) -> bool:
    """Hold the database's clock, as it was read a moment ago, against the date of an answer of SES's."""
    try:
        amazons = resources.ses.quota().answered_at
    except SendingError as error:
        run_logger().warning("doubt must wait: SES does not tell the time: %s", error.message)
        return False
    if evidence.clocks_agree(ours, amazons):
        return True
    ahead = f"{(ours - amazons).total_seconds():+.0f} s from" if amazons else "not to be compared with"
    run_logger().error("doubt must wait: the database's clock is %s Amazon's", ahead)
    return False


def queues_are_clear(resources: Resources) -> bool:
    """Whether the critical queue and its dead-letter queue hold nothing, waiting or in flight; ask after a drain.

    A queue that cannot be asked is not clear: without it silence proves nothing.
    """
    name = resources.settings.critical_queue
    try:
        return all(Queue(queue).backlog() == 0 for queue in (name, dead_letters_of(name)))
    except ConfigurationError as error:
        run_logger().warning("doubt must wait: %s", error.message)
        return False
