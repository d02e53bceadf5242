"""Breakers: the counts that they judge, moved with the facts, and what they have said; see `core.breakers`.

Whoever counts holds the tenant's row until the end of the transaction. Of two appliers of events the second therefore judges
what the first has counted too, and no trip falls between them. Nobody who sends waits for that row.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from core import breaker_counts
from core.breaker_counts import WINDOW_DAYS, Cell, Days, Moved, Placed
from core.breakers import FIRST_COMPLAINTS, SLOW_PACE, Counts, Level, Scope
from store.session import Row, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What a breaker has said: its level, the gravest that a person was told of, and since when it is tripped."""

    scope: Scope
    subject: str = ""
    level: Level = Level.CLEAR
    told: Level = Level.CLEAR
    why: str = ""
    tripped_at: datetime | None = None
    epoch_at: datetime | None = None
    base: Mapping[str, list[int]] = field(default_factory=dict)


# Counting


def count(session: Session, *, tenant_id: int, moved: Iterable[Moved]) -> dict[Cell, Counts]:
    """Count what changed; return by how much each cell has grown."""
    changed = list(moved)
    grown = breaker_counts.changes(changed)
    if not grown:
        return {}
    _hold(session, tenant_id)
    cells = sorted(grown)
    run(
        session,
        """INSERT INTO breaker_count AS c (tenant_id, campaign_id, provider, on_day, resolved, bounced, complained)
           SELECT :tenant_id, * FROM unnest(
               CAST(:campaigns AS bigint[]), CAST(:providers AS text[]), CAST(:days AS date[]),
               CAST(:resolved AS bigint[]), CAST(:bounced AS bigint[]), CAST(:complained AS bigint[]))
           ON CONFLICT (tenant_id, campaign_id, provider, on_day) DO UPDATE SET
               resolved = c.resolved + EXCLUDED.resolved, bounced = c.bounced + EXCLUDED.bounced,
               complained = c.complained + EXCLUDED.complained""",
        tenant_id=tenant_id,
        campaigns=[cell.campaign_id for cell in cells],
        providers=[cell.provider for cell in cells],
        days=[cell.day for cell in cells],
        resolved=[grown[cell].resolved for cell in cells],
        bounced=[grown[cell].bounced for cell in cells],
        complained=[grown[cell].complained for cell in cells],
    )
    for campaign_id, more in breaker_counts.placed(changed).items():
        _note_first(session, tenant_id, campaign_id, more)
    return grown


def _hold(session: Session, tenant_id: int) -> None:
    run(session, "SELECT FROM tenant WHERE id = :tenant_id FOR NO KEY UPDATE", tenant_id=tenant_id)


