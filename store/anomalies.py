"""Anomalies: hard bounces by what was said, at all tenants, and what becomes of the people of a burst (`core.anomalies`)."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from core.anomalies import BELIEVED, QUIET, WITHIN, Burst, domain_of
from core.providers import OTHER
from store.session import Row, count, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A hard bounce of a delivery: the domain of its address, the fingerprint of what was said, and when."""

    delivery_id: int
    domain: str
    text: str
    at: datetime


def note(session: Session, *, tenant_id: int, told: Sequence[Told]) -> set[tuple[str, str]]:
    """Write down hard bounces, once for each delivery; return the places and texts of all that were told."""
    run(
        session,
        """INSERT INTO hard_bounce (tenant_id, delivery_id, campaign_id, recipient_key, place, text, is_known, bounced_at, says_again)
           SELECT d.tenant_id, d.id, d.campaign_id, d.recipient_key,
                  CASE WHEN d.provider = :other THEN 'domain:' || w.domain ELSE d.provider END, w.text,
                  EXISTS (SELECT FROM delivery o
                          JOIN delivery_fact f ON f.tenant_id = o.tenant_id AND f.delivery_id = o.id AND f.fact = 'delivery'
                          WHERE o.tenant_id = d.tenant_id AND o.contact_id = d.contact_id AND o.id <> d.id
                            AND f.last_at > now() - interval '365 days'), w.at,
                  EXISTS (SELECT FROM hard_bounce e
                          WHERE e.tenant_id = d.tenant_id AND e.recipient_key = d.recipient_key AND e.delivery_id <> d.id
                            AND e.state = 'released' AND NOT EXISTS (
                                SELECT FROM delivery o JOIN delivery_fact f
                                  ON f.tenant_id = o.tenant_id AND f.delivery_id = o.id AND f.fact = 'delivery'
                                WHERE o.tenant_id = d.tenant_id AND o.contact_id = d.contact_id
                                  AND f.last_at > e.bounced_at))
           FROM unnest(CAST(:ids AS bigint[]), CAST(:domains AS text[]), CAST(:texts AS text[]),
                       CAST(:moments AS timestamptz[])) AS w (id, domain, text, at)
           CROSS JOIN LATERAL (SELECT * FROM delivery WHERE tenant_id = :tenant_id AND id = w.id LIMIT 1) AS d
           ON CONFLICT (tenant_id, delivery_id) DO NOTHING""",
        tenant_id=tenant_id,
        ids=[one.delivery_id for one in told],
        domains=[one.domain for one in told],
        texts=[one.text for one in told],
        moments=[one.at for one in told],
        other=OTHER,
    )
    found = rows(
        session,
        """SELECT DISTINCT place, text FROM hard_bounce
           WHERE tenant_id = :tenant_id AND delivery_id = ANY(CAST(:ids AS bigint[]))""",
        tenant_id=tenant_id,
        ids=[one.delivery_id for one in told],
    )
    return {(row["place"], row["text"]) for row in found}


def bursts(
    session: Session, *, fewest: int, among: Collection[tuple[str, str]] | None = None
) -> list[tuple[str, str]]:
    """Return the places and texts that have hit at least so many people in the last hours, without an open anomaly.

    Args:
        session: The transaction.
        fewest: So many people.
        among: Only these; all without it.
    """
    found = rows(
        session,
        """SELECT place, text FROM hard_bounce h
           WHERE noted_at > clock_timestamp() - :within AND state = 'suppressed' AND NOT says_again
             AND (CAST(:places AS text[]) IS NULL
                  OR (place, text) IN (SELECT * FROM unnest(CAST(:places AS text[]), CAST(:texts AS text[]))))
             AND NOT EXISTS (SELECT FROM bounce_anomaly a
                             WHERE a.place = h.place AND a.text = h.text AND a.closed_at IS NULL)
           GROUP BY place, text HAVING count(*) >= :fewest ORDER BY place, text""",
        within=WITHIN,
        fewest=fewest,
        places=None if among is None else [place for place, _ in among],
        texts=None if among is None else [text for _, text in among],
    )
    return [(row["place"], row["text"]) for row in found]


_HIT: Final = """WITH hit AS MATERIALIZED (
        SELECT tenant_id, campaign_id, recipient_key, is_known, noted_at, bounced_at FROM hard_bounce
        WHERE place = :place AND text = :text AND state = 'suppressed' AND NOT says_again
          AND noted_at > clock_timestamp() - :within
    )"""


def burst(session: Session, *, place: str, text: str) -> tuple[Burst, datetime]:
    """Return whom the last hours have hit at a place with a text, as if nothing else was answered, and since when."""
    row = one(
        session,
        f"""{_HIT}
            SELECT count(DISTINCT (tenant_id, recipient_key)) AS people,
                   count(DISTINCT (tenant_id, recipient_key)) FILTER (WHERE is_known) AS known,
                   count(DISTINCT tenant_id) AS tenants, coalesce(min(noted_at), clock_timestamp()) AS began_at
            FROM hit""",  # noqa: S608  # our own text
        place=place,
        text=text,
        within=WITHIN,
    )
    assert row is not None
    found = Burst(people=row["people"], known=row["known"], answered=row["people"], tenants=row["tenants"])
    return found, row["began_at"]


