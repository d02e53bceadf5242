"""What has been set up at SES: verified identities, tenants, configuration sets.

Sources: SES developer guide, "verify-addresses-and-domains", "tenants"; the text for tenants is what callers of the live
service report, because the service model does not have it.
"""

from dataclasses import dataclass

from simulator.addresses import bare_address, domain_of
from simulator.errors import SesError


@dataclass(frozen=True, slots=True)
class Account:
    """What has been set up at SES. An empty set of names means that all are known.

    Attributes:
        identities: Verified addresses and domains; a domain covers its subdomains.
        default_configuration_set: What an identity gives to a message that names none; without one SES publishes no
            events for such a message.
    """

    identities: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    configuration_sets: frozenset[str] = frozenset()
    default_configuration_set: str = ""
    region: str = "us-east-1"

    def check(self, sender: str, tenant: str, configuration_set: str) -> None:
        """Refuse a sender, tenant or configuration set that is not set up."""
        if tenant and self.tenants and tenant not in self.tenants:
            # Not in the service model; seen from the live service when a tenant is unknown or lacks a resource.
            raise SesError("AccessDeniedException", "Tenant not associated with resources")
        if configuration_set and self.configuration_sets and configuration_set not in self.configuration_sets:
            raise SesError("NotFoundException", f"Configuration set <{configuration_set}> does not exist.")
        if self.identities and not self._is_verified(bare_address(sender)):
            raise SesError(
                "MessageRejected",
                "Email address is not verified. The following identities failed the check in region "
                f"{self.region.upper()}: {sender}",
            )

    def _is_verified(self, address: str) -> bool:
        labels = domain_of(address).split(".")
        parents = {".".join(labels[start:]) for start in range(len(labels))}
        return address in self.identities or not parents.isdisjoint(self.identities)
