"""Rollups: the sums of facts, brought up to date set by set; `core.rollups` says why they are right."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session

from core.facts import Fact
from core.rollups import HOUR_FORMAT, NO_DOMAIN, Dimension, Rollup, Sums
from store.session import one, rows


# How many facts one transaction counts.
BATCH = 20_000

# The condition of the index `delivery_fact_uncounted`, word for word, or PostgreSQL does not use it.
_LABELS = "coalesce(f.detail -> 'links', f.detail -> 'class')"
_UNCOUNTED = f"(f.counted_at IS DISTINCT FROM f.first_at OR f.counted_as IS DISTINCT FROM {_LABELS})"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many facts were counted, and of which campaigns."""

    facts: int
    campaigns: frozenset[int]


def refresh(session: Session, *, tenant_id: int, limit: int = BATCH) -> Counted:
    """Count facts that the sums do not hold yet. Fewer than `limit`: all of them.

    A row that somebody else changes or counts at this moment is left for the next time.
    """
    row = one(
        session,
        f"""WITH uncounted AS MATERIALIZED (
                SELECT f.delivery_id, f.fact, f.first_at, {_LABELS} AS labels, f.counted_at, f.counted_as
                FROM delivery_fact f WHERE f.tenant_id = :tenant_id AND {_UNCOUNTED}
                ORDER BY f.delivery_id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
            ), counted AS (
                UPDATE delivery_fact f SET counted_at = u.first_at, counted_as = u.labels
                FROM uncounted u
                WHERE f.tenant_id = :tenant_id AND f.delivery_id = u.delivery_id AND f.fact = u.fact
            ), placed AS MATERIALIZED (
                SELECT u.*, d.campaign_id, d.provider, d.tier,
                       CASE WHEN position('@' IN k.address) > 0 THEN lower(split_part(k.address, '@', -1))
                            ELSE :no_domain END AS domain
                FROM uncounted u
                JOIN delivery d ON d.tenant_id = :tenant_id AND d.id = u.delivery_id
                JOIN contact k ON k.tenant_id = :tenant_id AND k.id = d.contact_id
            ), moved AS (
                SELECT placed.*, first_at AS at, 1 AS deliveries FROM placed WHERE counted_at IS DISTINCT FROM first_at
                UNION ALL
                SELECT placed.*, counted_at, -1 FROM placed WHERE counted_at <> first_at
            ), grown AS (
                SELECT m.campaign_id, cell.dimension, cell.key, m.fact, m.deliveries
                FROM moved m CROSS JOIN LATERAL (VALUES
                    ('all', ''), ('provider', m.provider), ('domain', m.domain), ('segment', m.tier::text),
                    ('hour', to_char(m.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'))) AS cell (dimension, key)
                UNION ALL
                -- Several links are an array, the one class of a bounce is a text.
                SELECT p.campaign_id, CASE jsonb_typeof(l.labels) WHEN 'array' THEN 'link' ELSE 'class' END, key, p.fact,
                       l.deliveries
                FROM placed p CROSS JOIN LATERAL (VALUES (p.labels, 1), (p.counted_as, -1)) AS l (labels, deliveries)
                CROSS JOIN LATERAL jsonb_array_elements_text(
                    CASE jsonb_typeof(l.labels) WHEN 'array' THEN l.labels ELSE jsonb_build_array(l.labels) END) AS key
                WHERE l.labels IS NOT NULL
            ), summed AS (
                INSERT INTO campaign_rollup AS r (tenant_id, campaign_id, dimension, key, fact, deliveries)
                SELECT :tenant_id, campaign_id, dimension, key, fact, sum(deliveries) FROM grown
                GROUP BY campaign_id, dimension, key, fact HAVING sum(deliveries) <> 0
                ORDER BY campaign_id, dimension, key, fact
                ON CONFLICT (tenant_id, campaign_id, dimension, key, fact)
                DO UPDATE SET deliveries = r.deliveries + EXCLUDED.deliveries
            )
            SELECT count(*) AS facts, array_agg(DISTINCT campaign_id) AS campaigns FROM placed""",  # noqa: S608  # no value is in it
        tenant_id=tenant_id,
        limit=limit,
        no_domain=NO_DOMAIN,
    )
    assert row is not None
    return Counted(row["facts"], frozenset(row["campaigns"] or ()))


def uncounted(session: Session, *, tenant_id: int) -> bool:
    """Whether the sums lack something."""
    return bool(
        rows(
            session,
            f"SELECT FROM delivery_fact f WHERE f.tenant_id = :tenant_id AND {_UNCOUNTED} LIMIT 1",
            tenant_id=tenant_id,
        )
    )


def of_campaign(session: Session, *, tenant_id: int, campaign_id: int, most: int = 20) -> Rollup:
    """Return the sums of a campaign as they stand, the largest keys of each dimension first, hours by time.

    Args:
        session: The caller's transaction.
        tenant_id: Whose.
        campaign_id: Which.
        most: How many domains and links; there may be as many domains as people.
    """
    found = rows(
        session,
        """SELECT dimension, key, fact, deliveries FROM campaign_rollup
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND deliveries <> 0
             AND dimension IN ('all', 'provider', 'segment', 'hour', 'class')
           UNION ALL
           SELECT r.dimension, r.key, r.fact, r.deliveries
           FROM (SELECT dimension, key, row_number() OVER (
                            PARTITION BY dimension ORDER BY sum(deliveries) DESC, key) AS place
                 FROM campaign_rollup
                 WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
                   AND (dimension = 'link' OR (dimension = 'domain' AND fact = 'sent'))
                 GROUP BY dimension, key) AS largest
           JOIN campaign_rollup r ON r.tenant_id = :tenant_id AND r.campaign_id = :campaign_id
                AND r.dimension = largest.dimension AND r.key = largest.key
           WHERE largest.place <= :most AND r.deliveries <> 0""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        most=most,
    )
    by: dict[str, dict[str, Sums]] = {str(dimension): {} for dimension in Dimension}
    for row in found:
        by[row["dimension"]].setdefault(row["key"], {})[row["fact"]] = row["deliveries"]
    return Rollup(
        totals=by[Dimension.ALL].get("", {}),
        providers=_largest_first(by[Dimension.PROVIDER]),
        segments={int(key): by[Dimension.SEGMENT][key] for key in sorted(by[Dimension.SEGMENT])},
        domains=_largest_first(by[Dimension.DOMAIN]),
        links=_largest_first(by[Dimension.LINK]),
        classes=_largest_first(by[Dimension.CLASS]),
        hours={_hour(key): by[Dimension.HOUR][key] for key in sorted(by[Dimension.HOUR])},
    )


def cells(session: Session, *, tenant_id: int, campaign_id: int) -> Mapping[tuple[str, str, str], int]:
    """Return every sum of a campaign by dimension, key and fact."""
    found = rows(
        session,
        """SELECT dimension, key, fact, deliveries FROM campaign_rollup
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND deliveries <> 0""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return {(row["dimension"], row["key"], row["fact"]): row["deliveries"] for row in found}


def _largest_first(sums: Mapping[str, Sums]) -> dict[str, Sums]:
    def size(key: str) -> tuple[int, str]:
        return -sums[key].get(Fact.SENT, max(sums[key].values(), default=0)), key

    return {key: sums[key] for key in sorted(sums, key=size)}


def _hour(key: str) -> datetime:
    return datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC)
