"""The suppression lists: the account's and each tenant's, as the API keeps them and as sending asks them.

A message to a listed address is accepted, counts against the quota and then bounces: the sender sees a success. Which list
is asked is the tenant's scope: the account's list, which is the default, or the tenant's own alone. SES lower-cases the
domain of an address and nothing else, so two spellings of a local part are two entries.

Nothing is listed by itself here: hard bounces and complaints, which SES also lists, are put by whoever plays SES.

Sources: `sesv2` service model; SES developer guide, "sending-email-suppression-list", "tenants".
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.addresses import address_fault
from simulator.errors import SesError, bad_request


ACCOUNT: Final = ""
REASONS: Final = ("BOUNCE", "COMPLAINT")
SCOPES: Final = ("ACCOUNT", "TENANT")
_TENANT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """Why an address is on a list, and since when (Unix time)."""

    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Attributes:
    """Which list a tenant's messages are held against, and which of its reasons count."""

    scope: str = "ACCOUNT"
    reasons: frozenset[str] = frozenset(REASONS)


@dataclass(slots=True)
class Suppression:
    """All lists of an account. The account's own has the empty name."""

    _lists: dict[str, dict[str, Listed]] = field(default_factory=dict)
    _attributes: dict[str, Attributes] = field(default_factory=dict)

    def put(self, request: Mapping[str, Any], at: float) -> None:
        """List an address, or give one that is listed another reason."""
        reason = request.get("Reason")
        if reason not in REASONS:
            raise bad_request(f"Reason must be one of {', '.join(REASONS)}.")
        tenant = _tenant(request.get("TenantName"))
        self._lists.setdefault(tenant, {})[_address(request.get("EmailAddress"))] = Listed(str(reason), at)

    def get(self, address: str, tenant: str | None) -> dict[str, Any]:
        """Return the answer of GetSuppressedDestination."""
        name, key = _tenant(tenant), _address(address)
        found = self._lists.get(name, {}).get(key)
        if found is None:
            raise _not_listed(key)
        return {"SuppressedDestination": _entry(key, found) | ({"TenantName": name} if name else {})}

    def delete(self, address: str, tenant: str | None) -> None:
        """Take an address off a list."""
        key = _address(address)
        if self._lists.get(_tenant(tenant), {}).pop(key, None) is None:
            raise _not_listed(key)

    def listing(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the answer of ListSuppressedDestinations, one page of it; a token is the last address of the page before."""
        reasons = set(query.get("Reason") or REASONS)
        after = _last(query, "NextToken", "")
        begin, end = _moment(_last(query, "StartDate", "")), _moment(_last(query, "EndDate", ""))
        size = min(max(int(_last(query, "PageSize", str(_LARGEST_PAGE))), 1), _LARGEST_PAGE)
        listed = self._lists.get(_tenant(_last(query, "TenantName", "")), {})
        fitting = [
            _entry(address, one)
            for address, one in sorted(listed.items())
            if address > after and one.reason in reasons and (begin or 0) <= one.at <= (end or one.at)
        ]
        more = {"NextToken": fitting[size - 1]["EmailAddress"]} if len(fitting) > size else {}
        return {"SuppressedDestinationSummaries": fitting[:size]} | more

    def configure(self, request: Mapping[str, Any]) -> None:
        """Do what PutTenantSuppressionAttributes asks: scope and reasons are set together, or both are unset."""
        tenant, scope, reasons = (
            _tenant(request.get("TenantName")),
            request.get("SuppressionScope"),
            request.get("SuppressedReasons"),
        )
        if not tenant:
            raise bad_request("TenantName is missing.")
        if (scope is None) != (reasons is None):
            raise bad_request("SuppressionScope and SuppressedReasons must be specified together.")
        if scope is None:
            self._attributes.pop(tenant, None)
            return
        if scope not in SCOPES or not set(reasons or ()) <= set(REASONS):
            raise bad_request("SuppressionScope or SuppressedReasons is not valid.")
        self._attributes[tenant] = Attributes(str(scope), frozenset(reasons or ()))

    def stops(self, address: str, tenant: str) -> str:
        """Return the sub-type of the bounce that a message to this address gets; empty when it is not listed."""
        attributes = self._attributes.get(tenant, Attributes())
        is_own = bool(tenant) and attributes.scope == "TENANT"
        found = self._lists.get(tenant if is_own else ACCOUNT, {}).get(_address(address))
        if found is None or found.reason not in attributes.reasons:
            return ""
        return "OnTenantSuppressionList" if is_own else "OnAccountSuppressionList"

    def forget(self) -> None:
        """Empty all lists, and forget what tenants have set."""
        self._lists.clear()
        self._attributes.clear()

    def counts(self) -> dict[str, int]:
        """Return how many addresses each list holds; the account's has the empty name."""
        return {name: len(listed) for name, listed in sorted(self._lists.items()) if listed}


def _address(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if fault := address_fault(text):
        raise bad_request(f"Invalid email address: {fault}.")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def _tenant(value: object) -> str:
    name = value if isinstance(value, str) else ""
    if name and not _TENANT.fullmatch(name):
        raise bad_request("TenantName is not valid.")
    return name


def _entry(address: str, listed: Listed) -> dict[str, Any]:
    return {"EmailAddress": address, "Reason": listed.reason, "LastUpdateTime": listed.at}


def _not_listed(address: str) -> SesError:
    return SesError("NotFoundException", f"Email address {address} does not exist on your suppression list.")


def _last(query: Mapping[str, list[str]], name: str, otherwise: str) -> str:
    values = query.get(name)
    return values[-1] if values else otherwise


def _moment(text: str) -> float | None:
    return dt.datetime.fromisoformat(text).timestamp() if text else None
