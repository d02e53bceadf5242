"""Warm-up schedules: the ways in which a sending domain may become warm, by the name that a person chooses.

Terms:
    adaptive: a cap for each mailbox provider, decided from what became of its messages (`core.warmup_controller`).
    ladder: one cap for all providers together, our own steps (`core.warmup`).
    table: the same with the days of a published table (`core.warmup_tables`), whose author's name it bears.
    warm: no schedule; nothing holds the domain but the account's rate and quota.

Invariants:
    A table is climbed as the ladder is: a day that was not used, not known or not welcome is no reason to climb, whatever
    its author says.
"""

from collections.abc import Sequence
from typing import Final

from core import warmup
from core.errors import InputError
from core.warmup_tables import SCHEDULES


ADAPTIVE: Final = "adaptive"
LADDER: Final = "ladder"
WARM: Final = "warm"


def names() -> tuple[str, ...]:
    """Return the names of all schedules, the one that we advise first."""
    return (ADAPTIVE, LADDER, *sorted(SCHEDULES))


def steps(schedule: str | None) -> Sequence[int]:
    """Return the messages a day of a schedule that is a ladder or a table.

    Raises:
        InputError: There is no such schedule, or it has no steps because it is adaptive.
    """
    if schedule == LADDER:
        return warmup.LADDER
    if schedule is None or schedule not in SCHEDULES:
        raise InputError(
            f"there is no schedule {schedule!r} with steps", hint=f"One of {', '.join(names())}."
        )
    return SCHEDULES[schedule].days
