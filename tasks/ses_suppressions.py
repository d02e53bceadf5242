"""SES's suppression lists as a backstop: each tenant's own is told who must not be mailed, and who may be again.

What stops a message is our own suppression, asked in the transaction of its intent. SES's list is for the day on which that fails, or
on which somebody sends for the tenant by another way. Every call may be made twice, and what was told is remembered some
calls at a time, so that a killed run goes on where it stopped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from core import addresses
from core.errors import MessageRejectedError, SendingError
from gateways.ses_suppression import ListReason
from store import ses_listings, tenants
from store.session import Row
from tasks.log import run_logger
from tasks.resources import Resources


PAGE: Final = 100
# SES refuses a single address that it cannot parse, and in its sandbox every call.
REFUSALS_IN_A_ROW: Final = 5

Sleep = Callable[[float], None]


@dataclass(slots=True)
class Synced:
    """What SES's list of one tenant was told, what is left for the next run, and why it stopped, if it did."""

    put: int = 0
    deleted: int = 0
    refused: int = 0  # SES takes no such address; nothing can be mailed to it either
    left: int = 0
    why: str = ""
    in_a_row: int = 0  # of the refusals, those since the last that was none
    news: dict[str, str | None] = field(default_factory=dict, repr=False)  # told, and not yet remembered

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {
            "put": self.put,
            "deleted": self.deleted,
            "refused": self.refused,
            "left": self.left,
            "why": self.why,
        }


def sync(resources: Resources, *, tenant_id: int, seconds: float, sleep: Sleep = time.sleep) -> Synced:
    """Tell SES's list of a tenant what it should know, for about so long, no faster than SES takes it.

    A tenant without a tenant at SES has no list of its own, and nothing is told: the account's list would stop other tenants' mail.

    Args:
        resources: Of this process.
        tenant_id: Whose.
        seconds: For how long.
        sleep: Waits between calls.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        name = tenants.by_id(session, tenant_id=tenant_id).ses_tenant_name
    done = Synced()
    if not name:
        done.why = "the tenant has no tenant at SES, and so no list of its own"
        return done
    try:
        _tell(resources, tenant_id, name, done, time.monotonic() + seconds, sleep)
    except SendingError as error:
        done.why = f"SES: {error.message}"
        run_logger().warning("SES's suppression list of tenant %d is not up to date: %s", tenant_id, done.why)
    with resources.database.begin() as session:
        done.left = ses_listings.left(session, tenant_id=tenant_id) - done.refused
    return done


def _tell(resources: Resources, tenant_id: int, name: str, done: Synced, ends: float, sleep: Sleep) -> None:
    pause, after, is_first = 1 / resources.settings.ses_list_calls_per_second, "", True
    while page := _page(resources, tenant_id, after):
        if is_first:
            resources.suppression_lists.use_own_list(name)
            sleep(pause)
            is_first = False
        try:
            for row in page:
                if time.monotonic() > ends:
                    return
                if done.in_a_row == REFUSALS_IN_A_ROW:
                    done.why = "SES refuses one address after another; its sandbox keeps no lists"
                    return
                _tell_of(resources, name, row, done)
                after = row["recipient_key"]
                sleep(pause)
        finally:
            _remember(resources, tenant_id, done)


def _page(resources: Resources, tenant_id: int, after: str) -> list[Row]:
    with resources.database.begin() as session:
        return list(ses_listings.due(session, tenant_id=tenant_id, after=after, limit=PAGE))


def _tell_of(resources: Resources, name: str, row: Row, done: Synced) -> None:
    """Put one person on the list, or take the person off it."""
    lists = resources.suppression_lists
    try:
        if row["reason"] is None:
            lists.delete(row["address"], ses_tenant_name=name)
            done.deleted += 1
        else:
            lists.put(row["address"], ListReason(row["reason"]), ses_tenant_name=name)
            done.put += 1
    except MessageRejectedError:
        done.refused += 1
        done.in_a_row += 1
    else:
        done.in_a_row = 0
        done.news[row["recipient_key"]] = row["reason"]


def _remember(resources: Resources, tenant_id: int, done: Synced) -> None:
    news = dict(done.news)
    if news:
        resources.database.repeat(
            lambda session: ses_listings.told(session, tenant_id=tenant_id, reasons=news)
        )
        done.news.clear()


def forget(resources: Resources, *, tenant_id: int, address: str) -> bool:
    """Take a person who is being erased off SES's list, which holds the address itself; return whether there is such a list.

    Call it before the address is erased here. The suppression goes on to hold by recipient key.

    Raises:
        NotFoundError: There is no such tenant.
        InvalidAddressError: It is not an address.
        SendingError: SES refused or did not answer: the address may still be there.
    """
    parsed = addresses.parse(address)
    key = addresses.recipient_key(parsed.comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        name = tenants.by_id(session, tenant_id=tenant_id).ses_tenant_name
    if not name:
        return False
    # SES keeps the case of a local part: both spellings that we could have put there.
    for spelling in dict.fromkeys((parsed.deliverable, parsed.comparable)):
        resources.suppression_lists.delete(spelling, ses_tenant_name=name)
    with resources.database.begin() as session:
        ses_listings.told(session, tenant_id=tenant_id, reasons={key: None})
    return True
