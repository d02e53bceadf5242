"""Vanguard: hold a large campaign after its first messages until it is known what became of them.

Nobody sleeps for it. The run ends with a sentence that says what it waits for, and dispatch carries the campaign on: as soon as
nine in ten are known, which the events bring about, or after half an hour.
"""

from datetime import timedelta

from core.breakers import VANGUARD_PATIENCE
from core.runs import Ending
from store import vanguards
from store.session import Database, Session
from tasks import breakers
from tasks.messages import Job
from tasks.stopping import Stop


POLICY = "vanguard_from"  # in `tenant.policies`; else the setting of that name


def is_wanted(audience: int, *, setting: int, policies: dict[str, int]) -> bool:
    """Whether a campaign of so many messages has a vanguard; 0 stands for never."""
    least = policies.get(POLICY, setting)
    return 0 < least <= audience


class Hold:
    """The vanguard of one campaign, for one sender."""

    def __init__(self, job: Job) -> None:
        self._key = {"tenant_id": job.tenant_id, "campaign_id": job.campaign_id}
        self._is_over = False

    def look(self, database: Database) -> int | None:
        """Return how many messages may be claimed; None when no vanguard holds the campaign any more.

        What the breakers say of it is asked before the others go.

        Raises:
            Stop: The first messages have left, and what became of them is not known yet.
        """
        if self._is_over:
            return None
        with database.begin() as session:
            found = vanguards.find(session, **self._key)
            if found is None or found[0].is_over:
                if found:
                    breakers.apply(session, self._key["tenant_id"], [self._key["campaign_id"]])
                    vanguards.end(session, **self._key)
                self._is_over = True
                return None
        standing, waited = found
        if standing.room == 0:
            wait = max(VANGUARD_PATIENCE - waited, timedelta(seconds=1))
            raise Stop(Ending.ALLOWANCE, wait=wait, reason=standing.why.removesuffix("."))
        return standing.room

    def room(self, session: Session) -> int | None:
        """Return how many calls may be begun in this transaction; None for any number."""
        return None if self._is_over else vanguards.room(session, **self._key)

    def use(self, session: Session, calls: int) -> None:
        """Count calls that are begun; below zero, those that were not sent after all."""
        if calls and not self._is_over:
            vanguards.use(session, **self._key, calls=calls)
