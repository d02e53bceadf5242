"""Hygiene findings: whom a night's rules take, each in one statement over all contacts, written down as removals of the run.

Called in the order of `core.hygiene.Rule`: a person whom an earlier rule has taken is left to it.
"""

from collections.abc import Collection, Mapping

from sqlmodel import Session

from core.hygiene import HygienePolicy, Rule
from store.session import count, rows


def bouncing(session: Session, *, tenant_id: int, run_id: int, rules: Mapping[str, Rule]) -> int:
    """Take people for repeated soft bounces; `rules` is the one that each broke, by recipient key."""
    return count(
        session,
        """INSERT INTO hygiene_removal (tenant_id, run_id, recipient_key, rule)
           SELECT :tenant_id, :run_id, broken.*
           FROM unnest(CAST(:keys AS text[]), CAST(:rules AS text[])) AS broken (recipient_key, rule)
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        run_id=run_id,
        keys=list(rules),
        rules=[str(rule) for rule in rules.values()],
    )


def at_dead_domains(session: Session, *, tenant_id: int, run_id: int, nights: int) -> int:
    """Take the contacts of domains whose DNS was sure for so many nights that they take no mail."""
    return count(
        session,
        """INSERT INTO hygiene_removal (tenant_id, run_id, recipient_key, rule)
           SELECT DISTINCT c.tenant_id, CAST(:run_id AS bigint), c.recipient_key, 'dead_domain'
           FROM mailbox_domain k
           JOIN contact c ON k.domain = lower(split_part(c.address, '@', -1))
           WHERE c.tenant_id = :tenant_id AND c.state <> 'retired' AND k.dead_nights >= :nights
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        run_id=run_id,
        nights=nights,
    )


def at_domains(session: Session, *, tenant_id: int, run_id: int, rule: Rule, domains: Collection[str]) -> int:
    """Take the contacts of these domains by a rule."""
    return count(
        session,
        """INSERT INTO hygiene_removal (tenant_id, run_id, recipient_key, rule)
           SELECT DISTINCT c.tenant_id, CAST(:run_id AS bigint), c.recipient_key, CAST(:rule AS text)
           FROM unnest(CAST(:domains AS text[])) AS listed (domain)
           JOIN contact c ON listed.domain = lower(split_part(c.address, '@', -1))
           WHERE c.tenant_id = :tenant_id AND c.state <> 'retired'
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        run_id=run_id,
        rule=str(rule),
        domains=list(domains),
    )


# As `core.address_hints.role_of` says it; a test compares the two.
IS_ROLE = """(
    split_part(lower(split_part({address}, '@', 1)), '+', 1) = ANY(:roles)
    OR split_part(lower(split_part({address}, '@', 1)), '+', 1) LIKE ANY(:role_endings))"""


def with_roles(
    session: Session, *, tenant_id: int, run_id: int, roles: Collection[str], endings: Collection[str]
) -> int:
    """Take role addresses."""
    return count(
        session,
        f"""INSERT INTO hygiene_removal (tenant_id, run_id, recipient_key, rule)
           SELECT DISTINCT c.tenant_id, CAST(:run_id AS bigint), c.recipient_key, 'role'
           FROM contact c
           WHERE c.tenant_id = :tenant_id AND c.state <> 'retired' AND {IS_ROLE.format(address="c.address")}
           ON CONFLICT DO NOTHING""",  # noqa: S608  # our own expression
        tenant_id=tenant_id,
        run_id=run_id,
        roles=list(roles),
        role_endings=[f"%{ending}" for ending in endings],
    )


def silent_after_winback(session: Session, *, tenant_id: int, run_id: int, days: int) -> int:
    """Take lapsing people to whom a win-back was delivered so long ago, and who have shown no sign of life since they lapsed."""
    return count(
        session,
        """INSERT INTO hygiene_removal (tenant_id, run_id, recipient_key, rule)
           WITH lapsing AS (
               SELECT recipient_key, min(state_at) AS since FROM contact
               WHERE tenant_id = :tenant_id AND state = 'lapsing' GROUP BY recipient_key
               HAVING coalesce(greatest(max(engaged_at), max(consent_at)), '-infinity') <= min(state_at)
           )
           SELECT DISTINCT d.tenant_id, CAST(:run_id AS bigint), d.recipient_key, 'silent_after_winback'
           FROM audience a
           JOIN campaign k ON k.tenant_id = a.tenant_id AND k.audience_id = a.id
           JOIN delivery d ON d.tenant_id = k.tenant_id AND d.campaign_id = k.id
           JOIN lapsing ON lapsing.recipient_key = d.recipient_key
           JOIN delivery_fact f ON f.tenant_id = d.tenant_id AND f.delivery_id = d.id AND f.fact = 'delivery'
           WHERE a.tenant_id = :tenant_id AND a.purpose = 'winback'
             AND f.first_at > lapsing.since AND f.first_at <= now() - make_interval(days => :days)
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        run_id=run_id,
        days=days,
    )


def silent(session: Session, *, tenant_id: int, run_id: int, policy: HygienePolicy) -> int:
    """Take people who were mailed long and often and have not opened or clicked since; return how many.

    Any spelling of a person's address counts for all of them. Fresh consent is a sign of life too.
    """
    if policy.sunset_days == 0:
        return 0
    return count(
        session,
        """INSERT INTO hygiene_removal (tenant_id, run_id, recipient_key, rule)
           WITH quiet AS (
               SELECT recipient_key, coalesce(greatest(max(engaged_at), max(consent_at)), '-infinity') AS alive_at
               FROM contact WHERE tenant_id = :tenant_id GROUP BY recipient_key
               HAVING bool_or(state = ANY(:states))
                  AND coalesce(greatest(max(engaged_at), max(consent_at)), '-infinity')
                      < now() - make_interval(days => :days)
           )
           SELECT CAST(:tenant_id AS bigint), CAST(:run_id AS bigint), quiet.recipient_key, 'silent'
           FROM quiet
           JOIN delivery ON delivery.tenant_id = :tenant_id AND delivery.recipient_key = quiet.recipient_key
           JOIN delivery_fact AS fact
             ON fact.tenant_id = :tenant_id AND fact.delivery_id = delivery.id AND fact.fact = 'delivery'
            AND fact.first_at > quiet.alive_at
           WHERE EXISTS (SELECT FROM contact AS anybody WHERE anybody.tenant_id = :tenant_id
                         AND anybody.engaged_at > now() - make_interval(days => :days))
           GROUP BY quiet.recipient_key
           -- The first of these messages is as old as the sunset: twelve in one week are no silence yet.
           HAVING count(*) >= :messages AND min(fact.first_at) <= now() - make_interval(days => :days)
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        run_id=run_id,
        days=policy.sunset_days,
        messages=policy.sunset_messages,
        # Without the win-back step whoever lapsed under an earlier policy is retired with the others.
        states=["active"] if policy.winback_days else ["active", "lapsing"],
    )


def counts(session: Session, *, tenant_id: int, run_id: int) -> dict[Rule, int]:
    """Return how many people each rule takes; no rule that takes nobody."""
    found = rows(
        session,
        """SELECT rule, count(*) AS people FROM hygiene_removal
           WHERE tenant_id = :tenant_id AND run_id = :run_id GROUP BY rule""",
        tenant_id=tenant_id,
        run_id=run_id,
    )
    taken = {Rule(row["rule"]): int(row["people"]) for row in found}
    return {rule: taken[rule] for rule in Rule if rule in taken}
