"""Bounces: what nobody has understood, for whoever teaches the table."""

from typing import Any, Final

from core.bounces import UNDERSTOOD_BY_NOBODY
from core.diagnostics import text_of
from store import bounces
from tasks.resources import Resources


_MOST: Final = 100


def not_understood(resources: Resources, *, days: int) -> list[dict[str, Any]]:
    """Return the answers of the last days that no row has understood, most frequent first, as texts without numbers.

    Args:
        resources: Of this process.
        days: How far back.
    """
    with resources.database.begin() as session:
        found = bounces.said(session, rules=UNDERSTOOD_BY_NOBODY, days=days)
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        text = text_of(row["said"])
        one = answers.setdefault(
            (row["status"], text), {"times": 0, "tenants": set(), "status": row["status"], "said": text}
        )
        one["times"] += row["times"]
        one["tenants"].update(row["slugs"])
    told = [one | {"tenants": len(one["tenants"])} for one in answers.values()]
    return sorted(told, key=lambda one: (-one["times"], one["said"]))[:_MOST]
