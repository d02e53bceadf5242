"""Canary: send one mail by both of SES's calls to somebody who compares them, and keep that it was done."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core import canary
from core.errors import InputError, SendingError
from core.message import Message
from core.seeds import SeedState
from core.tenants import DeliveryApi
from models import Tenant
from store import accounts, tenants
from store.seed_sends import Request
from tasks import accounts as quota
from tasks import seeds
from tasks.calls import Answer, Call
from tasks.messages import message_for
from tasks.resources import Resources
from tasks.seed_calls import Caller, Trial
from tasks.seeds import REFUSED, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What became of the two mails."""

    tenant: str
    region: str
    single: Told
    bulk: Told

    @property
    def ok(self) -> bool:
        """Whether SES took both, so that there is something to compare."""
        return self.single.state == self.bulk.state == SeedState.SENT

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        told = {DeliveryApi.SINGLE: self.single, DeliveryApi.BULK: self.bulk}
        mails = [
            {
                "delivery_api": str(api),
                "state": one.state,
                "why": one.why,
                "ses_message_id": one.ses_message_id,
            }
            for api, one in told.items()
        ]
        return {
            "ok": self.ok,
            "tenant": self.tenant,
            "region": self.region,
            "messages": mails,
            "compare": [*canary.COMPARE],
        }


def run(resources: Resources, *, address: str, tenant_slug: str | None, actor: str) -> Canary:
    """Send the canary both ways to one address; when SES took both, the region's account remembers when.

    Args:
        resources: Of this process.
        address: Of somebody who compares the two.
        tenant_slug: Who sends; may be None where there is one tenant alone.
        actor: Who asked for it, for the audit.

    Raises:
        InvalidAddressError: It is no address.
        InputError: It is suppressed, or nobody says which of several tenants sends.
        NotFoundError: There is no such tenant.
        ConflictError: The tenant is paused, or the account rests.
        SendingError: SES does not answer.
    """
    quota.refresh(resources)
    tenant, seed = _tenant(resources, tenant_slug), seeds.seed_of(resources, address)
    job = seeds.job_of(resources, tenant, canary.SOURCES)
    message = message_for(resources, job, seeds.nobody(0, seed.address, canary.ATTRIBUTES))
    request = f"canary:{secrets.token_urlsafe(9)}"

    def send(what: str, call: Caller) -> Told:
        asked = Request(request_id=f"{request}:{what}", template_digest=canary.SOURCES.digest(), actor=actor)
        trial = Trial(tenant=tenant, request=asked, message=message, seeds=[seed], what=what)
        (told,) = seeds.told(resources, trial, call).messages
        return told

    single = send(
        canary.SINGLE, _each(lambda message, deadline: resources.ses.send(message, deadline=deadline))
    )
    if single.state == REFUSED:
        raise InputError(f"the address is {single.why}", hint="Give another.", code="seed_suppressed")
    bulk = send(canary.BULK, _each(lambda message, deadline: _sent_in_bulk(resources, message, deadline)))
    found = Canary(tenant=tenant.slug, region=resources.ses.region, single=single, bulk=bulk)
    if found.ok:
        _remember(resources, tenant, found, actor)
    return found


def _tenant(resources: Resources, slug: str | None) -> Tenant:
    with resources.database.begin() as session:
        if slug is not None:
            return tenants.by_slug(session, slug)
        everyone = tenants.everyone(session)
    if len(everyone) != 1:
        raise InputError("whose mail is the canary?", hint="Give --tenant.")
    return everyone[0]


def _each(send: Callable[[Message, float], str]) -> Caller:
    """Return what makes each call by itself."""

    def call(calls: Sequence[Call], deadline: float) -> list[Answer]:
        return [(attempt, _answer(send, message, deadline)) for attempt, message in calls]

    return call


def _answer(send: Callable[[Message, float], str], message: Message, deadline: float) -> str | SendingError:
    try:
        return send(message, deadline)
    except SendingError as error:
        return error


def _sent_in_bulk(resources: Resources, message: Message, deadline: float) -> str:
    """Send one message by the bulk call, which the sender uses for two and more."""
    (answer,) = resources.ses.send_bulk([message], deadline=deadline)
    if isinstance(answer, SendingError):
        raise answer
    return answer


def _remember(resources: Resources, tenant: Tenant, found: Canary, actor: str) -> None:
    assert tenant.id is not None, "it came from the database"
    with resources.database.begin() as session:
        accounts.note_canary(session, region=found.region)
        tenants.audit(
            session,
            tenant_id=tenant.id,
            actor=actor,
            action="ses.canary",
            subject=f"region {found.region}",
            detail={"single": found.single.ses_message_id, "bulk": found.bulk.ses_message_id},
        )
