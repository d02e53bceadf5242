"""Reconciliation: what was accepted, hour by hour, against what was reported of it; what waits; and the history of runs.

Accepted calls are found by the time at which they began, through the BRIN index of attempts, and only in hours of which not
everything is known: what was counted as complete is not read again, and an hour that lacks something is counted again
whenever another eighth of its age has passed. A message is then read some times, however many runs there are.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from core.gaps import Finding
from core.pipeline import SETTLING, Hour, Inbox, Lists
from core.reconciliation import BEHIND, LOOK_BACK
from store.session import Row, count, one, rows, run


# How a tenant's messages are found by the time of their call. Answers of SES alone count here: what was settled by an event
# lacks none. `resolved_by` stays what it was first.
_ACCEPTED = """
    FROM delivery_attempt a
    JOIN delivery d ON d.tenant_id = a.tenant_id AND d.id = a.delivery_id AND d.attempt_id = a.attempt_id
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS heard, coalesce(bool_or(f.fact = ANY(CAST(:settling AS text[]))), false) AS settled
        FROM delivery_fact f WHERE f.tenant_id = a.tenant_id AND f.delivery_id = a.delivery_id) AS told
"""
_IS_ACCEPTED = "a.tenant_id = :tenant_id AND d.resolved_by = 'api' AND d.ses_message_id IS NOT NULL"
_SETTLING = sorted(map(str, SETTLING))


def count_hours(session: Session, *, tenant_id: int, grace: timedelta, is_thorough: bool = False) -> None:
    """Count the hours of the last week again of which not everything is known.

    Args:
        session: The caller's transaction.
        tenant_id: Whose messages.
        grace: After this a message without any event is overdue.
        is_thorough: Count every such hour, also one that was counted a moment ago.
    """
    hours = _open_hours(session, tenant_id, is_thorough=is_thorough)
    if not hours:
        return
    run(
        session,
        f"""INSERT INTO reconciled_hour AS h (tenant_id, began_at, accepted, told, settled, overdue, counted_at)
            SELECT :tenant_id, hour.began_at, count(*), count(*) FILTER (WHERE call.heard),
                   count(*) FILTER (WHERE call.settled),
                   count(*) FILTER (WHERE NOT call.heard AND call.started_at < now() - :grace), now()
            FROM unnest(CAST(:hours AS timestamptz[])) AS hour (began_at)
            CROSS JOIN LATERAL (
                SELECT a.started_at, told.heard, told.settled {_ACCEPTED}
                WHERE {_IS_ACCEPTED}
                  AND a.started_at >= hour.began_at AND a.started_at < hour.began_at + interval '1 hour') AS call
            GROUP BY hour.began_at
            ON CONFLICT (tenant_id, began_at) DO UPDATE SET
                accepted = EXCLUDED.accepted, told = EXCLUDED.told, settled = EXCLUDED.settled,
                overdue = EXCLUDED.overdue, counted_at = EXCLUDED.counted_at""",  # noqa: S608  # no value is in it
        tenant_id=tenant_id,
        hours=hours,
        grace=grace,
        settling=_SETTLING,
    )


def _open_hours(session: Session, tenant_id: int, *, is_thorough: bool) -> list[datetime]:
    """Return the hours to be counted: those since the last run, and those that lacked something then.

    An hour without a row had no message when a later hour was counted, and can have none since: calls begin now.
    """
    found = rows(
        session,
        """WITH last AS (
               SELECT coalesce(max(ran_at) - interval '2 hours', now() - :look_back) AS ran_at FROM reconciliation
           )
           SELECT began_at FROM generate_series(
               date_trunc('hour', greatest((SELECT ran_at FROM last), now() - :look_back)), now(), '1 hour') AS began_at
           UNION
           SELECT began_at FROM reconciled_hour
           WHERE tenant_id = :tenant_id AND began_at > now() - :look_back
             AND (told < accepted OR settled < told)
             AND (:is_thorough OR counted_at < now() - (now() - began_at) / 8)
           ORDER BY began_at""",
        tenant_id=tenant_id,
        look_back=LOOK_BACK,
        is_thorough=is_thorough,
    )
    return [row["began_at"] for row in found]


def hours_of(session: Session, *, tenant_id: int, slug: str) -> list[Hour]:
    """Return the hours of the last day as they were counted, and the older ones of the week that lack something."""
    found = rows(
        session,
        """SELECT began_at, accepted, told, settled, overdue FROM reconciled_hour
           WHERE tenant_id = :tenant_id AND began_at > now() - :look_back
             AND (began_at > now() - interval '1 day' OR told < accepted OR settled < told)
           ORDER BY began_at""",
        tenant_id=tenant_id,
        look_back=LOOK_BACK,
    )
    return [Hour(tenant=slug, **row) for row in found]


def overdue(session: Session, *, tenant_id: int, grace: timedelta, limit: int = 50) -> Sequence[Row]:
    """Return the oldest overdue messages: campaign_id, delivery_id, ses_message_id and age; never an address."""
    return rows(
        session,
        f"""SELECT d.campaign_id, d.id AS delivery_id, d.ses_message_id, now() - a.started_at AS age {_ACCEPTED}
            WHERE {_IS_ACCEPTED} AND NOT told.heard
              AND a.started_at > now() - :look_back AND a.started_at < now() - :grace
            ORDER BY a.started_at LIMIT :limit""",
        tenant_id=tenant_id,
        look_back=LOOK_BACK,
        grace=grace,
        limit=limit,
        settling=_SETTLING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """Calls of a while that SES has accepted, how many of them no event has told of, and since when the oldest."""

    accepted: int
    untold: int
    oldest: timedelta


def unheard(session: Session, *, tenant_id: int, within: timedelta, after: timedelta) -> Unheard:
    """Say how far SES's reports are behind its answers: cheap enough to be asked every few minutes.

    Args:
        session: The caller's transaction.
        tenant_id: Whose calls.
        within: How far to look back.
        after: Younger calls are left out: their events are on their way.
    """
    row = one(
        session,
        f"""SELECT count(*) AS accepted, count(*) FILTER (WHERE NOT told.heard) AS untold,
                   coalesce(max(now() - a.started_at) FILTER (WHERE NOT told.heard), interval '0') AS oldest {_ACCEPTED}
            WHERE {_IS_ACCEPTED} AND a.started_at > now() - :within AND a.started_at < now() - :after""",
        tenant_id=tenant_id,
        within=within,
        after=after,
        settling=_SETTLING,
    )
    assert row is not None
    return Unheard(**row)


def inbox(session: Session) -> Inbox:
    """Return what waits in the inbox, and what was put aside in the last day, by reason."""
    row = one(
        session,
        """SELECT count(*) FILTER (WHERE NOT is_orphan AND is_due) AS due,
                  coalesce(max(age) FILTER (WHERE NOT is_orphan AND is_due), interval '0') AS oldest,
                  count(*) FILTER (WHERE is_orphan AND age > :patience) AS orphans
           FROM (SELECT now() - received_at AS age, not_before IS NULL OR not_before <= now() AS is_due,
                        coalesce(error, '') = 'no delivery of ours' AS is_orphan
                 FROM inbox_event WHERE applied_at IS NULL AND quarantined_at IS NULL) AS waiting""",
        patience=BEHIND,
    )
    assert row is not None
    aside = rows(
        session,
        """SELECT coalesce(error, 'no reason is known') AS reason, count(*) AS events FROM inbox_event
           WHERE quarantined_at IS NOT NULL AND quarantined_at > now() - interval '1 day' GROUP BY 1""",
    )
    return Inbox(**row, quarantined={each["reason"]: each["events"] for each in aside})


def in_doubt(session: Session, *, tenant_id: int, after: timedelta) -> int:
    """Count the deliveries that are in doubt for longer than this."""
    row = one(
        session,
        """SELECT count(*) AS number FROM delivery
           WHERE tenant_id = :tenant_id AND is_leased AND state = 'in_doubt' AND submitted_at < now() - :after""",
        tenant_id=tenant_id,
        after=after,
    )
    assert row is not None
    number: int = row["number"]
    return number


def our_count(session: Session) -> tuple[int, int]:
    """Return how many calls of a day SES must have counted, and how many at most.

    Where exactly SES's day ends is not documented, so that the first looks back an hour less and the second an hour more.
    The first takes only what SES has answered, the second all that is not known to have been refused.
    """
    row = one(
        session,
        """SELECT (SELECT count(*) FROM delivery_attempt a
                   JOIN delivery d ON d.tenant_id = a.tenant_id AND d.id = a.delivery_id AND d.attempt_id = a.attempt_id
                   WHERE a.started_at > clock_timestamp() - interval '23 hours'
                     AND d.resolved_by = 'api' AND d.ses_message_id IS NOT NULL) AS at_least,
                  (SELECT count(*) FROM delivery_attempt
                   WHERE started_at > clock_timestamp() - interval '25 hours'
                     AND coalesce(outcome, '') NOT IN ('not_sent', 'refused'))
                  + (SELECT count(*) FROM seed_send
                     WHERE started_at > clock_timestamp() - interval '25 hours' AND state <> 'not_sent') AS at_most""",
    )
    assert row is not None
    return row["at_least"], row["at_most"]


# Event canaries


def newest_canary(session: Session, *, tenant_id: int, prefix: str) -> Row | None:
    """Return the newest event canary of the last day: state, age, and what was reported of it."""
    return one(
        session,
        """SELECT state, outcome_code, now() - started_at AS age, reported FROM seed_send
           WHERE tenant_id = :tenant_id AND starts_with(request_id, :prefix) AND started_at > now() - interval '1 day'
           ORDER BY started_at DESC LIMIT 1""",
        tenant_id=tenant_id,
        prefix=prefix,
    )


# Suppression lists


def may_be_mailed(session: Session, *, tenant_id: int, recipient_keys: Collection[str]) -> int:
    """Count who of these is a contact of the tenant and not suppressed for all of its mail."""
    row = one(
        session,
        """SELECT count(*) AS people FROM unnest(CAST(:keys AS text[])) AS given (recipient_key)
           WHERE EXISTS (SELECT FROM contact c
                         WHERE c.tenant_id = :tenant_id AND c.recipient_key = given.recipient_key)
             AND NOT EXISTS (SELECT FROM suppression s
                             WHERE s.tenant_id = :tenant_id AND s.recipient_key = given.recipient_key
                               AND s.scope <> 'audience' AND (s.expires_at IS NULL OR s.expires_at > now()))
             AND NOT EXISTS (SELECT FROM global_suppression g WHERE g.recipient_key = given.recipient_key
                               AND (g.expires_at IS NULL OR g.expires_at > now()))""",
        tenant_id=tenant_id,
        keys=list(recipient_keys),
    )
    assert row is not None
    people: int = row["people"]
    return people


def keys_for_ses(session: Session, *, tenant_id: int) -> set[str]:
    """Return the recipient keys that SES's list should hold too: hard bounces and complaints that hold, with an address."""
    found = rows(
        session,
        """SELECT DISTINCT recipient_key FROM suppression
           WHERE tenant_id = :tenant_id AND reason IN ('hard_bounce', 'complaint') AND scope <> 'audience'
             AND address IS NOT NULL AND (expires_at IS NULL OR expires_at > now())""",
        tenant_id=tenant_id,
    )
    return {row["recipient_key"] for row in found}


