"""Amazon SES v2: one call per message, and the only file that knows botocore's errors.

botocore re-sends by default: one `SendEmail` whose answer is lost is accepted three times (measured with 1.44.5, modes
standard and adaptive; five times with legacy). SES has no idempotency token, so here every call is made exactly once
and the ledger alone decides about another.

What is not proven unsent is in doubt. The table below is an allow-list for "not sent"; a test walks every exception of
botocore and every modelled error of SendEmail, so that an upgrade which adds one fails the test instead of guessing.

Sources:
    botocore service model sesv2 2019-09-27 (errors of SendEmail, GetAccount); AWS, "Managing your sending quotas":
    "SES drops the message and doesn't attempt to redeliver it".
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from core.errors import (
    ClockSkewError,
    LeaseLostError,
    MessageRejectedError,
    OutcomeUnknownError,
    QuotaExhaustedError,
    SendingError,
    SendingPausedError,
    ThrottledError,
    UnreachableError,
)
from core.message import Message


if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


# Raised before a byte was written: no connection, or no request.
UNREACHABLE: Final = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)
# Credentials are looked for before a request is signed, and it is signed before a connection is made.
MISCONFIGURED: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.NoAuthTokenError,
    boto.TokenRetrievalError,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.LoginError,
    boto.NoRegionError,
    boto.MissingDependencyException,
)
# Our own fault, and this message's alone.
UNSENDABLE: Final = (boto.ParamValidationError,)

THROTTLED: Final = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})
LIMITED: Final = frozenset({"LimitExceededException"})
PAUSED: Final = frozenset(
    {
        "AccountSuspendedException",
        "SendingPausedException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "AccessDeniedException",
        "AccessDenied",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "ExpiredTokenException",
        "ExpiredToken",
        "OptInRequired",
    }
)
REJECTED: Final = frozenset({"MessageRejected", "BadRequestException", "RequestEntityTooLargeException"})
# The signature was too old or the clock is off: SES looked no further than the envelope of the request.
STALE: Final = frozenset(
    {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"}
)
# MessageRejected is also SES's answer to an identity that is not verified: then every message would be refused.
_UNVERIFIED: Final = "not verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What GetAccount says. Rates are recipients per second; `max_24_hour_send` of -1 is unlimited."""

    max_send_rate: float
    max_24_hour_send: float
    sent_last_24_hours: float
    sending_enabled: bool
    production_access: bool
    enforcement_status: str


class Ses:
    """A SES account in one region. Safe to use from many threads at once.

    Args:
        calls_in_flight: How many threads will call; the connection pool is as large.
    """

    def __init__(self, *, calls_in_flight: int = 12, read_timeout: float = 30.0) -> None:
        self._deadline = threading.local()
        self._client: SESV2Client = boto3.client(
            "sesv2",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=read_timeout,
                max_pool_connections=calls_in_flight,
                tcp_keepalive=True,
            ),
        )
        self._client.meta.events.register("before-send.sesv2.SendEmail", self._refuse_late_call)

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
        )

    def _refuse_late_call(self, **_event: object) -> None:
        """Stop a call whose lease is over. botocore calls this after signing and before it connects (measured)."""
        if time.monotonic() > self._deadline.at:
            raise LeaseLostError("the call's deadline passed before it left", error_code="LeaseLost")


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


def translate(error: Exception) -> SendingError:
    """Return our error for one of botocore's: known not sent, refused for good, or in doubt."""
    name = type(error).__name__
    if isinstance(error, SendingError):
        return error
    if isinstance(error, UNREACHABLE):
        return UnreachableError("no connection to SES", error_code=name)
    if isinstance(error, MISCONFIGURED):
        return SendingPausedError(
            f"SES cannot be called: {name}", hint="Check credentials and region.", error_code=name
        )
    if isinstance(error, UNSENDABLE):
        return MessageRejectedError("the request does not fit SES's own model", error_code=name)
    if isinstance(error, boto.ClientError):
        return _answered(error)
    return OutcomeUnknownError(f"no usable answer: {name}", error_code=name)


def _answered(error: boto.ClientError) -> SendingError:
    """Translate an HTTP answer of SES, or of something that pretends to be."""
    meta = error.response.get("ResponseMetadata", {})
    status, request_id = int(meta.get("HTTPStatusCode", 0)), str(meta.get("RequestId", ""))
    code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    kind = _kind(code, text, status, request_id)
    return kind(text or code, error_code=code, http_status=status, request_id=request_id)


def _kind(code: str, text: str, status: int, request_id: str) -> type[SendingError]:
    # A proxy or a firewall has no request id, and a 5xx may come after SES has taken the message.
    if not request_id or not 400 <= status < 500:
        return OutcomeUnknownError
    if code in THROTTLED | LIMITED:
        # One class for two things: only the text tells the daily quota from the rate; unknown text is the rate.
        return QuotaExhaustedError if "daily" in text.lower() else ThrottledError
    if code in REJECTED:
        return SendingPausedError if _UNVERIFIED in text else MessageRejectedError
    if code in PAUSED:
        return SendingPausedError
    return ClockSkewError if code in STALE else OutcomeUnknownError