def answered(session: Session, *, place: str, text: str) -> int:
    """Count what SES has reported an end of: the mail to the place of the campaigns in the burst, since it began."""
    campaigns = "(SELECT DISTINCT tenant_id, campaign_id FROM hit) AS campaigns"
    # A provider's counts are kept; a single domain's are counted, which may take a second of a large campaign.
    of_provider = f"""SELECT coalesce(sum(c.resolved), 0)::bigint AS answered
        FROM {campaigns} JOIN breaker_count c USING (tenant_id, campaign_id)
        WHERE c.provider = :place AND c.on_day >= (SELECT ((min(bounced_at) - :within) AT TIME ZONE 'UTC')::date FROM hit)"""  # noqa: S608
    of_domain = f"""SELECT count(*) AS answered FROM {campaigns} JOIN delivery d USING (tenant_id, campaign_id)
        JOIN contact k ON k.tenant_id = d.tenant_id AND k.id = d.contact_id
        WHERE d.provider = :other AND lower(split_part(k.address, '@', 2)) = :domain
          AND EXISTS (SELECT FROM delivery_fact f WHERE f.tenant_id = d.tenant_id AND f.delivery_id = d.id
                      AND f.fact IN ('delivery', 'bounce_permanent'))"""  # noqa: S608
    domain = domain_of(place)
    names = {"domain": domain, "other": OTHER} if domain else {}
    row = one(
        session,
        f"{_HIT} {of_domain if domain else of_provider}",
        place=place,
        text=text,
        within=WITHIN,
        **names,
    )
    assert row is not None
    number: int = row["answered"]
    return number


def is_believed(session: Session, *, place: str, text: str) -> bool:
    """Whether a person has lately called this text at this place the truth."""
    row = one(
        session,
        """SELECT EXISTS (SELECT FROM bounce_anomaly WHERE place = :place AND text = :text AND decision = 'confirmed'
                          AND closed_at > now() - :believed) AS believed""",
        place=place,
        text=text,
        believed=BELIEVED,
    )
    assert row is not None
    return bool(row["believed"])


def begin(
    session: Session, *, place: str, text: str, said: str, why: str, burst: Burst, began_at: datetime
) -> bool:
    """Open an anomaly; return False when another process has opened it."""
    return bool(
        count(
            session,
            """INSERT INTO bounce_anomaly (place, text, said, why, evidence, began_at)
               VALUES (:place, :text, :said, :why, CAST(:evidence AS jsonb), :began_at)
               ON CONFLICT (place, text) WHERE closed_at IS NULL DO NOTHING""",
            place=place,
            text=text,
            said=said,
            why=why,
            evidence=json.dumps(asdict(burst)),
            began_at=began_at,
        )
    )


def listing(session: Session, *, only_open: bool = False) -> Sequence[Row]:
    """Return anomalies, newest first, each with how many people it holds or held at how many tenants."""
    return rows(
        session,
        """SELECT a.*, b.* FROM bounce_anomaly a CROSS JOIN LATERAL (
               SELECT count(*) AS people, count(*) FILTER (WHERE state = 'held') AS held,
                      count(DISTINCT tenant_id) AS tenants, max(noted_at) AS last_at
               FROM hard_bounce WHERE anomaly_id = a.id) AS b
           WHERE closed_at IS NULL OR NOT :only_open ORDER BY a.id DESC LIMIT 200""",
        only_open=only_open,
    )


def open_at(session: Session, *, places: Collection[tuple[str, str]]) -> list[Row]:
    """Return the anomalies that are open at these places with these texts."""
    found = rows(
        session,
        """SELECT a.id, a.place, a.text, a.began_at FROM bounce_anomaly a
           JOIN unnest(CAST(:places AS text[]), CAST(:texts AS text[])) AS w (place, text) USING (place, text)
           WHERE a.closed_at IS NULL ORDER BY a.id""",
        places=[place for place, _ in places],
        texts=[text for _, text in places],
    )
    return list(found)


