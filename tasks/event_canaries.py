"""Event canaries: a message of each doubtful tenant to SES's mailbox simulator, in the ledger of tests."""

import secrets
from collections.abc import Sequence
from typing import Final

from core import addresses, event_canary
from core.errors import PosthouseError, SendingError
from core.event_canary import ADDRESS, PREFIX
from core.message import Message
from core.pipeline import Canary
from core.rendering import Content
from core.seeds import SeedState
from models import Tenant
from store import reconciliation, tenants
from store.seed_sends import Request
from store.seeds import Seed
from tasks import seed_calls
from tasks.calls import Answer, Call
from tasks.resources import Resources
from tasks.seed_calls import Trial


_WHAT: Final = "event-canary"
_TEXT: Final = "A message to Amazon's mailbox simulator, to see that its events come back."


def send(resources: Resources, *, tenant_id: int) -> str:
    """Send one canary for a tenant; return why it was not sent, or nothing.

    It goes the way of tests: the account's rate, its blocks and its quarantine hold it as they hold all mail.
    """
    with resources.database.begin() as session:
        tenant = tenants.by_id(session, tenant_id=tenant_id)
    request = Request(
        request_id=f"{PREFIX}{secrets.token_urlsafe(9)}", template_digest=_WHAT, actor="reconcile-events"
    )
    trial = Trial(
        tenant=tenant, request=request, message=_message(tenant), seeds=[_seed(resources)], what=_WHAT
    )
    try:
        standing, suppressed = seed_calls.send(resources, trial, lambda *given: _call(resources, *given))
    except PosthouseError as error:
        return error.message
    if suppressed:
        return "the mailbox simulator's address is suppressed here"
    states = {row["state"]: row["outcome_code"] for row in standing.values()}
    failed = [
        f"{state}: {code}"
        for state, code in states.items()
        if state in {SeedState.FAILED, SeedState.NOT_SENT}
    ]
    return ", ".join(failed)


def newest(resources: Resources, *, tenant_id: int, slug: str) -> Canary | None:
    """Return the newest canary of the last day and what has not brought it back."""
    with resources.database.begin() as session:
        row = reconciliation.newest_canary(session, tenant_id=tenant_id, prefix=PREFIX)
    if row is None:
        return None
    return Canary(tenant=slug, age=row["age"], missing=event_canary.missing(row["reported"].keys()))


def _seed(resources: Resources) -> Seed:
    address = addresses.parse(ADDRESS)
    return Seed(addresses.recipient_key(address.comparable, resources.secrets.recipient_key), ADDRESS)


def _message(tenant: Tenant) -> Message:
    return Message(
        from_header=tenant.from_address,
        reply_to=tenant.reply_to,
        recipient=ADDRESS,
        content=Content(subject="Event canary", html=f"<p>{_TEXT}</p>", text=_TEXT),
        configuration_set=tenant.configuration_set,
        ses_tenant_name=tenant.ses_tenant_name,
    )


def _call(resources: Resources, calls: Sequence[Call], deadline: float) -> list[Answer]:
    answers: list[Answer] = []
    for attempt, message in calls:
        try:
            answers.append((attempt, resources.ses.send(message, deadline=deadline)))
        except SendingError as error:
            answers.append((attempt, error))
    return answers
