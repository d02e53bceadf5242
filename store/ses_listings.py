"""SES listings: what SES's suppression list of a tenant should be told, and what it was told.

SES lists hard bounces and complaints by itself, so whoever is mailed again has to be taken off there even if we never put
the person on it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlmodel import Session

from core.suppression import TOLD_TO_SES
from store.session import Row, one, rows, run


_WORD: Final = " ".join(f"WHEN '{reason}' THEN '{word}'" for reason, word in TOLD_TO_SES.items())
_HOLDS: Final = "(s.expires_at IS NULL OR s.expires_at > now())"

# Of a person who is suppressed for several reasons the complaint is told: max('BOUNCE', 'COMPLAINT').
_WANTED: Final = f"""
    WITH wanted AS (
        SELECT s.recipient_key, max(s.address) AS address,
               max(CASE s.reason {_WORD} END) FILTER (WHERE {_HOLDS} AND s.expires_at IS NULL) AS reason,
               bool_or({_HOLDS}) AS holds
        FROM suppression s
        WHERE s.tenant_id = :tenant_id AND s.scope = 'tenant' AND s.reason IN ({", ".join(f"'{one}'" for one in TOLD_TO_SES)})
          AND s.recipient_key > :after
        GROUP BY s.recipient_key
    ), due AS (
        SELECT w.recipient_key, w.address, w.reason FROM wanted w
        LEFT JOIN ses_listing l ON l.tenant_id = :tenant_id AND l.recipient_key = w.recipient_key
        WHERE w.address IS NOT NULL AND (
            w.reason IS NOT NULL AND w.reason IS DISTINCT FROM l.reason
            OR NOT w.holds AND (l.recipient_key IS NULL OR l.reason IS NOT NULL))
    )"""  # noqa: S608  # the only text put in is our own words


def due(session: Session, *, tenant_id: int, after: str, limit: int) -> Sequence[Row]:
    """Return people of whom SES's list should be told something, in order of recipient key, with what: a reason or nothing.

    Args:
        session: The transaction.
        tenant_id: Whose.
        after: The last recipient key of the page before; "" for the first.
        limit: So many.
    """
    return rows(
        session,
        f"{_WANTED} SELECT recipient_key, address, reason FROM due ORDER BY recipient_key LIMIT :limit",  # noqa: S608  # see above
        tenant_id=tenant_id,
        after=after,
        limit=limit,
    )


def left(session: Session, *, tenant_id: int) -> int:
    """Count the people of whom SES's list should still be told something."""
    row = one(
        session,
        f"{_WANTED} SELECT count(*) AS people FROM due",  # noqa: S608  # see above
        tenant_id=tenant_id,
        after="",
    )
    assert row is not None
    people: int = row["people"]
    return people


def told(session: Session, *, tenant_id: int, reasons: Mapping[str, str | None]) -> None:
    """Remember what SES's list was told of people: the reason by recipient key, None for who was taken off."""
    run(
        session,
        """INSERT INTO ses_listing (tenant_id, recipient_key, reason)
           SELECT :tenant_id, * FROM unnest(CAST(:keys AS text[]), CAST(:reasons AS text[]))
           ON CONFLICT (tenant_id, recipient_key) DO UPDATE SET reason = EXCLUDED.reason, told_at = now()""",
        tenant_id=tenant_id,
        keys=list(reasons),
        reasons=list(reasons.values()),
    )
