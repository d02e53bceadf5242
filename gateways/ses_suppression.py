"""Amazon SES's suppression lists, of which each tenant has one: put, take off, page through.

They are a backstop: what stops a message is our own list, asked in the transaction of its intent. SES takes about one such
call a second, keeps a local part's case and knows two reasons. Each of these calls may be made again without harm.

Sources: botocore service model sesv2 2019-09-27; SES developer guide, "Using the account-level suppression list",
"Sending quotas" (one call a second for all actions but sending).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateways import aws
from gateways.ses_errors import translate


if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


PAGE: Final = 1000


class ListReason(StrEnum):
    """The only two reasons that SES has for an address on a list."""

    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"


@dataclass(frozen=True, slots=True)
class Listed:
    """An address on a list of SES, as it is spelled there; `at` is when SES last changed the entry."""

    address: str
    reason: ListReason
    at: datetime


class SuppressionLists:
    """The suppression lists of a SES account in one region.

    A throttled call is repeated by botocore itself, which is harmless here: nothing is sent.
    """

    def __init__(self, *, read_timeout: float = 30.0) -> None:
        self._client: SESV2Client = aws.client(
            "sesv2",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 5},
                connect_timeout=5,
                read_timeout=read_timeout,
            ),
        )

    def use_own_list(self, ses_tenant_name: str) -> None:
        """Hold a tenant's messages against the tenant's list alone: by default one tenant's complaint stops all tenants' mail.

        Raises:
            SendingError: SES refused or did not answer.
        """
        with _translated():
            self._client.put_tenant_suppression_attributes(
                TenantName=ses_tenant_name,
                SuppressionScope="TENANT",
                SuppressedReasons=["BOUNCE", "COMPLAINT"],
            )

    def put(self, address: str, reason: ListReason, *, ses_tenant_name: str) -> None:
        """List an address for a tenant, or give it another reason.

        Raises:
            SendingError: SES refused or did not answer; whether it is listed is not known, and to put it again is right.
        """
        with _translated():
            self._client.put_suppressed_destination(
                EmailAddress=address, Reason=reason.value, TenantName=ses_tenant_name
            )

    def delete(self, address: str, *, ses_tenant_name: str) -> None:
        """Take an address off a tenant's list; one that is not on it is what was wanted.

        Raises:
            SendingError: SES refused or did not answer.
        """
        with _translated(), suppress(self._client.exceptions.NotFoundException):
            self._client.delete_suppressed_destination(EmailAddress=address, TenantName=ses_tenant_name)

    def listed(
        self, *, ses_tenant_name: str | None = None, since: datetime | None = None
    ) -> Iterator[Listed]:
        """Yield a tenant's list, or the account's without a tenant, page by page.

        Args:
            ses_tenant_name: Whose list.
            since: Only what SES has listed since then.

        Raises:
            SendingError: SES refused or did not answer.
        """
        wanted = {"TenantName": ses_tenant_name, "StartDate": since, "PageSize": PAGE}
        request: Any = {name: value for name, value in wanted.items() if value is not None}
        while True:
            with _translated():
                page = self._client.list_suppressed_destinations(**request)
            for one in page.get("SuppressedDestinationSummaries", []):
                yield Listed(one["EmailAddress"], ListReason(one["Reason"]), one["LastUpdateTime"])
            if not (token := page.get("NextToken")):
                return
            request["NextToken"] = token


@contextmanager
def _translated() -> Iterator[None]:
    """Raise our error in place of botocore's."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error
