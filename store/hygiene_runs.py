"""Hygiene runs: the row of a night, what it would do to each list, and what a person has decided."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from core.errors import NotFoundError
from core.hygiene import HygienePolicy, Rule
from core.hygiene_runs import RunState
from core.removals import WHOLE_TENANT, ListShare
from store.session import Row, count, one, rows, run


def alone(session: Session, *, tenant_id: int) -> None:
    """Keep other nights of the tenant waiting until the transaction ends."""
    run(
        session,
        "SELECT pg_advisory_xact_lock(hashtextextended('hygiene ' || :tenant_id, 0))",
        tenant_id=str(tenant_id),
    )


def begin(
    session: Session, *, tenant_id: int, policy: HygienePolicy, state: RunState = RunState.APPLYING
) -> int:
    """Make the row of a night and return its id. One that is only tried, and rolled back, may stand beside an open one."""
    row = one(
        session,
        """INSERT INTO hygiene_run (tenant_id, state, policy)
           VALUES (:tenant_id, :state, CAST(:policy AS jsonb)) RETURNING id""",
        tenant_id=tenant_id,
        state=state,
        policy=json.dumps(asdict(policy)),
    )
    assert row is not None
    return int(row["id"])


def describe(
    session: Session,
    *,
    tenant_id: int,
    run_id: int,
    counts: Mapping[Rule, int],
    lists: Sequence[ListShare],
    waits_days: int | None,
) -> None:
    """Keep what a night would do, and let it wait for approval for so many days; None when it need not."""
    run(
        session,
        """UPDATE hygiene_run SET counts = CAST(:counts AS jsonb), lists = CAST(:lists AS jsonb),
               state = CASE WHEN CAST(:days AS integer) IS NULL THEN 'applying' ELSE 'waiting' END,
               waits_until = now() + make_interval(days => :days)
           WHERE tenant_id = :tenant_id AND id = :run_id""",
        tenant_id=tenant_id,
        run_id=run_id,
        counts=json.dumps({str(rule): people for rule, people in counts.items()}),
        lists=json.dumps([one.as_json() for one in lists]),
        days=waits_days,
    )


def shares(session: Session, *, tenant_id: int, run_id: int) -> list[ListShare]:
    """Return of each list, and of all contacts together, how many people are on it whom we mail, and how many would leave.

    Lapsing people are counted as the list's, too: retiring them is for good.
    """
    found = rows(
        session,
        """WITH person AS MATERIALIZED (
               SELECT c.id, c.recipient_key, r.recipient_key IS NOT NULL AS leaves
               FROM contact c
               LEFT JOIN hygiene_removal r
                      ON r.tenant_id = c.tenant_id AND r.run_id = :run_id AND r.recipient_key = c.recipient_key
               WHERE c.tenant_id = :tenant_id AND c.state <> 'retired'
                 AND NOT EXISTS (
                     SELECT FROM suppression s
                     WHERE s.tenant_id = c.tenant_id AND s.recipient_key = c.recipient_key AND s.audience_id IS NULL
                       AND (s.expires_at IS NULL OR s.expires_at > now()))
                 AND NOT EXISTS (
                     SELECT FROM global_suppression s
                     WHERE s.recipient_key = c.recipient_key AND (s.expires_at IS NULL OR s.expires_at > now()))
           )
           SELECT a.name, count(*) AS mailable, count(*) FILTER (WHERE p.leaves) AS leaving
           FROM audience a
           JOIN audience_member m ON m.tenant_id = a.tenant_id AND m.audience_id = a.id
           JOIN person p ON p.id = m.contact_id
           WHERE a.tenant_id = :tenant_id AND a.purpose = 'list'
           GROUP BY a.id, a.name
           UNION ALL
           SELECT :whole, count(DISTINCT recipient_key), count(DISTINCT recipient_key) FILTER (WHERE leaves) FROM person""",
        tenant_id=tenant_id,
        run_id=run_id,
        whole=WHOLE_TENANT,
    )
    return [ListShare(name=row["name"], mailable=row["mailable"], leaving=row["leaving"]) for row in found]


_COLUMNS = """id, state, policy, counts, lists, created_at, waits_until, decided_by, decided_why, decided_at, finished_at,
              waits_until < now() AND state = 'waiting' AS is_over"""


def open_one(session: Session, *, tenant_id: int) -> Row | None:
    """Return the tenant's night that has not ended, locked; `is_over` when nobody has decided in time."""
    return one(
        session,
        f"""SELECT {_COLUMNS} FROM hygiene_run
           WHERE tenant_id = :tenant_id AND state IN ('waiting', 'applying') FOR UPDATE""",  # noqa: S608  # a constant
        tenant_id=tenant_id,
    )


