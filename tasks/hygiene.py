"""Hygiene: one night's work on one tenant, or on all.

What law and SES demand is done at once. Everybody else whom a rule takes is written down first; if that is too many of a list, the
night waits for a person (`core.removals`), else they are taken some thousands at a time. A killed process goes on where it stopped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from core.address_hints import ROLE_ENDINGS, ROLES, is_disposable
from core.hygiene import Effect, HygienePolicy, Rule, verdict
from core.hygiene_report import Night, in_words
from core.hygiene_runs import RunState
from core.removals import ListShare, too_many
from gateways.disposable_domains import disposable_domains
from models import Tenant
from store import (
    anomalies,
    hygiene,
    hygiene_findings,
    hygiene_hints,
    hygiene_runs,
    hygiene_taking,
    inbox,
    tenants,
)
from store.inbox import Transaction
from store.session import Row
from tasks import mailbox_domains
from tasks.log import run_logger
from tasks.resources import Resources


# A raw event quotes addresses. This is longer than any queue keeps a message, so nothing needs it any more.
RAW_EVENT_DAYS: Final = 30
# Whoever is to mend the cause and take them back has a quarter of a year; the addresses in them need an end, too.
QUARANTINED_EVENT_DAYS: Final = 90
# So long a provider's incident can still be taken back.
HARD_BOUNCE_DAYS: Final = 60

# Whom a night took can be listed for so long; its counts stay.
REMOVAL_DAYS: Final = 90

# People taken in one transaction: short enough not to hold up the events of their opens.
CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class HygieneReport:
    """The nights of all tenants that were asked for."""

    nights: Sequence[Night] = ()

    def as_json(self) -> dict[str, object]:
        """Return the report as the command line answers it."""
        # What waits was not taken yet, and is told apart.
        done = [night for night in self.nights if not night.waits]
        rules = (Rule.COMPLAINT, Rule.HARD_BOUNCE, Rule.SOFT_BOUNCE, Rule.MAILBOX_FULL)
        counted = [night.at_once for night in self.nights] + [night.counts for night in done]
        return {
            "suppressed": {str(rule): sum(counts.get(rule, 0) for counts in counted) for rule in rules},
            "retired": sum(night.by_effect(Effect.RETIRE) for night in done),
            "lapsing": sum(night.by_effect(Effect.LAPSE) for night in done),
            "spared": sum(night.spared for night in done),
            "came_back": sum(night.revived for night in self.nights),
            "waiting": [waiting_as_json(night) for night in self.nights if night.waits],
        }


def waiting_as_json(night: Night) -> dict[str, object]:
    """Return a night that waits for approval as the command line answers it."""
    return {
        "tenant": night.tenant,
        "run": night.run_id,
        "would_leave": {str(rule): people for rule, people in night.counts.items()},
        "too_many": [one.as_json() for one in night.stopped_by],
    }


def run(resources: Resources, *, tenant_id: int | None = None, dry_run: bool = False) -> HygieneReport:
    """Have a night at one tenant or at all, and erase raw events that are old.

    Args:
        resources: The process's database.
        tenant_id: One tenant; all of them without it.
        dry_run: Find out what would happen, and change nothing.

    Raises:
        NotFoundError: There is no such tenant.
        ConfigurationError: A tenant's policy is no threshold.
    """
    report = HygieneReport([night(resources, one, dry_run=dry_run) for one in _chosen(resources, tenant_id)])
    if not dry_run:
        forgotten = resources.database.repeat(
            lambda session: inbox.forget_raw(
                session, after_days=RAW_EVENT_DAYS, quarantined_after_days=QUARANTINED_EVENT_DAYS
            )
        )
        run_logger().info("the raw text of %d old events was erased", forgotten)
        resources.database.repeat(lambda session: anomalies.forget(session, after_days=HARD_BOUNCE_DAYS))
    return report


def _chosen(resources: Resources, tenant_id: int | None) -> Sequence[Tenant]:
    with resources.database.begin() as session:
        if tenant_id is None:
            return tenants.everyone(session)
        return [tenants.by_id(session, tenant_id=tenant_id)]


def night(resources: Resources, tenant: Tenant, *, dry_run: bool = False) -> Night:
    """Have one tenant's night: what waits for nobody, then what may have to wait, then the taking."""
    policy = HygienePolicy.of(tenant.policies)
    if dry_run:
        return _tried(resources, tenant, policy)
    mailbox_domains.resolve_all(resources, tenant_id=id_of(tenant))
    _go_on(resources, id_of(tenant))
    found = resources.database.again(lambda session: _found(session, tenant, policy))
    if found.run_id is not None and found.state is RunState.APPLYING:
        found = applied(resources, id_of(tenant), found)
    resources.database.repeat(
        lambda session: hygiene_runs.forget(session, tenant_id=id_of(tenant), after_days=REMOVAL_DAYS)
    )
    run_logger().info("Hygiene of tenant %s: %s", tenant.slug, in_words(found))
    return found


