"""Mailbox domains: before a campaign is planned, ask the DNS once for each domain that nobody knows.

What cannot be told in time, or at all, is no reason to wait: the campaign goes on with the table of well-known names, and
the next one asks again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core import providers
from core.addresses import parse
from core.dead_domains import CANARIES, believed
from core.errors import ConfigurationError, InputError, NotFoundError
from core.mailbox_domains import LONGEST, Lookup, Reach, is_reserved, next_look
from store import audiences, mailbox_domains, tenants
from store.mailbox_domains import Known
from store.session import Session
from tasks.log import run_logger
from tasks.resources import Resources


BATCH: Final = 2_000
SECONDS: Final = 120.0  # some 100,000 domains of a resolver that is well
NIGHT_SECONDS: Final = 600.0  # nobody waits at night


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of the domains that nobody knew."""

    asked: int = 0
    answered: int = 0
    left: int = 0  # not asked for: time was up, or the DNS is away


def resolve(
    resources: Resources, *, tenant_id: int, audience_id: int, seconds: float = SECONDS
) -> Resolution:
    """Learn which providers keep an audience's mailboxes; never raises for what the DNS does."""
    with resources.database.begin() as session:
        failures = mailbox_domains.to_look_up(session, tenant_id=tenant_id, audience_id=audience_id)
    return _resolve(resources, failures, seconds)


def resolve_all(resources: Resources, *, tenant_id: int, seconds: float = NIGHT_SECONDS) -> Resolution:
    """Ask for the domains of all contacts of a tenant whose answers are old; never raises for what the DNS does."""
    with resources.database.begin() as session:
        failures = mailbox_domains.to_look_up_of_tenant(session, tenant_id=tenant_id)
    return _resolve(resources, failures, seconds)


def _resolve(resources: Resources, failures: Mapping[str, int], seconds: float) -> Resolution:
    unasked = [domain for domain in failures if _need_not_be_asked(resources, domain)]
    _keep(resources, [Lookup(domain, Reach.UNKNOWN) for domain in unasked], {})
    waiting = sorted(failures.keys() - set(unasked))
    found = _ask(resources, waiting, failures, ends=time.monotonic() + seconds)
    if found.left or found.answered < found.asked:
        run_logger().warning(
            "The DNS told %d of %d mail domains that nobody knew; the others count by their names until it does",
            found.answered,
            found.asked + found.left,
        )
    return found


def _need_not_be_asked(resources: Resources, domain: str) -> bool:
    return not resources.settings.dns_lookups or providers.is_well_known(domain) or is_reserved(domain)


def _ask(
    resources: Resources, waiting: Sequence[str], failures: Mapping[str, int], *, ends: float
) -> Resolution:
    """Ask batch by batch, each kept at once, until time is up or a whole batch is without an answer."""
    asked = answered = 0
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        if time.monotonic() >= ends:
            break
        try:
            lookups = _believed(resources, resources.mail_exchangers.look_up(batch))
        except ConfigurationError as error:
            run_logger().warning("%s. %s", error.message, error.hint)
            break
        _keep(resources, lookups, failures)
        told = sum(lookup.reach is not Reach.UNKNOWN for lookup in lookups)
        asked, answered = asked + len(batch), answered + told
        if not told:
            break
    return Resolution(asked=asked, answered=answered, left=len(waiting) - asked)


def _believed(resources: Resources, lookups: Sequence[Lookup]) -> list[Lookup]:
    """Return the answers, without the deaths of a night on which the DNS itself is in trouble."""
    dead = [lookup.domain for lookup in lookups if lookup.reach.is_dead]
    if not dead:
        return list(lookups)
    canaries = resources.mail_exchangers.look_up(CANARIES)
    with resources.database.begin() as session:
        reachable = mailbox_domains.reachable(session, [lookup.domain for lookup in lookups])
    found = believed(lookups, canaries=canaries, reachable=reachable)
    if not any(lookup.reach.is_dead for lookup in found):
        run_logger().warning(
            "The DNS calls %d of %d mail domains dead at once, or does not find %s: none of it is believed",
            len(dead),
            len(lookups),
            " and ".join((CANARIES[0], CANARIES[1])),
        )
    return found


def _keep(resources: Resources, lookups: Sequence[Lookup], failures: Mapping[str, int]) -> None:
    """Write answers down. One that nobody was asked for is asked for again as late as one that is known."""
    known = [
        Known(
            lookup,
            providers.provider_of(lookup.domain, lookup.exchangers),
            next_look(lookup.reach, failures[lookup.domain] + 1) if lookup.domain in failures else LONGEST,
        )
        for lookup in lookups
    ]
    if known:
        with resources.database.begin() as session:
            mailbox_domains.save(session, known)


def show(resources: Resources, domain: str) -> dict[str, Any]:
    """Return what is known of a domain.

    Raises:
        InvalidAddressError: It is no domain name.
        NotFoundError: No audience had it so far.
    """
    name = _name(domain)
    with resources.database.begin() as session:
        found = mailbox_domains.find(session, domain=name)
    if found is None:
        raise NotFoundError(
            f"nobody has asked for {name} yet", hint="The next campaign with an address of it does."
        )
    return {**found, "edge": providers.edge_of(found["provider"])}


def choose(
    resources: Resources, domain: str, *, provider: str | None, actor: str, reason: str = ""
) -> dict[str, Any]:
    """Give a domain a provider, against what the DNS says; or, with None, let the DNS decide again.

    Campaigns that are planned already keep the provider that they were planned with.

    Raises:
        InvalidAddressError: It is no domain name.
        InputError: There is no such provider, or no reason.
        NotFoundError: Nobody had chosen for this domain.
    """
    name = _name(domain)
    if provider is not None and provider not in providers.known():
        raise InputError(
            f"there is no mailbox provider {provider}", hint=f"One of {', '.join(providers.known())}."
        )
    if provider is not None and not reason.strip():
        raise InputError("a choice needs a reason", hint="--reason, for whoever wonders next year.")
    with resources.database.begin() as session:
        if provider is not None:
            mailbox_domains.choose(session, domain=name, provider=provider, actor=actor, reason=reason)
        elif not _unchoose(session, name):
            raise NotFoundError(f"nobody has chosen a provider for {name}", hint="posthouse provider show")
    return show(resources, name)


def _unchoose(session: Session, domain: str) -> bool:
    """Return to what is known without the choice: a DNS that is never asked would else leave it for ever."""
    found = mailbox_domains.find(session, domain=domain)
    exchangers = found["exchangers"] if found else ()
    return mailbox_domains.unchoose(
        session, domain=domain, provider=providers.provider_of(domain, exchangers)
    )


def of_audience(resources: Resources, *, tenant_slug: str, audience: str) -> dict[str, int]:
    """Ask for the domains of an audience, and count its people by mailbox provider.

    Raises:
        NotFoundError: There is no such tenant or audience.
    """
    with resources.database.begin() as session:
        tenant_id = tenants.by_slug(session, tenant_slug).id
        assert tenant_id is not None
        audience_id = audiences.find(session, tenant_id=tenant_id, name=audience)
    resolve(resources, tenant_id=tenant_id, audience_id=audience_id)
    with resources.database.begin() as session:
        return mailbox_domains.of_audience(session, tenant_id=tenant_id, audience_id=audience_id)


def _name(domain: str) -> str:
    """Return a domain as addresses have it: its A-labels in lower case."""
    return parse(f"postmaster@{domain.strip()}").domain