def hold(
    session: Session, *, anomaly_id: int, since: datetime, until: datetime | None = None
) -> dict[int, int]:
    """Hold the people of an anomaly: end what suppressed them by it; return how many suppressions ended, by tenant.

    Another hard bounce of a person, with other words, goes on to suppress, and so does one after an anomaly was over.
    """
    found = rows(
        session,
        """WITH held AS (
               UPDATE hard_bounce h SET state = 'held', anomaly_id = a.id FROM bounce_anomaly a
               WHERE a.id = :anomaly_id AND h.place = a.place AND h.text = a.text AND h.state = 'suppressed'
                 AND NOT h.says_again AND h.noted_at >= :since AND h.noted_at <= coalesce(CAST(:until AS timestamptz), 'infinity')
               RETURNING h.tenant_id, h.delivery_id, h.recipient_key
           ), ended AS (
               UPDATE suppression s SET expires_at = now() FROM held
               WHERE s.tenant_id = held.tenant_id AND s.recipient_key = held.recipient_key
                 AND s.scope = 'tenant' AND s.reason = 'hard_bounce' AND s.source = 'ses'
                 AND (s.expires_at IS NULL OR s.expires_at > now())
                 AND NOT EXISTS (SELECT FROM hard_bounce other
                                 WHERE other.tenant_id = held.tenant_id AND other.recipient_key = held.recipient_key
                                   AND other.state IN ('suppressed', 'confirmed')
                                   AND other.delivery_id NOT IN (SELECT delivery_id FROM held))
               RETURNING s.tenant_id
           )
           SELECT held.tenant_id, (SELECT count(*) FROM ended WHERE ended.tenant_id = held.tenant_id) AS ended
           FROM held GROUP BY held.tenant_id""",
        anomaly_id=anomaly_id,
        since=since,
        until=until,
    )
    return {row["tenant_id"]: row["ended"] for row in found}


def close(
    session: Session, *, anomaly_id: int, decision: str, actor: str, reason: str
) -> dict[int, int] | None:
    """Close an anomaly; return how many people it held, by tenant, or None when none of that id is open.

    Whoever is `confirmed` is suppressed after all; everybody else is mailed again, and a mailbox that is really gone says so
    again.
    """
    closed = one(
        session,
        """UPDATE bounce_anomaly SET closed_at = now(), decision = :decision, decided_by = :actor, reason = :reason
           WHERE id = :anomaly_id AND closed_at IS NULL RETURNING id""",
        anomaly_id=anomaly_id,
        decision=decision,
        actor=actor,
        reason=reason,
    )
    if closed is None:
        return None
    found = rows(
        session,
        """WITH decided AS (
               UPDATE hard_bounce SET state = CASE WHEN :confirmed THEN 'confirmed' ELSE 'released' END
               WHERE anomaly_id = :anomaly_id AND state = 'held' RETURNING tenant_id, recipient_key
           ), again AS (
               UPDATE suppression s SET expires_at = NULL FROM decided
               WHERE :confirmed AND s.tenant_id = decided.tenant_id AND s.recipient_key = decided.recipient_key
                 AND s.scope = 'tenant' AND s.reason = 'hard_bounce' AND s.source = 'ses' AND s.expires_at <= now()
           )
           SELECT tenant_id, count(DISTINCT recipient_key) AS people FROM decided GROUP BY tenant_id""",
        anomaly_id=anomaly_id,
        confirmed=decision == "confirmed",
    )
    return {row["tenant_id"]: row["people"] for row in found}


def quiet(session: Session) -> list[int]:
    """Return the open anomalies that have hit nobody for some hours."""
    found = rows(
        session,
        """SELECT a.id FROM bounce_anomaly a
           WHERE a.closed_at IS NULL AND a.opened_at < clock_timestamp() - :quiet AND NOT EXISTS (
               SELECT FROM hard_bounce h WHERE h.place = a.place AND h.text = a.text
                 AND h.noted_at > clock_timestamp() - :quiet) ORDER BY a.id""",
        quiet=QUIET,
    )
    return [row["id"] for row in found]


def texts_at(session: Session, *, place: str, since: datetime, until: datetime) -> list[Row]:
    """Return the texts by which people at a place were suppressed in a window, with how many people and since when."""
    found = rows(
        session,
        """SELECT text, count(DISTINCT (tenant_id, recipient_key)) AS people, min(noted_at) AS began_at,
                  count(DISTINCT tenant_id) AS tenants
           FROM hard_bounce WHERE place = :place AND state = 'suppressed' AND noted_at BETWEEN :since AND :until
           GROUP BY text ORDER BY text""",
        place=place,
        since=since,
        until=until,
    )
    return list(found)


def said_of(session: Session, *, place: str, text: str) -> str:
    """Return the newest masked answer of a burst; nothing where its fact is gone."""
    row = one(
        session,
        """SELECT f.detail ->> 'said' AS said FROM hard_bounce h
           JOIN delivery_fact f ON f.tenant_id = h.tenant_id AND f.delivery_id = h.delivery_id
                               AND f.fact = 'bounce_permanent'
           WHERE h.place = :place AND h.text = :text ORDER BY h.noted_at DESC LIMIT 1""",
        place=place,
        text=text,
    )
    return (row["said"] or "") if row else ""


def forget(session: Session, *, after_days: int) -> int:
    """Delete hard bounces that no window looks at any more, but those that an anomaly holds; return how many."""
    return count(
        session,
        """DELETE FROM hard_bounce WHERE noted_at < now() - make_interval(days => :days) AND state <> 'held'""",
        days=after_days,
    )
