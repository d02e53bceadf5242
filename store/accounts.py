"""SES accounts: the quota and the shared rate limiter, one row for all workers of a region.

The account belongs to all tenants, so these functions take a region where others take a tenant.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from core import fairness, pacing
from core.audit_chain import without_addresses
from core.errors import ConfigurationError
from core.fairness import Asker, Line
from core.pacing import Account, Grant
from core.quarantine import Identity, changed, refusal
from store import turns
from store.session import Row, one, run


_COLUMNS = """max_send_rate, send_rate, max_24_hour_send, sent_last_24_hours,
              due_at, slowed_at, blocked_until, blocked_reason, rate_limit, told_twice_until"""

_NAMES = [name.strip() for name in _COLUMNS.split(",")]


# Calls that began earlier than this have been answered or given up, and SES counts those that it took.
_CALLS_END_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was counted, and how many calls were under way, just before GetAccount was asked."""

    refreshed_at: datetime
    counted: float
    under_way: int


def before_asking(session: Session, *, region: str) -> Asked | None:
    """Return what GetAccount's answer may not know of; None for an account that was never read.

    The row is locked, so that each grant is either in this count or adds to the row after it.
    """
    locked = one(
        session,
        "SELECT refreshed_at, sent_last_24_hours FROM ses_account WHERE region = :region FOR UPDATE",
        region=region,
    )
    if locked is None:
        return None
    calls = one(
        session,
        """SELECT (SELECT count(*) FROM delivery_attempt
                   WHERE started_at > clock_timestamp() - :recent AND outcome IS NULL)
                + (SELECT count(*) FROM seed_send
                   WHERE started_at > clock_timestamp() - :recent AND resolved_at IS NULL) AS under_way""",
        recent=_CALLS_END_AFTER,
    )
    assert calls is not None
    return Asked(
        refreshed_at=locked["refreshed_at"],
        counted=locked["sent_last_24_hours"],
        under_way=calls["under_way"],
    )


