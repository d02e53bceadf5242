"""Turns: who waits for an account's rate, and whose turn it is. Read and written while the account's row is locked."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from core.fairness import Line, Place, Turn
from core.pacing import LONGEST_GRANT
from store.session import Row, rows, run


# Nobody who asked longer ago can still be waiting.
_MEMORY: Final = 3 * LONGEST_GRANT


def line(
    session: Session, *, region: str, tenant_id: int, virtual_time: float, express_due_at: datetime
) -> tuple[Line, datetime]:
    """Return who waits, with how this tenant stands, and the database's clock.

    Args:
        session: A transaction that has locked the account.
        region: Of the account.
        tenant_id: Who asks.
        virtual_time: What the account's row says.
        express_due_at: What the account's row says.
    """
    found = rows(
        session,
        """SELECT clock.now, t.tenant_id, t.finish, t.virtual_time, t.campaigns
           FROM (SELECT clock_timestamp() AS now) AS clock LEFT JOIN sender_turn t
             ON t.region = :region AND (t.tenant_id = :tenant_id OR t.asked_at > clock.now - :memory)""",
        region=region,
        tenant_id=tenant_id,
        memory=_MEMORY,
    )
    turns = {row["tenant_id"]: _turn(row) for row in found if row["tenant_id"] is not None}
    return Line(virtual_time=virtual_time, express_due_at=express_due_at, turns=turns), found[0]["now"]


def keep(session: Session, *, region: str, tenant_id: int, turn: Turn, now: datetime) -> None:
    """Store how a tenant that has asked stands."""
    run(
        session,
        """INSERT INTO sender_turn (region, tenant_id, finish, virtual_time, campaigns, asked_at)
           VALUES (:region, :tenant_id, :finish, :virtual_time, CAST(:campaigns AS jsonb), :now)
           ON CONFLICT (region, tenant_id) DO UPDATE SET finish = excluded.finish,
               virtual_time = excluded.virtual_time, campaigns = excluded.campaigns, asked_at = excluded.asked_at""",
        region=region,
        tenant_id=tenant_id,
        finish=turn.finish,
        virtual_time=turn.virtual_time,
        campaigns=json.dumps(
            {campaign_id: _document(place) for campaign_id, place in turn.campaigns.items()}
        ),
        now=now,
    )


def _turn(row: Row) -> Turn:
    campaigns = {int(campaign_id): _place(document) for campaign_id, document in row["campaigns"].items()}
    return Turn(finish=row["finish"], virtual_time=row["virtual_time"], campaigns=campaigns)


def _document(place: Place) -> list[Any]:
    return [place.finish, place.back_at.isoformat() if place.back_at else None, place.is_express]


def _place(document: Sequence[Any]) -> Place:
    finish, back_at, is_express = document
    moment = datetime.fromisoformat(back_at) if back_at else None
    return Place(finish=finish, back_at=moment, is_express=is_express)