# The history


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A run as it was kept."""

    ran_at: datetime
    is_well: bool
    words: str
    findings: Sequence[Finding]
    lists: Sequence[Lists]
    lists_at: datetime | None


def keep(
    session: Session,
    *,
    words: str,
    findings: Sequence[Finding],
    lists: Sequence[Lists],
    lists_at: datetime | None,
) -> None:
    """Keep a run, and forget those of more than ninety days ago."""
    run(
        session,
        """INSERT INTO reconciliation (is_well, words, findings, lists, lists_at)
           VALUES (:is_well, :words, CAST(:findings AS jsonb), CAST(:lists AS jsonb), :lists_at)""",
        is_well=not findings,
        words=words,
        findings=json.dumps([one.as_json() for one in findings]),
        lists=json.dumps([asdict(one) for one in lists]),
        lists_at=lists_at,
    )
    count(session, "DELETE FROM reconciliation WHERE ran_at < now() - interval '90 days'")
    count(session, "DELETE FROM reconciled_hour WHERE began_at < now() - interval '90 days'")


def newest(session: Session, *, limit: int = 1) -> list[Kept]:
    """Return the last runs, the newest first."""
    found = rows(
        session,
        """SELECT ran_at, is_well, words, findings, lists, lists_at FROM reconciliation
           ORDER BY ran_at DESC, id DESC LIMIT :limit""",
        limit=limit,
    )
    return [_kept(row) for row in found]


def _kept(row: Row) -> Kept:
    findings: Sequence[Mapping[str, Any]] = row["findings"]
    lists: Sequence[Mapping[str, Any]] = row["lists"]
    return Kept(
        ran_at=row["ran_at"],
        is_well=row["is_well"],
        words=row["words"],
        findings=[Finding.from_json(each) for each in findings],
        lists=[Lists(**each) for each in lists],
        lists_at=row["lists_at"],
    )