def find(session: Session, *, tenant_id: int, run_id: int) -> Row:
    """Return a night, locked.

    Raises:
        NotFoundError: The tenant has none of this number.
    """
    row = one(
        session,
        f"SELECT {_COLUMNS} FROM hygiene_run WHERE tenant_id = :tenant_id AND id = :run_id FOR UPDATE",  # noqa: S608
        tenant_id=tenant_id,
        run_id=run_id,
    )
    if row is None:
        raise NotFoundError(f"there is no hygiene run {run_id}", hint="posthouse hygiene status TENANT")
    return row


def newest(session: Session, *, tenant_id: int, limit: int = 10) -> Sequence[Row]:
    """Return the tenant's nights, newest first."""
    return rows(
        session,
        f"SELECT {_COLUMNS} FROM hygiene_run WHERE tenant_id = :tenant_id ORDER BY id DESC LIMIT :limit",  # noqa: S608
        tenant_id=tenant_id,
        limit=limit,
    )


def waiting(session: Session) -> list[tuple[str, int]]:
    """Return slug and number of the nights of all tenants that wait for approval, the longest waiting first."""
    found = rows(
        session,
        """SELECT t.slug, k.id FROM hygiene_run k JOIN tenant t ON t.id = k.tenant_id
           WHERE k.state = 'waiting' AND k.waits_until > now() ORDER BY k.waits_until, k.id""",
    )
    return [(row["slug"], int(row["id"])) for row in found]


def move(
    session: Session,
    *,
    tenant_id: int,
    run_id: int,
    to: RunState,
    since: RunState,
    actor: str | None = None,
    why: str | None = None,
) -> bool:
    """Move a night, if it still stands where it was seen; with an actor it is a decision."""
    moved = count(
        session,
        """UPDATE hygiene_run SET state = :to,
               decided_by = coalesce(:actor, decided_by), decided_why = coalesce(:why, decided_why),
               decided_at = CASE WHEN CAST(:actor AS text) IS NULL THEN decided_at ELSE now() END,
               finished_at = CASE WHEN :to IN ('waiting', 'applying') THEN NULL ELSE now() END
           WHERE tenant_id = :tenant_id AND id = :run_id AND state = :since""",
        tenant_id=tenant_id,
        run_id=run_id,
        to=to,
        since=since,
        actor=actor,
        why=why,
    )
    return bool(moved)


def finish(session: Session, *, tenant_id: int, run_id: int) -> bool:
    """End a night that is applied, unless somebody of it is left, or is being taken by another process just now."""
    moved = count(
        session,
        """UPDATE hygiene_run k SET state = 'applied', finished_at = now()
           WHERE k.tenant_id = :tenant_id AND k.id = :run_id AND k.state = 'applying' AND NOT EXISTS (
               SELECT FROM hygiene_removal r WHERE r.tenant_id = k.tenant_id AND r.run_id = k.id AND r.outcome IS NULL)""",
        tenant_id=tenant_id,
        run_id=run_id,
    )
    return bool(moved)


def forget(session: Session, *, tenant_id: int, after_days: int) -> int:
    """Delete the removals of nights that ended so long ago; their counts stay."""
    return count(
        session,
        """DELETE FROM hygiene_removal r USING hygiene_run k
           WHERE k.tenant_id = :tenant_id AND r.tenant_id = k.tenant_id AND r.run_id = k.id
             AND k.finished_at < now() - make_interval(days => :days)""",
        tenant_id=tenant_id,
        days=after_days,
    )


def standing(session: Session, *, tenant_id: int) -> dict[str, Any]:
    """Return how many contacts lapse and are retired, and the name of the win-back list, None before there is one."""
    row = one(
        session,
        """SELECT (SELECT count(*) FROM contact WHERE tenant_id = :tenant_id AND state = 'lapsing') AS lapsing,
                  (SELECT count(*) FROM contact WHERE tenant_id = :tenant_id AND state = 'retired') AS retired,
                  (SELECT name FROM audience WHERE tenant_id = :tenant_id AND purpose = 'winback') AS winback""",
        tenant_id=tenant_id,
    )
    assert row is not None
    return dict(row)
