"""The DNS: which hosts take mail for a domain. Thousands of questions at once, none of them worth a campaign."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver

from core.errors import ConfigurationError
from core.mailbox_domains import Lookup, Reach, is_reserved


ATTEMPT_SECONDS: Final = 1.5
QUESTION_SECONDS: Final = 4.0  # a second try at another server is in it
# So many questions without a single answer, and the DNS itself is away: the others of the batch are not waited for.
_SILENCE: Final = 40


class MailExchangers:
    """Asks for MX records.

    Args:
        servers: Resolvers as `address` or `address:port` (`[address]:port` for IPv6); none are those of the machine.
        in_flight: Questions at once.
        attempt_seconds: How long one server is waited for.
        question_seconds: How long one question may take in all.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        in_flight: int = 100,
        attempt_seconds: float = ATTEMPT_SECONDS,
        question_seconds: float = QUESTION_SECONDS,
    ) -> None:
        self._servers = list(servers)
        self._in_flight = in_flight
        self._attempt_seconds, self._question_seconds = attempt_seconds, question_seconds

    def look_up(self, domains: Sequence[str]) -> list[Lookup]:
        """Return an answer for each domain, in no order; trouble with the DNS is an answer too (`Reach.UNKNOWN`).

        Raises:
            ConfigurationError: A server is no address, or the machine's own resolver settings cannot be read.
        """
        asked = [domain for domain in domains if not is_reserved(domain)]
        unasked = [Lookup(domain, Reach.UNKNOWN) for domain in domains if is_reserved(domain)]
        return unasked + (asyncio.run(self._ask_all(asked)) if asked else [])

    async def _ask_all(self, domains: Sequence[str]) -> list[Lookup]:
        resolver, gate, silence = self._resolver(), asyncio.Semaphore(self._in_flight), _Silence()

        async def ask(domain: str) -> Lookup:
            async with gate:
                if silence.is_complete:
                    return Lookup(domain, Reach.UNKNOWN)
                answer = await _ask(resolver, domain)
                silence.note(answer)
                return answer

        return await asyncio.gather(*(ask(domain) for domain in domains))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        try:
            resolver = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                resolver.nameservers = [_server(text) for text in self._servers]
        except (dns.resolver.NoResolverConfiguration, ValueError) as error:
            raise ConfigurationError(
                "no DNS resolver can be asked",
                hint="Set POSTHOUSE_DNS_SERVERS to the addresses of resolvers, or mend /etc/resolv.conf.",
                code="dns_configuration",
            ) from error
        resolver.timeout, resolver.lifetime = self._attempt_seconds, self._question_seconds
        return resolver


def _server(text: str) -> Do53Nameserver:
    parts = urlsplit(f"//{text}")
    return Do53Nameserver(str(ip_address(parts.hostname or "")), parts.port or 53)


class _Silence:
    """Whether nobody has answered anything so far."""

    def __init__(self) -> None:
        self._unanswered, self._answered = 0, 0

    @property
    def is_complete(self) -> bool:
        return self._answered == 0 and self._unanswered >= _SILENCE

    def note(self, answer: Lookup) -> None:
        if answer.reach is Reach.UNKNOWN:
            self._unanswered += 1
        else:
            self._answered += 1


async def _ask(resolver: dns.asyncresolver.Resolver, domain: str) -> Lookup:
    try:
        # Absolute, or a resolver with search domains would find `firm.test.our-office.net`.
        name = dns.name.from_text(domain + ".")
        answer = await resolver.resolve(name, "MX", raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return Lookup(domain, Reach.NONEXISTENT)
    except (dns.exception.DNSException, OSError, ValueError):
        return Lookup(domain, Reach.UNKNOWN)
    records = sorted((record.preference, record.exchange) for record in answer)
    if not records:
        return await _ask_for_address(resolver, name, domain)
    if all(exchange == dns.name.root for _, exchange in records):
        return Lookup(domain, Reach.NULL_MX)
    hosts = (exchange.to_text(omit_final_dot=True).lower() for _, exchange in records)
    return Lookup(domain, Reach.EXCHANGERS, tuple(hosts))


async def _ask_for_address(resolver: dns.asyncresolver.Resolver, name: dns.name.Name, domain: str) -> Lookup:
    """A domain without MX records takes mail at its own address, if it has one (RFC 5321, section 5.1)."""
    for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        try:
            if list(await resolver.resolve(name, kind, raise_on_no_answer=False, search=False)):
                return Lookup(domain, Reach.ADDRESS, (domain,))
        except (dns.exception.DNSException, OSError):
            return Lookup(domain, Reach.UNKNOWN)
    return Lookup(domain, Reach.NOWHERE)