def _note_first(session: Session, tenant_id: int, campaign_id: int, more: Sequence[Placed]) -> None:
    known = _first(session, tenant_id, campaign_id)
    first = breaker_counts.first_of(known, more)
    if first == known:
        return
    run(
        session,
        """INSERT INTO breaker_first (tenant_id, campaign_id, messages)
           VALUES (:tenant_id, :campaign_id, CAST(:messages AS jsonb))
           ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET messages = EXCLUDED.messages""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        messages=json.dumps(first),
    )


def _first(session: Session, tenant_id: int, campaign_id: int) -> list[Placed]:
    row = one(
        session,
        "SELECT messages FROM breaker_first WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return [Placed(*message) for message in row["messages"]] if row else []


def of_campaigns(session: Session, *, tenant_id: int, campaign_ids: Collection[int]) -> dict[int, Days]:
    """Return the counts of campaigns since they began, by day."""
    found = rows(
        session,
        """SELECT campaign_id, on_day, sum(resolved)::bigint AS resolved, sum(bounced)::bigint AS bounced,
                  sum(complained)::bigint AS complained
           FROM breaker_count WHERE tenant_id = :tenant_id AND campaign_id = ANY(:campaign_ids)
           GROUP BY campaign_id, on_day""",
        tenant_id=tenant_id,
        campaign_ids=list(campaign_ids),
    )
    counted: dict[int, Days] = {}
    for row in found:
        counted.setdefault(row["campaign_id"], {})[row["on_day"]] = _counts(row)
    return counted


def lately(session: Session, *, tenant_id: int) -> dict[str, Days]:
    """Return the counts of the messages of the last seven days, by mailbox provider and day."""
    found = rows(
        session,
        """SELECT provider, on_day, sum(resolved)::bigint AS resolved, sum(bounced)::bigint AS bounced,
                  sum(complained)::bigint AS complained
           FROM breaker_count
           WHERE tenant_id = :tenant_id AND on_day > (clock_timestamp() AT TIME ZONE 'UTC')::date - CAST(:days AS int)
           GROUP BY provider, on_day""",
        tenant_id=tenant_id,
        days=WINDOW_DAYS,
    )
    counted: dict[str, Days] = {}
    for row in found:
        counted.setdefault(row["provider"], {})[row["on_day"]] = _counts(row)
    return counted


def are_abreast(session: Session, *, tenant_id: int) -> bool:
    """Whether the tenant's deliveries are known as far as its bounces and complaints (`core.breaker_counts`)."""
    row = one(
        session,
        """SELECT clock_timestamp() AS now,
                  (SELECT max(last_at) FROM delivery_fact WHERE tenant_id = :tenant_id AND fact = 'delivery') AS delivered_at,
                  greatest(
                      (SELECT max(last_at) FROM delivery_fact WHERE tenant_id = :tenant_id AND fact = 'bounce_permanent'),
                      (SELECT max(last_at) FROM delivery_fact WHERE tenant_id = :tenant_id AND fact = 'complaint')) AS hit_at""",
        tenant_id=tenant_id,
    )
    assert row is not None
    return breaker_counts.are_abreast(**row)


def complained_of_first(session: Session, *, tenant_id: int, campaign_id: int) -> int:
    """Count the complaints about a campaign's first fifty resolved messages."""
    row = one(
        session,
        """SELECT count(*) AS complaints FROM delivery_fact
           WHERE tenant_id = :tenant_id AND delivery_id = ANY(:ids) AND fact = 'complaint'""",
        tenant_id=tenant_id,
        ids=[message.delivery_id for message in _first(session, tenant_id, campaign_id)],
    )
    assert row is not None
    complaints: int = row["complaints"]
    return complaints


def _counts(row: Row) -> Counts:
    return Counts(resolved=row["resolved"], bounced=row["bounced"], complained=row["complained"])


# What they have said


def find(session: Session, *, tenant_id: int) -> dict[tuple[Scope, str], Breaker]:
    """Return what a tenant's breakers have said, by scope and subject; one that never said anything is not there."""
    found = rows(
        session,
        """SELECT scope, subject, level, told, why, tripped_at, epoch_at, base FROM breaker
           WHERE tenant_id = :tenant_id ORDER BY scope, subject""",
        tenant_id=tenant_id,
    )
    return {
        (Scope(row["scope"]), row["subject"]): Breaker(
            scope=Scope(row["scope"]),
            subject=row["subject"],
            level=Level(row["level"]),
            told=Level(row["told"]),
            why=row["why"],
            tripped_at=row["tripped_at"],
            epoch_at=row["epoch_at"],
            base=row["base"],
        )
        for row in found
    }


def say(session: Session, *, tenant_id: int, scope: Scope, subject: str, level: Level, why: str) -> None:
    """Remember what a breaker says now; a trip is remembered until a person lets it go on."""
    run(
        session,
        """INSERT INTO breaker AS b (tenant_id, scope, subject, level, told, why, tripped_at)
           VALUES (:tenant_id, :scope, :subject, :level, :level, :why,
                   CASE WHEN :level >= :trip THEN clock_timestamp() END)
           ON CONFLICT (tenant_id, scope, subject) DO UPDATE SET
               level = EXCLUDED.level, told = greatest(b.told, EXCLUDED.told), why = EXCLUDED.why,
               tripped_at = EXCLUDED.tripped_at""",
        tenant_id=tenant_id,
        scope=scope,
        subject=subject,
        level=int(level),
        why=why,
        trip=int(Level.TRIP),
    )


def pace(session: Session, *, tenant_id: int, campaign_id: int) -> float:
    """Return the part of its pace that a campaign has: a quarter when its breaker, or its tenant's, says slow."""
    row = one(
        session,
        """SELECT EXISTS (
               SELECT FROM breaker WHERE tenant_id = :tenant_id AND level = :slow
                 AND (scope = 'tenant' OR (scope = 'campaign' AND subject = :campaign_id))) AS is_slow""",
        tenant_id=tenant_id,
        campaign_id=str(campaign_id),
        slow=int(Level.SLOW),
    )
    return SLOW_PACE if row and row["is_slow"] else 1.0


def in_words(session: Session, *, tenant_id: int, campaign_id: int) -> str:
    """Return what breakers say of a campaign that is being sent, and of its tenant; empty when all is well."""
    said = find(session, tenant_id=tenant_id)
    told = {
        each.why: f"No mail to {each.subject}. {each.why}"
        if each.scope is Scope.TENANT_AT_PROVIDER
        else each.why
        for each in said.values()
        if each.level > Level.CLEAR and (each.scope is not Scope.CAMPAIGN or each.subject == str(campaign_id))
        if each.scope is not Scope.TENANT_AT_PROVIDER or each.tripped_at
    }
    return " ".join(told.values())


def begin_epoch(session: Session, *, tenant_id: int, scope: Scope, subject: str = "") -> bool:
    """Let only what comes from now on count, because a person lets the sender go on; return whether it was tripped."""
    _hold(session, tenant_id)
    before = find(session, tenant_id=tenant_id).get((scope, subject), Breaker(scope=scope, subject=subject))
    run(
        session,
        """INSERT INTO breaker AS b (tenant_id, scope, subject, epoch_at, base)
           VALUES (:tenant_id, :scope, :subject, clock_timestamp(), CAST(:base AS jsonb))
           ON CONFLICT (tenant_id, scope, subject) DO UPDATE SET
               level = EXCLUDED.level, told = EXCLUDED.told, why = EXCLUDED.why, tripped_at = NULL,
               epoch_at = EXCLUDED.epoch_at, base = EXCLUDED.base""",
        tenant_id=tenant_id,
        scope=scope,
        subject=subject,
        base=json.dumps(_base(session, tenant_id, scope, subject)),
    )
    return before.tripped_at is not None


def _base(session: Session, tenant_id: int, scope: Scope, subject: str) -> dict[str, list[int]]:
    key = {"tenant_id": tenant_id}
    if scope is Scope.CAMPAIGN:
        campaign_id = int(subject)
        days = of_campaigns(session, **key, campaign_ids=[campaign_id]).get(campaign_id, {})
        first = complained_of_first(session, **key, campaign_id=campaign_id)
        return breaker_counts.base_of(days, first)
    week = lately(session, **key)
    return breaker_counts.base_of(
        week.get(subject, {}) if subject else breaker_counts.together(week.values())
    )


def early(session: Session, *, tenant_id: int, campaign_id: int, counts: Counts) -> int:
    """Return the complaints about the first fifty, where there are enough of any that it matters."""
    if counts.complained < FIRST_COMPLAINTS:
        return 0
    return complained_of_first(session, tenant_id=tenant_id, campaign_id=campaign_id)


# For whom a person looks when one is tripped


def causes(
    session: Session,
    *,
    tenant_id: int,
    fact: str,
    campaign_id: int | None = None,
    provider: str | None = None,
    most: int = 3,
) -> dict[str, dict[str, int]]:
    """Count hits of the last seven days, of a campaign since it began, by reason, by list, and by where consent came from."""
    found = rows(
        session,
        """WITH hit AS MATERIALIZED (
               SELECT f.detail ->> 'reason' AS reason, a.name AS audience, k.consent_source AS source
               FROM delivery_fact f
               JOIN delivery d ON d.tenant_id = f.tenant_id AND d.id = f.delivery_id
               JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
               JOIN audience a ON a.tenant_id = c.tenant_id AND a.id = c.audience_id
               JOIN contact k ON k.tenant_id = d.tenant_id AND k.id = d.contact_id
               WHERE f.tenant_id = :tenant_id AND f.fact = :fact
                 AND (CAST(:campaign_id AS bigint) IS NULL OR d.campaign_id = :campaign_id)
                 AND (CAST(:campaign_id AS bigint) IS NOT NULL OR f.last_at > now() - :window)
                 AND (CAST(:provider AS text) IS NULL OR d.provider = :provider)
           )
           SELECT 'reasons' AS what, reason AS which, count(*) AS hits FROM hit GROUP BY reason
           UNION ALL SELECT 'lists', audience, count(*) FROM hit GROUP BY audience
           UNION ALL SELECT 'sources', source, count(*) FROM hit GROUP BY source
           ORDER BY hits DESC, which""",
        tenant_id=tenant_id,
        fact=fact,
        campaign_id=campaign_id,
        provider=provider,
        window=timedelta(days=WINDOW_DAYS),
    )
    told: dict[str, dict[str, int]] = {"reasons": {}, "lists": {}, "sources": {}}
    for row in found:
        if row["which"] and len(told[row["what"]]) < most:
            told[row["what"]][row["which"]] = row["hits"]
    return told
