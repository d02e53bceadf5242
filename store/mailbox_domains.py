"""Mailbox domains: which domains an audience has, and what is known of each.

They are the world's and no tenant's, so most of these functions name none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from core.mailbox_domains import Lookup, Reach
from store.session import Row, count, one, rows, run


@dataclass(frozen=True, slots=True)
class Known:
    """What is to be kept of one domain: an answer, whose it makes the mailboxes, and when to ask again."""

    lookup: Lookup
    provider: str
    look_again_in: timedelta


def to_look_up(session: Session, *, tenant_id: int, audience_id: int) -> dict[str, int]:
    """Return the domains of an audience that nobody knows or should be asked for again, with their unknown answers in a row."""
    found = rows(
        session,
        """WITH domain AS MATERIALIZED (
               SELECT DISTINCT lower(split_part(c.address, '@', -1)) AS domain
               FROM audience_member m JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
               WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id
           )
           SELECT domain, coalesce(k.failures, 0) AS failures FROM domain LEFT JOIN mailbox_domain k USING (domain)
           WHERE k.domain IS NULL OR k.look_again_at <= now() ORDER BY domain""",
        tenant_id=tenant_id,
        audience_id=audience_id,
    )
    return {row["domain"]: row["failures"] for row in found}


def to_look_up_of_tenant(session: Session, *, tenant_id: int) -> dict[str, int]:
    """Return the same of all contacts of a tenant, whatever lists they are on, the retired ones included: a domain may come back."""
    found = rows(
        session,
        """WITH domain AS MATERIALIZED (
               SELECT DISTINCT lower(split_part(c.address, '@', -1)) AS domain FROM contact c
               WHERE c.tenant_id = :tenant_id
           )
           SELECT domain, coalesce(k.failures, 0) AS failures FROM domain LEFT JOIN mailbox_domain k USING (domain)
           WHERE k.domain IS NULL OR k.look_again_at <= now() ORDER BY domain""",
        tenant_id=tenant_id,
    )
    return {row["domain"]: row["failures"] for row in found}


def reachable(session: Session, domains: Sequence[str]) -> set[str]:
    """Return those of these domains that took mail when they were last asked."""
    found = rows(
        session,
        """SELECT k.domain FROM unnest(CAST(:domains AS text[])) AS asked (domain)
           JOIN mailbox_domain k ON k.domain = asked.domain WHERE k.reach IN ('exchangers', 'address')""",
        domains=list(domains),
    )
    return {row["domain"] for row in found}


def save(session: Session, known: Sequence[Known]) -> None:
    """Keep answers. An unknown one changes nothing of a known one but the time of the next question.

    A dead one leaves the exchangers and the provider as they were last known, and counts as one night however often it comes
    on one UTC day (`core.dead_domains`).
    """
    run(
        session,
        """INSERT INTO mailbox_domain AS k
               (domain, provider, reach, exchangers, failures, resolved_at, look_again_at, dead_nights, dead_on)
           SELECT domain, provider, reach, string_to_array(exchangers, ' '), (reach = :unknown)::int,
                  CASE WHEN reach <> :unknown THEN now() END, now() + pause,
                  (reach = ANY(:dead))::int, CASE WHEN reach = ANY(:dead) THEN (now() AT TIME ZONE 'UTC')::date END
           FROM unnest(CAST(:domains AS text[]), CAST(:providers AS text[]), CAST(:reaches AS text[]),
                       CAST(:exchangers AS text[]), CAST(:pauses AS interval[]))
                AS w (domain, provider, reach, exchangers, pause)
           ORDER BY domain
           ON CONFLICT (domain) DO UPDATE SET
               look_again_at = excluded.look_again_at,
               failures = CASE excluded.reach WHEN :unknown THEN k.failures + 1 ELSE 0 END,
               resolved_at = coalesce(excluded.resolved_at, k.resolved_at),
               reach = CASE WHEN excluded.reach = :unknown THEN k.reach ELSE excluded.reach END,
               dead_nights = CASE WHEN excluded.reach = :unknown THEN k.dead_nights
                                  WHEN excluded.dead_on IS NULL THEN 0
                                  ELSE k.dead_nights + (k.dead_on IS DISTINCT FROM excluded.dead_on)::int END,
               dead_on = CASE WHEN excluded.reach = :unknown THEN k.dead_on ELSE excluded.dead_on END,
               exchangers = CASE WHEN excluded.reach = :unknown OR excluded.dead_on IS NOT NULL
                                 THEN k.exchangers ELSE excluded.exchangers END,
               provider = CASE WHEN excluded.reach = :unknown OR excluded.dead_on IS NOT NULL OR k.set_by IS NOT NULL
                               THEN k.provider ELSE excluded.provider END""",
        unknown=str(Reach.UNKNOWN),
        dead=[str(reach) for reach in Reach if reach.is_dead],
        domains=[each.lookup.domain for each in known],
        providers=[each.provider for each in known],
        reaches=[str(each.lookup.reach) for each in known],
        exchangers=[" ".join(each.lookup.exchangers) for each in known],
        pauses=[each.look_again_in for each in known],
    )


def find(session: Session, *, domain: str) -> Row | None:
    """Return what is known of a domain, or None."""
    return one(
        session,
        """SELECT domain, provider, reach, exchangers, resolved_at, look_again_at, set_by, set_reason
           FROM mailbox_domain WHERE domain = :domain""",
        domain=domain,
    )


def choose(session: Session, *, domain: str, provider: str, actor: str, reason: str) -> None:
    """Give a domain the provider that a person knows it has; no answer of the DNS changes it."""
    run(
        session,
        """INSERT INTO mailbox_domain (domain, provider, reach, set_by, set_reason)
           VALUES (:domain, :provider, :unknown, :actor, :reason)
           ON CONFLICT (domain) DO UPDATE
           SET provider = excluded.provider, set_by = excluded.set_by, set_reason = excluded.set_reason""",
        domain=domain,
        provider=provider,
        unknown=str(Reach.UNKNOWN),
        actor=actor,
        reason=reason,
    )


def unchoose(session: Session, *, domain: str, provider: str) -> bool:
    """Give a domain back the provider that its last answer or its name makes it; return whether anybody had chosen.

    The DNS is asked again as soon as somebody asks it at all.
    """
    changed = count(
        session,
        """UPDATE mailbox_domain SET provider = :provider, set_by = NULL, set_reason = NULL, look_again_at = now()
           WHERE domain = :domain AND set_by IS NOT NULL""",
        domain=domain,
        provider=provider,
    )
    return bool(changed)


def of_audience(session: Session, *, tenant_id: int, audience_id: int) -> dict[str, int]:
    """Count an audience's people by mailbox provider, as far as it is known; whose is unknown is `other`'s."""
    found = rows(
        session,
        """SELECT coalesce(k.provider, 'other') AS provider, count(*) AS people
           FROM audience_member m JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
           LEFT JOIN mailbox_domain k ON k.domain = lower(split_part(c.address, '@', -1))
           WHERE m.tenant_id = :tenant_id AND m.audience_id = :audience_id
           GROUP BY 1 ORDER BY 2 DESC, 1""",
        tenant_id=tenant_id,
        audience_id=audience_id,
    )
    return {row["provider"]: row["people"] for row in found}
