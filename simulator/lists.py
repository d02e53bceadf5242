"""The calls about suppression lists: which operation a request is, and its answer."""

from typing import Any, Final
from urllib.parse import parse_qs

from simulator.errors import bad_request
from simulator.service import Service


_LIST: Final = "/v2/email/suppression/addresses"
_ATTRIBUTES: Final = "/v2/email/tenant/suppression"
_WHOLE: Final = {"PUT": "PutSuppressedDestination", "GET": "ListSuppressedDestinations"}
_ONE: Final = {"GET": "GetSuppressedDestination", "DELETE": "DeleteSuppressedDestination"}


class Lists:
    """The API of the lists of one account."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def operation(self, method: str, path: str) -> str | None:
        """Return which operation a request is; None when it is about no list."""
        if path == _ATTRIBUTES:
            return "PutTenantSuppressionAttributes" if method == "POST" else None
        if path == _LIST:
            return _WHOLE.get(method)
        return _ONE.get(method) if path.startswith(f"{_LIST}/") else None

    def answer(self, operation: str, path: str, query_string: bytes, request: Any) -> dict[str, Any]:
        """Do what an operation asks, and return its answer.

        Raises:
            SesError: SES refuses it.
        """
        if not isinstance(request, dict):
            raise bad_request("The body is no object.")
        lists, query = self._service.suppression, parse_qs(query_string.decode())
        address, tenant = path.removeprefix(f"{_LIST}/"), query.get("TenantName", [""])[-1]
        match operation:
            case "PutSuppressedDestination":
                lists.put(request, self._service.clock.seconds())
            case "PutTenantSuppressionAttributes":
                lists.configure(request)
            case "DeleteSuppressedDestination":
                lists.delete(address, tenant)
            case "GetSuppressedDestination":
                return lists.get(address, tenant)
            case _:
                return lists.listing(query)
        return {}
