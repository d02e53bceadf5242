"""Seeds: keep lists of our own people's mailboxes, and send them a test the way a campaign's messages go."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from core import addresses, headers, seeds
from core.errors import InputError
from core.providers import OTHER
from core.rendering import TemplateSources
from core.seeds import SeedState
from core.unsubscribe import NOBODY
from gateways import templates as folders
from models import Campaign, Tenant
from store import audiences, tenants
from store import seeds as records
from store.deliveries import BEGINNING, Claimed
from store.seed_sends import Request
from store.seeds import Seed
from tasks.calls import Answer, Call, call_out
from tasks.messages import Job, load_job, message_for
from tasks.resources import Resources
from tasks.seed_calls import Caller, Trial, send
from tasks.templates import sources_for


REFUSED = "refused"  # a seed that must not be mailed: no call was made for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one seed's test. `why` is SES's code, our own, or the reason of a suppression."""

    address: str = field(repr=False)
    state: str
    why: str
    ses_message_id: str | None

    def as_json(self) -> dict[str, str | None]:
        """Return it as the command line answers it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a request."""

    request_id: str
    template_digest: str
    messages: Sequence[Told]

    @property
    def ok(self) -> bool:
        """Whether SES took every test."""
        return all(one.state == SeedState.SENT for one in self.messages)

    @property
    def by_outcome(self) -> dict[str, int]:
        """Return how many tests came to what; no address."""
        words = (f"{one.state}: {one.why}" if one.why else one.state for one in self.messages)
        return dict(Counter(words).most_common())

    def in_words(self) -> str:
        """Return it as a run tells it."""
        told = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in self.by_outcome.items())
        return f"test {self.request_id}: {told}"

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {
            "ok": self.ok,
            "request_id": self.request_id,
            "template_digest": self.template_digest,
            "messages": [one.as_json() for one in self.messages],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a test is wanted: to which list, as which contact sees it, and marked as a test or exactly as it will be.

    The same `request_id` again calls nobody a second time.
    """

    seeds: str
    contact_id: int | None = None
    is_marked: bool = True
    request_id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    actor: str = ""


def add(resources: Resources, *, tenant_slug: str, name: str, given: Iterable[str]) -> int:
    """Add addresses to a seed list, which is made if there is none; return how many are new.

    Raises:
        InvalidAddressError: One of them is no address; nothing is added.
        InputError: One is suppressed, or the list would have more than fifty; nothing is added.
        NotFoundError: There is no such tenant.
    """
    found = [seed_of(resources, address) for address in given]
    with resources.database.begin() as session:
        tenant_id = _id_of(tenants.by_slug(session, tenant_slug))
        suppressed = records.suppressed(
            session,
            tenant_id=tenant_id,
            recipient_keys=[seed.recipient_key for seed in found],
            audience_id=None,
        )
        for place, seed in enumerate(found, start=1):
            if reason := suppressed.get(seed.recipient_key):
                hint = f"posthouse suppressions check {tenant_slug} ADDRESS"
                raise InputError(
                    f"address {place} is suppressed: {reason}", hint=hint, code="seed_suppressed"
                )
        return records.add(session, tenant_id=tenant_id, name=seeds.checked_name(name), seeds=found)


def remove(resources: Resources, *, tenant_slug: str, name: str, given: Iterable[str]) -> int:
    """Take addresses from a seed list, and the list with its last one; return how many there were.

    Raises:
        InvalidAddressError: One of them is no address.
        NotFoundError: There is no such tenant or list.
    """
    keys = [seed_of(resources, address).recipient_key for address in given]
    with resources.database.begin() as session:
        tenant_id = _id_of(tenants.by_slug(session, tenant_slug))
        return records.remove(session, tenant_id=tenant_id, name=name, recipient_keys=keys)


def lists(resources: Resources, *, tenant_slug: str) -> dict[str, int]:
    """Return a tenant's seed lists with the number of their addresses.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        found = records.lists(session, tenant_id=_id_of(tenants.by_slug(session, tenant_slug)))
        return {row["name"]: row["addresses"] for row in found}


def members(resources: Resources, *, tenant_slug: str, name: str) -> list[str]:
    """Return the addresses of a seed list.

    Raises:
        NotFoundError: There is no such tenant or list.
    """
    with resources.database.begin() as session:
        found = records.members(session, tenant_id=_id_of(tenants.by_slug(session, tenant_slug)), name=name)
        return [seed.address for seed in found]


def send_campaign(resources: Resources, campaign_id: int, wish: Wish) -> Report:
    """Send a test of what a campaign has pinned, as a contact of its audience would get it.

    Raises:
        NotFoundError: There is no such campaign, list or contact, or nobody in the audience.
        TemplateError: The template does not fit the contact.
        ConflictError: The tenant is paused, or the account rests.
    """
    job = load_job(resources, campaign_id)
    return _send(resources, job, wish, audience_id=job.campaign.audience_id)


def send_template(
    resources: Resources, *, name: str, tenant_slug: str, wish: Wish, audience: str | None = None
) -> Report:
    """Send a test of a template as it stands, or as published (`name@3`), for a contact or for its sample.

    Args:
        resources: Of this process.
        name: The template.
        tenant_slug: Who sends.
        wish: To which list, and how.
        audience: Whose contact it is shown for; without one the template's `sample.json` is taken.

    Raises:
        NotFoundError: There is no such tenant, template, list, audience or contact.
        InputError: A contact without an audience, or a sample without an address.
        TemplateError: It does not compile, or does not fit the contact.
        ConflictError: The tenant is paused, or the account rests.
    """
    if audience is None and wish.contact_id is not None:
        raise InputError("a contact of which audience?", hint="Give --audience with --contact.")
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        tenant_id = _id_of(tenant)
        sources = sources_for(resources, session, tenant_id=tenant_id, template=name)
        audience_id = audiences.find(session, tenant_id=tenant_id, name=audience) if audience else None
    job = job_of(resources, tenant, replace(sources, name=name))
    return _send(resources, job, wish, audience_id=audience_id)


def job_of(resources: Resources, tenant: Tenant, sources: TemplateSources) -> Job:
    """Return what messages of a template share, which no campaign has pinned.

    Raises:
        TemplateError: It does not compile.
    """
    tenant_id = _id_of(tenant)
    # What a message is made of is a campaign's; this one is never stored.
    campaign = Campaign(
        tenant_id=tenant_id,
        name=sources.name,
        audience_id=0,
        sending_domain_id=0,
        template_digest=sources.digest(),
    )
    sender = headers.from_header(tenant.from_name, tenant.from_address)
    return Job(tenant, campaign, resources.renderer.compile(sources, owner=tenant_id), sender)


def _send(resources: Resources, job: Job, wish: Wish, *, audience_id: int | None) -> Report:
    shown = _shown(resources, job, wish, audience_id)
    message = message_for(resources, job, shown)
    if wish.is_marked:
        subject = seeds.MARK + message.content.subject
        message = replace(message, content=replace(message.content, subject=subject))
    with resources.database.begin() as session:
        everybody = records.members(session, tenant_id=job.tenant_id, name=wish.seeds)
    request = Request(
        request_id=wish.request_id,
        template_digest=job.campaign.template_digest,
        campaign_id=job.campaign.id,
        contact_id=shown.contact_id or None,
        actor=wish.actor,
    )
    trial = Trial(
        tenant=job.tenant, request=request, message=message, seeds=everybody, audience_id=audience_id
    )
    with ThreadPoolExecutor(resources.settings.calls_in_flight, thread_name_prefix="ses") as pool:
        return told(resources, trial, _caller(resources, pool, job.tenant))


def told(resources: Resources, trial: Trial, call: Caller) -> Report:
    """Send a trial, and return what became of it.

    Raises:
        ConflictError: As `tasks.seed_calls.send`.
    """
    standing, suppressed = send(resources, trial, call)
    messages = []
    for seed in trial.seeds:
        row, reason = standing.get(seed.recipient_key), suppressed.get(seed.recipient_key)
        state, why, ses_message_id = REFUSED, f"suppressed, {reason}", None
        if row is not None:
            state, why, ses_message_id = row["state"], row["outcome_code"] or "", row["ses_message_id"]
        messages.append(Told(address=seed.address, state=state, why=why, ses_message_id=ses_message_id))
    request = trial.request
    return Report(request_id=request.request_id, template_digest=request.template_digest, messages=messages)


def _caller(resources: Resources, pool: Executor, tenant: Tenant) -> Caller:
    """Return what calls as the tenant's campaigns are called."""

    def call(calls: Sequence[Call], deadline: float) -> list[Answer]:
        return list(call_out(resources.ses, pool, calls, api=tenant.delivery_api, deadline=deadline))

    return call


def _shown(resources: Resources, job: Job, wish: Wish, audience_id: int | None) -> Claimed:
    """Return whom the test is shown for: the wished contact, the audience's first, or the template's sample."""
    if audience_id is not None:
        with resources.database.begin() as session:
            row = records.sample(
                session, tenant_id=job.tenant_id, audience_id=audience_id, contact_id=wish.contact_id
            )
        return nobody(row["id"], row["address"], row["attributes"])
    name = job.campaign.name.partition("@")[0]
    contact = folders.sample(resources.settings.templates_dir, name).get("contact", {})
    if not isinstance(contact, dict) or not isinstance(contact.get("email"), str):
        raise InputError(f"{name}/sample.json has no contact with an email", hint="Or give --audience.")
    return nobody(0, contact["email"], {key: value for key, value in contact.items() if key != "email"})


def nobody(contact_id: int, address: str, attributes: Mapping[str, Any]) -> Claimed:
    """Return what rendering takes of a delivery that does not exist."""
    return Claimed(NOBODY, contact_id, address, attributes, provider=OTHER, position=BEGINNING)


def seed_of(resources: Resources, address: str) -> Seed:
    """Return an address as a seed.

    Raises:
        InvalidAddressError: It is not one.
    """
    parsed = addresses.parse(address)
    key = addresses.recipient_key(parsed.comparable, resources.secrets.recipient_key)
    return Seed(key, parsed.deliverable)


def _id_of(tenant: Tenant) -> int:
    assert tenant.id is not None, "it came from the database"
    return tenant.id
