"""Bounces: what receivers have said."""

from collections.abc import Collection, Sequence

from store.session import Row, Session, rows


def said(session: Session, *, rules: Collection[str], days: int, most: int = 10_000) -> Sequence[Row]:
    """Return the masked answers that these rows of the bounce table have decided, of all tenants, most frequent first.

    Args:
        session: The transaction.
        rules: The ids of the rows.
        days: How far back.
        most: So many different answers at most.
    """
    return rows(
        session,
        """SELECT fact.detail ->> 'said' AS said, fact.detail ->> 'status' AS status, count(*) AS times,
                  array_agg(DISTINCT tenant.slug) AS slugs
           FROM delivery_fact AS fact JOIN tenant ON tenant.id = fact.tenant_id
           WHERE fact.fact IN ('bounce_transient', 'bounce_permanent') AND fact.last_at > now() - make_interval(days => :days)
             AND fact.detail ->> 'rule' = ANY(CAST(:rules AS text[]))
           GROUP BY 1, 2 ORDER BY times DESC, said LIMIT :most""",
        rules=list(rules),
        days=days,
        most=most,
    )