def id_of(tenant: Tenant) -> int:
    """Return the id of a tenant that came from the database."""
    assert tenant.id is not None, "it came from the database"
    return tenant.id


def _tried(resources: Resources, tenant: Tenant, policy: HygienePolicy) -> Night:
    """Return what a night would come to, whatever waits already."""
    with resources.database.begin() as session:
        found = _found(session, tenant, policy, only_try=True)
        session.rollback()
    return found


def _go_on(resources: Resources, tenant_id: int) -> None:
    """End what was interrupted, and what nobody has decided in time."""
    with resources.database.begin() as session:
        before = hygiene_runs.open_one(session, tenant_id=tenant_id)
        if before is not None and before["is_over"]:
            key = {"tenant_id": tenant_id, "run_id": before["id"]}
            hygiene_runs.move(session, **key, to=RunState.EXPIRED, since=RunState.WAITING)
    if before is not None and before["state"] == RunState.APPLYING:
        _take_all(resources, tenant_id, before["id"], HygienePolicy.of(before["policy"]))


def _found(session: Transaction, tenant: Tenant, policy: HygienePolicy, *, only_try: bool = False) -> Night:
    """Do what waits for nobody, and write down whom the rules take; a night that waits is left as it is."""
    tenant_id = id_of(tenant)
    hygiene_runs.alone(session, tenant_id=tenant_id)
    at_once = hygiene.suppress_missing(session, tenant_id=tenant_id)
    kept = _disposable(hygiene_hints.disposable_retired(session, tenant_id=tenant_id))
    revived = hygiene_taking.revive(session, tenant_id=tenant_id, policy=policy, disposable=kept)
    begun = Night(tenant=tenant.slug, policy=policy, at_once=at_once, revived=revived)
    before = hygiene_runs.open_one(session, tenant_id=tenant_id)
    if before is not None and not only_try:
        return as_it_waits(begun, before)
    run_id = hygiene_runs.begin(
        session,
        tenant_id=tenant_id,
        policy=policy,
        state=RunState.REFUSED if only_try else RunState.APPLYING,
    )
    _find(session, tenant_id, run_id, policy)
    found = _described(session, tenant_id, run_id, begun)
    if not only_try:
        hygiene_runs.describe(
            session,
            tenant_id=tenant_id,
            run_id=run_id,
            counts=found.counts,
            lists=found.lists,
            waits_days=policy.approval_days if found.waits else None,
        )
    return found


def find_for_a_look(session: Transaction, tenant_id: int, policy: HygienePolicy) -> int:
    """Write down whom the rules would take now, for a transaction that is rolled back; return the number of that night."""
    run_id = hygiene_runs.begin(session, tenant_id=tenant_id, policy=policy, state=RunState.REFUSED)
    _find(session, tenant_id, run_id, policy)
    return run_id


def _disposable(domains: Iterable[str]) -> list[str]:
    listed = disposable_domains().domains
    return [domain for domain in domains if is_disposable(domain, listed)]


