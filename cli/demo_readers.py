"""Readers of the demo: some of them press the button that leaves the list, as their mail program would."""

import random
import urllib.request
from collections.abc import Sequence
from typing import Final

from cli import processes
from core.deliveries import State
from store import campaigns, tenants
from tasks.messages import links_of
from tasks.resources import Resources


SHARE: Final = 0.004
FEWEST: Final = 3
ONE_CLICK: Final = b"List-Unsubscribe=One-Click"  # RFC 8058, 3.1


def leave(resources: Resources, web: str, *, tenant_id: int, campaign_id: int, seed: int) -> int:
    """Let some of those who got a campaign unsubscribe by one click, over HTTP; return how many.

    Args:
        resources: Whose keys sign the links.
        web: The address of the web application.
        tenant_id: Whose campaign.
        campaign_id: Which.
        seed: The same seed chooses the same readers.
    """
    with resources.database.begin() as session:
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        ledger = campaigns.ledger(session, tenant_id=tenant_id, campaign_id=campaign_id)
    got_it = [row["id"] for row in ledger if row["state"] == State.SENT]
    leaving = _some(got_it, seed)
    for delivery_id in leaving:
        link = links_of(resources, tenant, delivery_id=delivery_id).unsubscribe
        _press(web + link.removeprefix(resources.settings.public_url))
    return len(leaving)


def _some(delivery_ids: Sequence[int], seed: int) -> list[int]:
    wanted = min(max(round(len(delivery_ids) * SHARE), FEWEST), len(delivery_ids))
    return random.Random(seed).sample(delivery_ids, wanted)  # noqa: S311  # a dice for readers


def _press(url: str) -> None:
    request = urllib.request.Request(url, data=ONE_CLICK, method="POST")  # noqa: S310  # our own URL
    with processes.LOCAL.open(request, timeout=30):
        pass