def refresh(
    session: Session,
    *,
    region: str,
    max_send_rate: float,
    max_24_hour_send: float,
    sent_last_24_hours: float,
    asked: Asked | None = None,
) -> None:
    """Store what GetAccount said. The rate that throttling left behind is kept, and so is an operator's limit.

    Its count lacks the calls that were under way when it was asked and the grants made since; these are added. When
    somebody else's answer was stored meanwhile, that one's count stays: grants since then stand in it.
    """
    if asked:
        now = one(
            session,
            "SELECT refreshed_at, sent_last_24_hours FROM ses_account WHERE region = :region FOR UPDATE",
            region=region,
        )
        assert now is not None, "an account's row is never removed"
        granted = now["sent_last_24_hours"] - asked.counted
        sent_last_24_hours = (
            pacing.recounted(sent_last_24_hours, under_way=asked.under_way, granted=granted)
            if now["refreshed_at"] == asked.refreshed_at
            else now["sent_last_24_hours"]
        )
    run(
        session,
        """INSERT INTO ses_account (region, max_send_rate, send_rate, max_24_hour_send, sent_last_24_hours)
           VALUES (:region, :max_send_rate, :max_send_rate, :max_24_hour_send, :sent_last_24_hours)
           ON CONFLICT (region) DO UPDATE SET
               max_send_rate = excluded.max_send_rate, max_24_hour_send = excluded.max_24_hour_send,
               sent_last_24_hours = excluded.sent_last_24_hours, refreshed_at = clock_timestamp()""",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """An account whose row is locked until the transaction ends, who waits for it, and who asks now."""

    region: str
    account: Account
    line: Line
    asker: Asker
    now: datetime
    has_limits: bool  # whether an operator has limited the asker's tenant
    is_stopped: (
        bool  # whether the breaker of all tenants together lets nothing leave (`store.account_breaker`)
    )


def lock(session: Session, *, region: str, asker: Asker) -> Locked:
    """Lock the account for a grant, in the caller's transaction; other workers wait for its end.

    Args:
        session: The caller's transaction.
        region: Of the account.
        asker: Who asks. Its weight is read from its tenant.

    Raises:
        LedgerBehindError: The account is in quarantine, or this is another database than it remembers.
        ConfigurationError: GetAccount was never asked for this region.
    """
    row = one(
        session,
        f"""SELECT {_COLUMNS}, clock_timestamp() AS now, quarantine_id, ledger_system, ledger_timeline, system, timeline,
                virtual_time, express_due_at, tripped_at IS NOT NULL AS is_stopped, (SELECT weight FROM tenant WHERE id = :tenant_id) AS weight,
                EXISTS (SELECT FROM rate_limit WHERE tenant_id = :tenant_id) AS has_limits
            FROM ses_account CROSS JOIN ledger_identity() WHERE region = :region FOR UPDATE OF ses_account""",  # noqa: S608  # our own words
        region=region,
        tenant_id=asker.tenant_id,
    )
    if row is not None:
        _refuse_in_quarantine(row, region)
    account, _ = _account(row, region)
    assert row is not None
    # A second statement: the first one's snapshot is older than the lock, and so is its clock.
    line, now = turns.line(
        session,
        region=region,
        tenant_id=asker.tenant_id,
        virtual_time=row["virtual_time"],
        express_due_at=row["express_due_at"],
    )
    return Locked(
        region=region,
        account=account,
        line=line,
        asker=replace(asker, weight=row["weight"]),
        now=now,
        has_limits=row["has_limits"],
        is_stopped=row["is_stopped"],
    )


def grant(session: Session, locked: Locked, *, wanted: int) -> Grant:
    """Take tokens for up to `wanted` messages of a locked account, if it is the asker's turn and no breaker holds it."""
    if locked.is_stopped:
        return Grant(count=0, wait=pacing.STOPPED_PATIENCE, held_by=pacing.STOPPED)
    granted, account = pacing.reserve(locked.account, wanted, locked.now)
    per_second = pacing.rate(account, locked.now)
    granted, line = fairness.decide(locked.line, locked.asker, granted, per_second, locked.now)
    if granted.count:
        _store(session, locked.region, account, line)
    _keep_turn(session, locked, line)
    return granted


def leave(session: Session, locked: Locked) -> None:
    """Let others go on: the asker has something else to wait for."""
    _keep_turn(session, locked, fairness.left(locked.line, locked.asker))


def _keep_turn(session: Session, locked: Locked, line: Line) -> None:
    tenant_id = locked.asker.tenant_id
    turns.keep(session, region=locked.region, tenant_id=tenant_id, turn=line.turn(tenant_id), now=locked.now)


def reserve(session: Session, *, region: str, asker: Asker, wanted: int) -> Grant:
    """Lock the account and take tokens for up to `wanted` messages; for an asker whom no operator has limited.

    Raises:
        LedgerBehindError: The account is in quarantine, or this is another database than it remembers.
        ConfigurationError: GetAccount was never asked for this region.
    """
    return grant(session, lock(session, region=region, asker=asker), wanted=wanted)


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
           SELECT id, :actor, :action, :subject, :reason, CAST(:detail AS jsonb) FROM tenant ORDER BY id""",
        actor=actor,
        action="account.unlimited" if rate is None else "account.limited",
        subject=f"SES account in {region}",
        reason=without_addresses(reason),
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


def _store(session: Session, region: str, account: Account, line: Line | None = None) -> None:
    run(
        session,
        """UPDATE ses_account SET send_rate = :send_rate, sent_last_24_hours = :sent_last_24_hours,
               due_at = :due_at, slowed_at = :slowed_at, blocked_until = :blocked_until,
               blocked_reason = :blocked_reason, told_twice_until = :told_twice_until,
               virtual_time = coalesce(:virtual_time, virtual_time),
               express_due_at = coalesce(:express_due_at, express_due_at)
           WHERE region = :region""",
        region=region,
        send_rate=account.send_rate,
        sent_last_24_hours=account.sent_last_24_hours,
        due_at=account.due_at,
        slowed_at=account.slowed_at,
        blocked_until=account.blocked_until,
        blocked_reason=account.blocked_reason,
        told_twice_until=account.told_twice_until,
        virtual_time=line.virtual_time if line else None,
        express_due_at=line.express_due_at if line else None,
    )