def _find(session: Transaction, tenant_id: int, run_id: int, policy: HygienePolicy) -> None:
    """Write down whom each rule takes, the strongest rule first."""
    key = {"tenant_id": tenant_id, "run_id": run_id}
    histories = hygiene.soft_bounces(session, tenant_id=tenant_id, policy=policy)
    judged = {person: verdict(history, policy) for person, history in histories.items()}
    broken = {person: rule for person, rule in judged.items() if rule is not None}
    hygiene_findings.bouncing(session, **key, rules=broken)
    if policy.dead_domain_nights:
        hygiene_findings.at_dead_domains(session, **key, nights=policy.dead_domain_nights)
    if policy.retire_disposable:
        domains = _disposable(hygiene_hints.domains(session, tenant_id=tenant_id))
        hygiene_findings.at_domains(session, **key, rule=Rule.DISPOSABLE, domains=domains)
    if policy.retire_roles:
        hygiene_findings.with_roles(session, **key, roles=ROLES, endings=ROLE_ENDINGS)
    if policy.winback_days:
        hygiene_findings.silent_after_winback(session, **key, days=policy.winback_days)
    hygiene_findings.silent(session, **key, policy=policy)


def _described(session: Transaction, tenant_id: int, run_id: int, begun: Night) -> Night:
    """Count whom the rules take; the night has to wait if that is too many."""
    key = {"tenant_id": tenant_id, "run_id": run_id}
    counts = hygiene_findings.counts(session, **key)
    lists = hygiene_runs.shares(session, **key) if counts else []
    stopped_by = too_many(lists, begun.policy)
    return Night(
        tenant=begun.tenant,
        run_id=run_id,
        state=RunState.WAITING if stopped_by else RunState.APPLYING,
        policy=begun.policy,
        at_once=begun.at_once,
        revived=begun.revived,
        counts=counts,
        lists=lists,
        stopped_by=stopped_by,
    )


def as_it_waits(begun: Night, row: Row) -> Night:
    """Return a night that an earlier one has written down, with what was done at once tonight."""
    policy = HygienePolicy.of(row["policy"])
    lists = lists_of(row)
    return Night(
        tenant=begun.tenant,
        run_id=row["id"],
        state=RunState.EXPIRED if row["is_over"] else RunState(row["state"]),
        policy=policy,
        at_once=begun.at_once,
        revived=begun.revived,
        counts=counts_of(row),
        lists=lists,
        stopped_by=too_many(lists, policy),
    )


def counts_of(row: Row) -> dict[Rule, int]:
    """Return the counts that a night has kept, in the order of the rules."""
    return {rule: row["counts"][rule] for rule in Rule if rule in row["counts"]}


def lists_of(row: Row) -> list[ListShare]:
    """Return the shares that a night has kept."""
    return [
        ListShare(name=one["list"] or "", mailable=one["mailable"], leaving=one["leaving"])
        for one in row["lists"]
    ]


def applied(resources: Resources, tenant_id: int, found: Night) -> Night:
    """Take the people of a night that needs no approval, or has it."""
    assert found.run_id is not None, "it was begun"
    spared = _take_all(resources, tenant_id, found.run_id, found.policy)
    return Night(
        tenant=found.tenant,
        run_id=found.run_id,
        state=RunState.APPLIED,
        policy=found.policy,
        at_once=found.at_once,
        revived=found.revived,
        counts=found.counts,
        lists=found.lists,
        spared=spared,
    )


def _take_all(resources: Resources, tenant_id: int, run_id: int, policy: HygienePolicy) -> int:
    """Take everybody of a night who is left, chunk by chunk, and end it; return how many were spared."""
    key = {"tenant_id": tenant_id, "run_id": run_id}
    spared = 0
    while done := resources.database.again(
        lambda session: hygiene_taking.take(session, **key, policy=policy, limit=CHUNK)
    ):
        spared += done["spared"]
        run_logger().info("Hygiene run %d: %d taken, %d spared", run_id, done["taken"], done["spared"])
    resources.database.again(lambda session: hygiene_runs.finish(session, **key))
    return spared
