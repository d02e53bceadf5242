"""Hygiene: suppressions that are missing, histories of soft bounces, and the suppressions that follow from them."""

from collections.abc import Mapping

from sqlmodel import Session

from core.facts import Fact, Seen
from core.hygiene import HygienePolicy, Rule, SoftBounces
from store import facts
from store.session import count, rows


def unsuppressed(session: Session, *, tenant_id: int) -> dict[int, dict[Fact, Seen]]:
    """Return the hard bounces and complaints whose people are not suppressed for them, by delivery.

    Normally there are none: the event has suppressed them already. A suppression that a person has ended stays ended
    until a younger fact.
    """
    found = rows(
        session,
        """SELECT fact.delivery_id, fact.fact, fact.first_at, fact.last_at, fact.times, fact.detail
           FROM delivery_fact AS fact
           JOIN delivery ON delivery.tenant_id = fact.tenant_id AND delivery.id = fact.delivery_id
           LEFT JOIN suppression AS old
                  ON old.tenant_id = fact.tenant_id AND old.recipient_key = delivery.recipient_key
                 AND old.scope = 'tenant'
                 AND old.reason = CASE fact.fact WHEN 'complaint' THEN 'complaint' ELSE 'hard_bounce' END
           WHERE fact.tenant_id = :tenant_id AND fact.fact IN ('complaint', 'bounce_permanent')
             AND (old.id IS NULL OR old.expires_at < fact.last_at)""",
        tenant_id=tenant_id,
    )
    missing: dict[int, dict[Fact, Seen]] = {}
    for row in found:
        seen = Seen(
            first_at=row["first_at"], last_at=row["last_at"], times=row["times"], detail=row["detail"]
        )
        missing.setdefault(row["delivery_id"], {})[Fact(row["fact"])] = seen
    return missing


def suppress_missing(session: Session, *, tenant_id: int) -> dict[Rule, int]:
    """Suppress everybody whom a hard bounce or a complaint should have suppressed; return how many by rule."""
    missing = unsuppressed(session, tenant_id=tenant_id)
    counts = {}
    for rule, fact in ((Rule.COMPLAINT, Fact.COMPLAINT), (Rule.HARD_BOUNCE, Fact.BOUNCE_PERMANENT)):
        news = {delivery: {fact: found[fact]} for delivery, found in missing.items() if fact in found}
        counts[rule] = facts.suppress(session, tenant_id=tenant_id, news=news)
    return counts


