"""Quarantine: which database the ledger is in and remembers to be in, and the record of when it was not believed.

The ledger is all tenants', and so are SES accounts: these functions take a region, or none. The open quarantine stands on
the account's row, which every intent locks: once it is committed, no intent is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from core.errors import LedgerBehindError
from core.quarantine import COUNTED, IN_WORDS, Identity, Reason
from store.session import count, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an account's row remembers, and what is so now."""

    region: str
    remembered: Identity
    current: Identity
    silence: timedelta
    others: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """An open quarantine. `age` is by the database's clock."""

    id: int
    region: str
    reason: Reason
    began_at: datetime
    age: timedelta
    evidence: Mapping[str, object]


def standings(session: Session) -> list[Standing]:
    """Lock the accounts' rows and return how each stands."""
    found = rows(
        session,
        """SELECT region, coalesce(ledger_system, '') AS was_system, coalesce(ledger_timeline, 0) AS was_timeline,
                  system, timeline, others_24_hours,
                  clock_timestamp() - greatest(refreshed_at, due_at) AS silence
           FROM ses_account CROSS JOIN ledger_identity() ORDER BY region FOR UPDATE OF ses_account""",
    )
    return [
        Standing(
            region=row["region"],
            remembered=Identity(system=row["was_system"], timeline=row["was_timeline"]),
            current=Identity(system=row["system"], timeline=row["timeline"]),
            silence=row["silence"],
            others=row["others_24_hours"],
        )
        for row in found
    ]


def remember(session: Session, *, region: str) -> None:
    """Remember which database this is, unless an account remembers one already."""
    run(
        session,
        """UPDATE ses_account SET ledger_system = coalesce(ledger_system, system),
               ledger_timeline = coalesce(ledger_timeline, timeline)
           FROM ledger_identity() WHERE region = :region AND (ledger_system IS NULL OR ledger_timeline IS NULL)""",
        region=region,
    )


def note_others(session: Session, *, region: str, others: float) -> None:
    """Keep what other applications were seen to send through an account in 24 hours."""
    run(
        session,
        "UPDATE ses_account SET others_24_hours = :others WHERE region = :region",
        region=region,
        others=others,
    )


def our_count(session: Session) -> int:
    """Return how many calls of a day may have been accepted: all that are not known to have been refused."""
    row = one(
        session,
        """SELECT (SELECT count(*) FROM delivery_attempt
                   WHERE started_at > clock_timestamp() - :counted AND coalesce(outcome, '') NOT IN ('not_sent', 'refused'))
                + (SELECT count(*) FROM seed_send
                   WHERE started_at > clock_timestamp() - :counted AND state <> 'not_sent') AS calls""",
        counted=COUNTED,
    )
    assert row is not None
    calls: int = row["calls"]
    return calls


def begin(session: Session, *, region: str, reason: Reason, evidence: Mapping[str, object]) -> bool:
    """Put an account in quarantine; return whether that is news.

    A failover that turns out to be worse stays one quarantine, and gets the other reason.
    """
    known = count(
        session,
        """UPDATE ledger_quarantine SET reason = :reason, evidence = evidence || CAST(:evidence AS jsonb)
           WHERE region = :region AND ended_at IS NULL AND reason = 'failed_over' AND :reason <> 'failed_over'""",
        region=region,
        reason=str(reason),
        evidence=json.dumps(evidence),
    )
    begun = count(
        session,
        """WITH held AS (
               INSERT INTO ledger_quarantine (region, reason, evidence)
               SELECT region, :reason, CAST(:evidence AS jsonb) FROM ses_account
               WHERE region = :region AND quarantine_id IS NULL RETURNING id, region
           )
           UPDATE ses_account a SET quarantine_id = held.id FROM held WHERE a.region = held.region""",
        region=region,
        reason=str(reason),
        evidence=json.dumps(evidence),
    )
    return bool(known or begun)


def open_ones(session: Session) -> list[Quarantine]:
    """Return the open quarantines by region."""
    found = rows(
        session,
        """SELECT id, region, reason, began_at, clock_timestamp() - began_at AS age, evidence
           FROM ledger_quarantine WHERE ended_at IS NULL ORDER BY region""",
    )
    return [Quarantine(**{**row, "reason": Reason(row["reason"])}) for row in found]


def beginnings(session: Session) -> Sequence[datetime]:
    """Return when quarantines began, open and ended."""
    return [row["began_at"] for row in rows(session, "SELECT DISTINCT began_at FROM ledger_quarantine")]


def end(session: Session, *, quarantine_id: int, by: str, why: str, overridden: bool = False) -> None:
    """End a quarantine: from the commit on intents are made again, in the database that this is now."""
    run(
        session,
        """UPDATE ledger_quarantine SET ended_at = clock_timestamp(), ended_by = :by, end_reason = :why,
               overridden = :overridden WHERE id = :id AND ended_at IS NULL""",
        id=quarantine_id,
        by=by,
        why=why,
        overridden=overridden,
    )
    # What others send is learnt anew: what SES knew beyond the ledger may be in the old count for a day.
    run(
        session,
        """UPDATE ses_account SET quarantine_id = NULL, others_24_hours = NULL, ledger_system = system,
               ledger_timeline = timeline
           FROM ledger_identity() WHERE quarantine_id = :id""",
        id=quarantine_id,
    )


def reason_to_wait(session: Session) -> str:
    """Return why campaigns wait, for their status; empty while the ledger is believed."""
    found = open_ones(session)
    return f"{LedgerBehindError.default_code}: {IN_WORDS[found[0].reason]}" if found else ""
