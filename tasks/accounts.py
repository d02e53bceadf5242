"""SES accounts: read the quota, so that the shared rate limiter knows its ceiling and the ledger whom it may believe.

An operator may set a limit below it, and take it away, while campaigns run.
"""

import math
from typing import Any

from core import pacing
from core.errors import ConflictError, InputError
from gateways.ses import Quota
from store import account_breaker, accounts
from store import quarantine as standing
from tasks import quarantine
from tasks.resources import Resources


def read(resources: Resources) -> Quota:
    """Ask GetAccount and store what it says; its count may put the ledger in quarantine.

    Raises:
        SendingError: SES did not answer.
    """
    region = resources.ses.region
    with resources.database.begin() as session:
        asked = accounts.before_asking(session, region=region)
    quota = resources.ses.quota()
    with resources.database.begin() as session:
        quarantine.note_identity(session)
        quarantine.compare(
            session,
            region=region,
            ses_count=quota.sent_last_24_hours,
            is_shared=resources.settings.ses_account_shared,
        )
        accounts.refresh(
            session,
            region=region,
            max_send_rate=quota.max_send_rate,
            max_24_hour_send=quota.max_24_hour_send,
            sent_last_24_hours=quota.sent_last_24_hours,
            asked=asked,
        )
        standing.remember(session, region=region)
    return quota


def refresh(resources: Resources) -> Quota:
    """Ask GetAccount and store what it says, as the first step of sending.

    Raises:
        SendingError: SES did not answer.
        LedgerBehindError: The ledger may lack calls that were made.
    """
    quota = read(resources)
    quarantine.watch(resources)
    return quota


def show(resources: Resources) -> dict[str, Any]:
    """Return what the ledger knows of the account, and how fast it may send now; rates are messages a second.

    Raises:
        ConfigurationError: GetAccount was never asked.
    """
    region = resources.ses.region
    with resources.database.begin() as session:
        account, now = accounts.find(session, region=region)
        breaker = account_breaker.standing(session, region=region)
    assert breaker is not None, "the account was found"
    account = pacing.believed(account, now)
    is_blocked = account.blocked_until is not None and account.blocked_until > now
    return {
        "region": region,
        "max_send_rate": account.max_send_rate,
        "limit": account.rate_limit,
        "rate": round(pacing.rate(account, now), 3),
        "sent_last_24_hours": account.sent_last_24_hours,
        "max_24_hour_send": account.max_24_hour_send,
        "blocked_until": account.blocked_until if is_blocked else None,
        "blocked_reason": account.blocked_reason if is_blocked else None,
        "stopped_at": breaker.tripped_at,
        "stopped_why": breaker.why or None,
    }


def limit(resources: Resources, *, rate: float | None, reason: str, actor: str) -> dict[str, Any]:
    """Set or end an operator's own limit, and return the account as `show` does.

    Every grant reads it, so that all workers obey it from their next window on. GetAccount does not change it.

    Args:
        resources: Of this process.
        rate: Messages a second; None ends the limit. One above the account's own changes nothing until that rises.
        reason: Why.
        actor: Who.

    Raises:
        InputError: The rate is less than one a second or no finite number, or there is no reason.
        ConfigurationError: GetAccount was never asked.
    """
    if rate is not None and not pacing.SLOWEST <= rate < math.inf:
        raise InputError(
            f"a limit is {pacing.SLOWEST:g} message a second or more, not {rate:g}",
            hint="To send nothing, pause: posthouse campaign pause, posthouse tenant pause.",
        )
    if not reason.strip():
        raise InputError("a limit needs a reason", hint="Say why, for whoever looks at a slow campaign.")
    with resources.database.begin() as session:
        accounts.set_limit(session, region=resources.ses.region, rate=rate, reason=reason, actor=actor)
    return show(resources)


def resume(resources: Resources, *, reason: str, actor: str) -> dict[str, Any]:
    """Let an account go on that the breaker of all tenants together has stopped, and return it as `show` does.

    Counts begin anew, and dispatch carries the campaigns on within minutes.

    Raises:
        InputError: There is no reason.
        ConflictError: The breaker has not stopped it.
    """
    if not reason.strip():
        raise InputError("say why it shall go on", hint="--reason is kept in the audit of every tenant.")
    with resources.database.begin() as session:
        if not account_breaker.let_go_on(session, region=resources.ses.region, reason=reason, actor=actor):
            raise ConflictError(
                "no breaker has stopped the SES account", hint="posthouse account show tells what holds it."
            )
    return show(resources)
