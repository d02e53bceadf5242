"""Amazon SES v2: a call for one message or for some, made once.

botocore re-sends by default: one `SendEmail` whose answer is lost is accepted three times (measured with 1.44.5, modes
standard and adaptive; five times with legacy). SES has no idempotency token, so here every call is made exactly once
and the ledger alone decides about another. What its answer means is `gateways/ses_errors.py`.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from core.errors import LeaseLostError, MessageRejectedError, OutcomeUnknownError, SendingError
from core.message import Message
from gateways import aws, ses_bulk
from gateways.ses_errors import translate


if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What GetAccount says. Rates are recipients per second; `max_24_hour_send` of -1 is unlimited.

    `answered_at` is the date of the answer by Amazon's clock, to the second; None when there was none.
    """

    max_send_rate: float
    max_24_hour_send: float
    sent_last_24_hours: float
    sending_enabled: bool
    production_access: bool
    enforcement_status: str
    answered_at: datetime | None = None


class Ses:
    """A SES account in one region. Safe to use from many threads at once.

    Args:
        calls_in_flight: How many threads will call; the connection pool is as large.
    """

    def __init__(self, *, calls_in_flight: int = 12, read_timeout: float = 30.0) -> None:
        self._deadline = threading.local()
        self._client: SESV2Client = aws.client(
            "sesv2",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=read_timeout,
                max_pool_connections=calls_in_flight,
                tcp_keepalive=True,
            ),
        )
        for operation in ("SendEmail", "SendBulkEmail"):
            self._client.meta.events.register(f"before-send.sesv2.{operation}", self._refuse_late_call)

    @property
    def region(self) -> str:
        """Return the region, which with the account is what a quota belongs to."""
        return self._client.meta.region_name

    def send(self, message: Message, *, deadline: float) -> str:
        """Hand one message to SES, once, and return the `ses_message_id` of its acceptance.

        Args:
            message: One message to one recipient.
            deadline: `time.monotonic()` after which the call must not leave: somebody else may own the row.

        Raises:
            NotSentError: Known not sent, and may be later; its subclass says what must happen first.
            MessageRejectedError: Known not sent, and never will be.
            OutcomeUnknownError: Sent or not, nobody knows.
        """
        self._deadline.at = deadline
        try:
            answer = self._client.send_email(**_request(message))
        except LeaseLostError:
            raise
        except Exception as error:
            raise translate(error) from error
        ses_message_id = answer.get("MessageId")
        if not ses_message_id:
            # A truncated or a proxy's HTML answer parses to an empty dict without an exception (measured).
            raise OutcomeUnknownError(
                "SES answered 200 without a MessageId", error_code="NoMessageId", http_status=200
            )
        return ses_message_id

    def send_bulk(self, messages: Sequence[Message], *, deadline: float) -> list[str | SendingError]:
        """Hand up to fifty messages with one sender to SES in one call, once.

        Args:
            messages: One message to one recipient each, which together fit (`gateways.ses_bulk.entry_size`).
            deadline: As for `send`.

        Returns:
            For each message, in order, the `ses_message_id` of its acceptance or what `send` would have raised.

        Raises:
            MessageRejectedError: The call was refused as a whole, for good. None was sent, and which of them is to blame,
                if any, only single calls can tell.
        """
        request = ses_bulk.request(messages)
        self._deadline.at = deadline
        try:
            answer = self._client.send_bulk_email(**request)
        except Exception as raised:
            error = translate(raised)
            if isinstance(error, MessageRejectedError):
                raise error from raised
            return [error] * len(messages)
        return ses_bulk.answers(answer, len(messages))

    def quota(self) -> Quota:
        """Return the account's quota and health.

        Raises:
            SendingError: As `send`; reading changes nothing, so the call may always be repeated.
        """
        try:
            answer = self._client.get_account()
        except Exception as error:
            raise translate(error) from error
        quota: Mapping[str, Any] = answer.get("SendQuota", {})
        return Quota(
            max_send_rate=float(quota.get("MaxSendRate", 1.0)),
            max_24_hour_send=float(quota.get("Max24HourSend", 200.0)),
            sent_last_24_hours=float(quota.get("SentLast24Hours", 0.0)),
            sending_enabled=bool(answer.get("SendingEnabled", True)),
            production_access=bool(answer.get("ProductionAccessEnabled", False)),
            enforcement_status=str(answer.get("EnforcementStatus", "")),
            answered_at=_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")),
        )

    def _refuse_late_call(self, **_event: object) -> None:
        """Stop a call whose lease is over. botocore calls this after signing and before it connects (measured)."""
        if time.monotonic() > self._deadline.at:
            raise LeaseLostError("the call's deadline passed before it left", error_code="LeaseLost")


def _date(header: str) -> datetime | None:
    """Return the time that an HTTP Date header names (RFC 9110, HTTP Semantics)."""
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _request(message: Message) -> dict[str, Any]:
    """Return SendEmail's arguments."""
    content = message.content
    request: dict[str, Any] = {
        "FromEmailAddress": message.from_header,
        "Destination": {"ToAddresses": [message.recipient]},
        "ReplyToAddresses": [message.reply_to],
        "Content": {
            "Simple": {
                "Subject": {"Data": content.subject, "Charset": "UTF-8"},
                "Body": {
                    "Html": {"Data": content.html, "Charset": "UTF-8"},
                    "Text": {"Data": content.text, "Charset": "UTF-8"},
                },
                "Headers": [{"Name": name, "Value": value} for name, value in message.headers.items()],
            }
        },
        "EmailTags": [{"Name": name, "Value": value} for name, value in message.tags.items()],
    }
    if message.configuration_set:
        request["ConfigurationSetName"] = message.configuration_set
    if message.ses_tenant_name:
        request["TenantName"] = message.ses_tenant_name
    return request