def soft_bounces(session: Session, *, tenant_id: int, policy: HygienePolicy) -> dict[str, SoftBounces]:
    """Return the histories of people with enough consecutive soft bounces to be judged, by recipient key.

    A campaign message counts once, however many events it brought, and not at all once it was delivered. Where an
    anomaly is open, hygiene rests: its people are not judged.
    """
    # Signs of life are looked for person by person, and only of people with enough bounces: most of a tenant's facts are
    # deliveries, and reading all of them takes most of a minute where there are millions.
    found = rows(
        session,
        """WITH bounced AS (
               SELECT delivery.recipient_key, fact.last_at,
                      coalesce(fact.detail ->> 'reason' IN ('mailbox_full', 'full_and_inactive'), false) AS is_full,
                      coalesce(fact.detail ->> 'reason' = 'full_and_inactive', false) AS is_abandoned
               FROM delivery_fact AS fact
               JOIN delivery ON delivery.tenant_id = fact.tenant_id AND delivery.id = fact.delivery_id
               WHERE fact.tenant_id = :tenant_id AND fact.fact = 'bounce_transient'
                 AND fact.last_at > now() - make_interval(days => greatest(:window, :full_window))
                 AND NOT EXISTS (SELECT FROM bounce_anomaly WHERE closed_at IS NULL AND place IN (
                     delivery.provider, (SELECT 'domain:' || lower(split_part(contact.address, '@', 2)) FROM contact
                                         WHERE contact.tenant_id = delivery.tenant_id AND contact.id = delivery.contact_id)))
           ), often AS (
               SELECT recipient_key FROM bounced GROUP BY recipient_key
               HAVING count(*) >= least(nullif(:bounces, 0), nullif(:full, 0), nullif(:abandoned, 0))
           ), alive AS MATERIALIZED (
               SELECT often.recipient_key, max((
                   SELECT max(fact.last_at) FROM delivery_fact AS fact
                   WHERE fact.tenant_id = delivery.tenant_id AND fact.delivery_id = delivery.id
                     AND fact.fact IN ('delivery', 'open', 'click'))) AS at
               FROM often
               JOIN contact ON contact.tenant_id = :tenant_id AND contact.recipient_key = often.recipient_key
               JOIN delivery ON delivery.tenant_id = contact.tenant_id AND delivery.contact_id = contact.id
               GROUP BY often.recipient_key
           ), counted AS (
               SELECT bounced.*,
                      NOT is_full AND last_at > now() - make_interval(days => :window) AS is_soft,
                      is_full AND last_at > now() - make_interval(days => :full_window) AS is_long_full
               FROM bounced
               JOIN often ON often.recipient_key = bounced.recipient_key
               LEFT JOIN alive ON alive.recipient_key = bounced.recipient_key
               LEFT JOIN suppression AS old
                      ON old.tenant_id = :tenant_id AND old.recipient_key = bounced.recipient_key
                     AND old.scope = 'tenant' AND old.reason = 'soft_bounce'
               WHERE bounced.last_at > coalesce(alive.at, '-infinity')
                 AND (old.id IS NULL OR old.expires_at < bounced.last_at)
           )
           SELECT recipient_key,
                  count(*) FILTER (WHERE is_soft) AS bounces,
                  count(DISTINCT (last_at AT TIME ZONE 'UTC')::date) FILTER (WHERE is_soft) AS days,
                  count(*) FILTER (WHERE is_long_full) AS "full",
                  count(*) FILTER (WHERE is_long_full AND is_abandoned) AS abandoned,
                  coalesce(extract(day FROM max(last_at) FILTER (WHERE is_long_full)
                                            - min(last_at) FILTER (WHERE is_long_full)), 0)::int AS full_span_days
           FROM counted GROUP BY recipient_key
           HAVING count(*) >= least(nullif(:bounces, 0), nullif(:full, 0), nullif(:abandoned, 0))""",
        tenant_id=tenant_id,
        window=policy.soft_bounce_window_days,
        full_window=policy.mailbox_full_window_days,
        bounces=policy.soft_bounces,
        full=policy.mailbox_full_bounces,
        abandoned=policy.full_inactive_bounces,
    )
    return {
        row["recipient_key"]: SoftBounces(**{name: row[name] for name in SoftBounces.__slots__})
        for row in found
    }


def quarantine(session: Session, *, tenant_id: int, rules: Mapping[str, Rule], days: int) -> int:
    """Suppress people for repeated soft bounces, for some days; return how many are new or begin again.

    Args:
        session: The transaction.
        tenant_id: Whose people they are.
        rules: The rule that each broke, by recipient key.
        days: After so many the address gets another chance.
    """
    return count(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, address, reason, source, detail, expires_at)
           SELECT :tenant_id, broken.recipient_key,
                  (SELECT min(address) FROM contact
                   WHERE contact.tenant_id = :tenant_id AND contact.recipient_key = broken.recipient_key),
                  'soft_bounce', 'hygiene', broken.rule, now() + make_interval(days => :days)
           FROM unnest(CAST(:keys AS text[]), CAST(:rules AS text[])) AS broken (recipient_key, rule)
           ORDER BY broken.recipient_key
           ON CONFLICT ON CONSTRAINT suppression_once DO UPDATE
               SET expires_at = EXCLUDED.expires_at, detail = EXCLUDED.detail, source = EXCLUDED.source
               WHERE suppression.expires_at <= now()""",
        tenant_id=tenant_id,
        keys=list(rules),
        rules=[str(rule) for rule in rules.values()],
        days=days,
    )
