"""Hygiene decisions: what a person says of a night that waits, and what stands where."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core import hygiene_runs as stages
from core.errors import ConflictError, InputError
from core.hygiene import HygienePolicy
from core.hygiene_report import Night
from core.hygiene_runs import RunState
from store import hygiene_runs, tenants
from store.inbox import Transaction
from store.session import Row
from tasks.hygiene import applied, as_it_waits, counts_of, id_of
from tasks.resources import Resources


def find(resources: Resources, *, tenant_slug: str, run_id: int) -> Night:
    """Return a night as it stands.

    Raises:
        NotFoundError: There is no such tenant or night.
    """
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        row = hygiene_runs.find(session, tenant_id=id_of(tenant), run_id=run_id)
    return as_it_waits(Night(tenant=tenant.slug), row)


def decide(
    resources: Resources, *, tenant_slug: str, run_id: int, approved: bool, actor: str, reason: str
) -> Night:
    """Approve or refuse a night that waits, and take its people if it is approved; what was decided so already is no error.

    Raises:
        NotFoundError: There is no such tenant or night.
        InputError: There is no reason, or nobody's name.
        ConflictError: It was decided otherwise, or nobody has decided in time.
    """
    if not reason.strip() or not actor.strip():
        raise InputError("a decision needs a name and a reason", hint="Both are kept in the audit.")
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        row = hygiene_runs.find(session, tenant_id=id_of(tenant), run_id=run_id)
        _decide(session, id_of(tenant), row, approved=approved, actor=actor, reason=reason)
        row = hygiene_runs.find(session, tenant_id=id_of(tenant), run_id=run_id)
    found = as_it_waits(Night(tenant=tenant.slug), row)
    return applied(resources, id_of(tenant), found) if found.state is RunState.APPLYING else found


def _decide(
    session: Transaction, tenant_id: int, row: Row, *, approved: bool, actor: str, reason: str
) -> None:
    state = RunState(row["state"])
    to = None if row["is_over"] else stages.decided(state, approved=approved)
    if to is None:
        _check_said_before(row, approved=approved)
        return
    hygiene_runs.move(
        session,
        tenant_id=tenant_id,
        run_id=row["id"],
        to=to,
        since=RunState.WAITING,
        actor=actor,
        why=reason,
    )
    tenants.audit(
        session,
        tenant_id=tenant_id,
        actor=actor,
        action="hygiene.approved" if approved else "hygiene.refused",
        subject=f"hygiene run {row['id']}",
        reason=reason,
        detail={"counts": dict(row["counts"])},
    )


def _check_said_before(row: Row, *, approved: bool) -> None:
    """Let pass whoever says what was said already."""
    state = RunState(row["state"])
    if row["decided_at"] and approved == (state in {RunState.APPLYING, RunState.APPLIED}):
        return
    why = {
        RunState.WAITING: "nobody has decided in time, and the next night begins anew",
        RunState.EXPIRED: "nobody had decided in time, and a later night began anew",
        RunState.REFUSED: f"it was refused by {row['decided_by']}",
    }.get(state, f"it was approved by {row['decided_by']}" if row["decided_by"] else "it needed no approval")
    raise ConflictError(
        f"hygiene run {row['id']} waits for no decision: {why}",
        hint="posthouse hygiene status TENANT shows what waits now.",
    )


def waiting(resources: Resources) -> list[tuple[str, int]]:
    """Return slug and number of the nights of all tenants that wait for approval, the longest waiting first."""
    with resources.database.begin() as session:
        return hygiene_runs.waiting(session)


def status(resources: Resources, *, tenant_slug: str) -> dict[str, Any]:
    """Return a tenant's policy, its last nights, and how many contacts lapse and are retired.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        nights = hygiene_runs.newest(session, tenant_id=id_of(tenant))
        standing = hygiene_runs.standing(session, tenant_id=id_of(tenant))
    return {"tenant": tenant.slug, **standing, "nights": [_as_json(row) for row in nights]}


def _as_json(row: Row) -> dict[str, Any]:
    names = ("created_at", "waits_until", "decided_by", "decided_why", "decided_at", "finished_at")
    return {
        "run": row["id"],
        "state": "expired" if row["is_over"] else row["state"],
        "counts": {str(rule): people for rule, people in counts_of(row).items()},
        **{name: row[name] for name in names},
    }


def set_policy(
    resources: Resources, *, tenant_slug: str, changes: Mapping[str, int], actor: str, reason: str
) -> dict[str, int]:
    """Change thresholds of a tenant's hygiene, and return them all as they are now.

    Raises:
        NotFoundError: There is no such tenant.
        InputError: There is no such threshold, or no reason.
        ConfigurationError: A value is negative.
    """
    known = asdict(HygienePolicy())
    if unknown := sorted(set(changes) - set(known)):
        raise InputError(f"there is no hygiene policy {unknown[0]}", hint=f"One of {', '.join(known)}.")
    if changes and not reason.strip():
        raise InputError("a change of policy needs a reason", hint="--reason is kept in the audit.")
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        policy = HygienePolicy.of({**tenant.policies, **changes})
        if changes:
            tenants.set_policies(session, tenant_id=id_of(tenant), policies={**tenant.policies, **changes})
            tenants.audit(
                session,
                tenant_id=id_of(tenant),
                actor=actor,
                action="hygiene.policy_changed",
                subject=f"tenant {id_of(tenant)}",
                reason=reason,
                detail=dict(changes),
            )
    return asdict(policy)
