"""Hygiene: one night's work on one tenant, or on all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from core.hygiene import HygienePolicy, Rule, verdict
from models import Tenant
from store import hygiene, inbox, tenants
from store.inbox import Transaction
from tasks.log import run_logger
from tasks.resources import Resources


# A raw event quotes addresses. This is longer than any queue keeps a message, so nothing needs it any more.
RAW_EVENT_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class HygieneReport:
    """How many people were suppressed by each rule, and how many contacts were retired."""

    suppressed: dict[str, int] = field(default_factory=lambda: {str(rule): 0 for rule in Rule})
    retired: int = 0

    def __add__(self, other: "HygieneReport") -> "HygieneReport":
        suppressed = {rule: people + other.suppressed[rule] for rule, people in self.suppressed.items()}
        return HygieneReport(suppressed=suppressed, retired=self.retired + other.retired)

    def as_json(self) -> dict[str, object]:
        """Return the report as the command line answers it."""
        return {"suppressed": self.suppressed, "retired": self.retired}


def run(resources: Resources, *, tenant_id: int | None = None, dry_run: bool = False) -> HygieneReport:
    """Suppress whom bounces and complaints demand, retire the silent, and erase raw events that are old.

    Args:
        resources: The process's database.
        tenant_id: One tenant; all of them without it.
        dry_run: Count, and change nothing.

    Raises:
        NotFoundError: There is no such tenant.
        ConfigurationError: A tenant's policy is no threshold.
    """
    report = HygieneReport()
    for one in _chosen(resources, tenant_id):
        assert one.id is not None  # it came from the database
        policy = HygienePolicy.of(one.policies)
        with resources.database.begin() as session:
            done = _update_tenant(session, tenant_id=one.id, policy=policy)
            if dry_run:
                session.rollback()
        run_logger().info("hygiene of tenant %s: %s", one.slug, done.as_json())
        report += done
    if not dry_run:
        forgotten = resources.database.repeat(
            lambda session: inbox.forget_raw(session, after_days=RAW_EVENT_DAYS)
        )
        run_logger().info("the raw text of %d old events was erased", forgotten)
    return report


def _chosen(resources: Resources, tenant_id: int | None) -> Sequence[Tenant]:
    with resources.database.begin() as session:
        if tenant_id is None:
            return tenants.everyone(session)
        return [tenants.by_id(session, tenant_id=tenant_id)]


def _update_tenant(session: Transaction, *, tenant_id: int, policy: HygienePolicy) -> HygieneReport:
    missing = hygiene.suppress_missing(session, tenant_id=tenant_id)
    suppressed = {str(rule): missing.get(rule, 0) for rule in Rule}
    histories = hygiene.soft_bounces(session, tenant_id=tenant_id, policy=policy)
    judged = {key: verdict(history, policy) for key, history in histories.items()}
    for rule in (Rule.SOFT_BOUNCE, Rule.MAILBOX_FULL):
        broken = {key: rule for key, found in judged.items() if found is rule}
        suppressed[rule] = hygiene.quarantine(
            session, tenant_id=tenant_id, rules=broken, days=policy.quarantine_days
        )
    retired = hygiene.retire_silent(session, tenant_id=tenant_id, policy=policy)
    return HygieneReport(suppressed=suppressed, retired=retired)
