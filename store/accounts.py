"""SES accounts: the quota and the shared rate limiter, one row for all workers of a region.

The account belongs to all tenants, so these functions take a region where others take a tenant.
"""

import json
from datetime import datetime, timedelta

from sqlmodel import Session

from core import pacing
from core.errors import ConfigurationError
from core.pacing import Account, Grant
from core.quarantine import Identity, changed, refusal
from store.session import Row, one, run


_COLUMNS = """max_send_rate, send_rate, max_24_hour_send, sent_last_24_hours,
              due_at, slowed_at, blocked_until, blocked_reason, rate_limit, told_twice_until"""

_NAMES = [name.strip() for name in _COLUMNS.split(",")]


def refresh(
    session: Session,
    *,
    region: str,
    max_send_rate: float,
    max_24_hour_send: float,
    sent_last_24_hours: float,
) -> None:
    """Store what GetAccount said. The rate that throttling left behind is kept, and so is an operator's limit."""
    run(
        session,
        """INSERT INTO ses_account (region, max_send_rate, send_rate, max_24_hour_send, sent_last_24_hours)
           VALUES (:region, :max_send_rate, :max_send_rate, :max_24_hour_send, :sent_last_24_hours)
           ON CONFLICT (region) DO UPDATE SET
               max_send_rate = excluded.max_send_rate, max_24_hour_send = excluded.max_24_hour_send,
               sent_last_24_hours = excluded.sent_last_24_hours, refreshed_at = now()""",
        region=region,
        max_send_rate=max_send_rate,
        max_24_hour_send=max_24_hour_send,
        sent_last_24_hours=sent_last_24_hours,
    )


def find(session: Session, *, region: str) -> tuple[Account, datetime]:
    """Return the account and the database's clock.

    Raises:
        ConfigurationError: GetAccount was never asked for this region.
    """
    return _account(_row(session, region, lock=""), region)


def reserve(session: Session, *, region: str, wanted: int) -> Grant:
    """Take tokens for up to `wanted` messages, in the caller's transaction; other workers wait for its end.

    Raises:
        LedgerBehindError: The account is in quarantine, or this is another database than it remembers.
        ConfigurationError: GetAccount was never asked for this region.
    """
    row = one(
        session,
        f"""SELECT {_COLUMNS}, clock_timestamp() AS now, quarantine_id, ledger_system, ledger_timeline, system, timeline
            FROM ses_account CROSS JOIN ledger_identity() WHERE region = :region FOR UPDATE OF ses_account""",  # noqa: S608  # our own words
        region=region,
    )
    if row is not None:
        _refuse_in_quarantine(row, region)
    account, now = _account(row, region)
    grant, after = pacing.reserve(account, wanted, now)
    if grant.count:
        _store(session, region, after)
    return grant


def set_limit(session: Session, *, region: str, rate: float | None, reason: str, actor: str) -> None:
    """Set an operator's own limit, or end it with None; the audit of every tenant tells, as all of them are held by it.

    Raises:
        ConfigurationError: GetAccount was never asked for this region.
    """
    account, _ = _account(_row(session, region, lock="FOR UPDATE"), region)
    run(session, "UPDATE ses_account SET rate_limit = :rate WHERE region = :region", region=region, rate=rate)
    run(
        session,
        """INSERT INTO audit_entry (tenant_id, actor, action, subject, reason, detail)
           SELECT id, :actor, :action, :subject, :reason, CAST(:detail AS jsonb) FROM tenant""",
        actor=actor,
        action="account.unlimited" if rate is None else "account.limited",
        subject=f"SES account in {region}",
        reason=reason,
        detail=json.dumps({"limit": rate, "was": account.rate_limit}),
    )


def note_canary(session: Session, *, region: str) -> None:
    """Remember that one mail was just sent by both of SES's calls, for somebody to compare."""
    run(session, "UPDATE ses_account SET canary_at = clock_timestamp() WHERE region = :region", region=region)


def canary_at(session: Session, *, region: str) -> datetime | None:
    """Return when that was last done in a region; None if never."""
    row = one(session, "SELECT canary_at FROM ses_account WHERE region = :region", region=region)
    return row["canary_at"] if row else None


def slow_down(session: Session, *, region: str) -> None:
    """Lower the rate after a "rate exceeded" answer."""
    account, now = _account(_row(session, region, lock="FOR UPDATE"), region)
    _store(session, region, pacing.slowed(account, now))


def block(session: Session, *, region: str, seconds: float, reason: str) -> None:
    """Let nobody send for a while, because no connection is made or the quota is used up."""
    account, now = _account(_row(session, region, lock="FOR UPDATE"), region)
    _store(session, region, pacing.blocked(account, now, pause=timedelta(seconds=seconds), reason=reason))


def unblock(session: Session, *, region: str, reason: str) -> None:
    """End a block of this reason: a probe was accepted."""
    run(
        session,
        """UPDATE ses_account SET blocked_reason = NULL, blocked_until = NULL
           WHERE region = :region AND blocked_reason = :reason""",
        region=region,
        reason=reason,
    )


def _row(session: Session, region: str, *, lock: str) -> Row | None:
    return one(
        session,
        f"SELECT {_COLUMNS}, clock_timestamp() AS now FROM ses_account WHERE region = :region {lock}",  # noqa: S608  # our own words
        region=region,
    )


def _refuse_in_quarantine(row: Row, region: str) -> None:
    """Refuse a grant by what the row that is locked for it says, so that it costs no other statement."""
    remembered = Identity(system=row["ledger_system"] or "", timeline=row["ledger_timeline"] or 0)
    current = Identity(system=row["system"], timeline=row["timeline"])
    if row["quarantine_id"] or changed(remembered, current, silence=timedelta(0)):
        raise refusal(region)


def _account(row: Row | None, region: str) -> tuple[Account, datetime]:
    if row is None:
        raise ConfigurationError(
            f"the SES quota of region {region} was never read",
            hint="posthouse doctor tells whether SES answers.",
        )
    return Account(**{name: row[name] for name in _NAMES}), row["now"]


def _store(session: Session, region: str, account: Account) -> None:
    run(
        session,
        """UPDATE ses_account SET send_rate = :send_rate, sent_last_24_hours = :sent_last_24_hours,
               due_at = :due_at, slowed_at = :slowed_at, blocked_until = :blocked_until,
               blocked_reason = :blocked_reason, told_twice_until = :told_twice_until
           WHERE region = :region""",
        region=region,
        send_rate=account.send_rate,
        sent_last_24_hours=account.sent_last_24_hours,
        due_at=account.due_at,
        slowed_at=account.slowed_at,
        blocked_until=account.blocked_until,
        blocked_reason=account.blocked_reason,
        told_twice_until=account.told_twice_until,
    )
