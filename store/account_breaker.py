"""The breaker of an SES account: what all tenants' messages came to together, and whether it lets anything leave.

An account is all tenants', and so are these functions. Left out is whom a breaker of its own has stopped: it sends nothing, and
what it did cannot be undone by stopping the others, whose clean mail is what brings Amazon's share down again.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core import breaker_counts
from core.audit_chain import without_addresses
from core.breaker_counts import WINDOW_DAYS, Days
from core.breakers import Counts
from store.session import count, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What counts now of the messages of seven days, and since when nothing leaves; None while all is well."""

    counts: Counts
    tripped_at: datetime | None
    why: str


def standing(session: Session, *, region: str) -> Standing | None:
    """Return how an account stands; None when GetAccount was never asked for it.

    The ledger does not know through which account a message went: of several, each is held for all of them.
    """
    row = one(
        session,
        "SELECT tripped_at, tripped_why, breaker_base FROM ses_account WHERE region = :region",
        region=region,
    )
    if row is None:
        return None
    counts = breaker_counts.since(_days(session), row["breaker_base"])
    return Standing(counts=counts, tripped_at=row["tripped_at"], why=row["tripped_why"])


def trip(session: Session, *, region: str, why: str, detail: dict[str, object]) -> bool:
    """Let nothing leave until a person says so; return whether that is news. The state of no tenant changes."""
    news = count(
        session,
        """UPDATE ses_account SET tripped_at = clock_timestamp(), tripped_why = :why
           WHERE region = :region AND tripped_at IS NULL""",
        region=region,
        why=why,
    )
    if news:
        _audit(session, region, "posthouse", "account.tripped", why, detail)
    return bool(news)


def let_go_on(session: Session, *, region: str, reason: str, actor: str) -> bool:
    """Count anew from now on and wake the campaigns that wait; return whether the breaker had tripped."""
    was = count(
        session,
        """UPDATE ses_account SET tripped_at = NULL, tripped_why = '', breaker_base = CAST(:base AS jsonb)
           WHERE region = :region AND tripped_at IS NOT NULL""",
        region=region,
        base=json.dumps(breaker_counts.base_of(_days(session))),
    )
    if was:
        run(session, "UPDATE campaign SET resume_at = NULL WHERE state = 'sending'")
        _audit(session, region, actor, "account.resumed", reason, {})
    return bool(was)


def reason_to_wait(session: Session) -> str:
    """Return why campaigns wait, for their status; empty while no account is stopped."""
    row = one(
        session, "SELECT tripped_why FROM ses_account WHERE tripped_at IS NOT NULL ORDER BY region LIMIT 1"
    )
    return f"The SES account, all tenants together: {row['tripped_why']}" if row else ""


def _days(session: Session) -> Days:
    found = rows(
        session,
        """WITH counted AS (
               SELECT tenant_id, on_day, sum(resolved) AS resolved, sum(bounced) AS bounced, sum(complained) AS complained
               FROM breaker_count
               WHERE on_day > (clock_timestamp() AT TIME ZONE 'UTC')::date - CAST(:days AS int)
               GROUP BY tenant_id, on_day
           ), known AS (
               SELECT c.*, b.base -> c.on_day::text AS base
               FROM counted c LEFT JOIN breaker b ON b.tenant_id = c.tenant_id AND b.scope = 'tenant' AND b.subject = ''
               WHERE b.tripped_at IS NULL
           )
           SELECT on_day,
                  sum(greatest(resolved - coalesce((base ->> 0)::bigint, 0), 0))::bigint AS resolved,
                  sum(greatest(bounced - coalesce((base ->> 1)::bigint, 0), 0))::bigint AS bounced,
                  sum(greatest(complained - coalesce((base ->> 2)::bigint, 0), 0))::bigint AS complained
           FROM known GROUP BY on_day""",
        days=WINDOW_DAYS,
    )
    return {
        row["on_day"]: Counts(resolved=row["resolved"], bounced=row["bounced"], complained=row["complained"])
        for row in found
    }


def _audit(
    session: Session, region: str, actor: str, action: str, reason: str, detail: dict[str, object]
) -> None:
    """Tell every tenant's audit, as all of them are held; none learns of another's numbers."""
    run(
        session,
        """INSERT INTO audit_entry (tenant_id, actor, action, subject, reason, detail)
           SELECT id, :actor, :action, :subject, :reason, CAST(:detail AS jsonb) FROM tenant ORDER BY id""",
        actor=actor,
        action=action,
        subject=f"SES account in {region}",
        reason=without_addresses(reason),
        detail=json.dumps(detail),
    )
