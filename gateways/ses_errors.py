"""What an answer of SES means for its message: the only place that knows botocore's errors.

What is not proven unsent is in doubt. The tables are allow-lists for "not sent"; a test walks every exception of
botocore, every modelled error and every modelled status, so that an upgrade which adds one fails the test instead of
guessing.

Sources:
    botocore service model sesv2 2019-09-27 (errors of SendEmail, SendBulkEmail, GetAccount); AWS, "Managing your sending quotas":
    "SES drops the message and doesn't attempt to redeliver it".
"""

from collections.abc import Mapping
from typing import Final

from botocore import exceptions as boto

from core.errors import (
    ClockSkewError,
    MessageRejectedError,
    OutcomeUnknownError,
    QuotaExhaustedError,
    SendingError,
    SendingPausedError,
    ThrottledError,
    UnreachableError,
)


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
# A bulk call answers for each entry with one word. Service model and documentation spell some differently: both are taken.
ENTRIES: Final[Mapping[str, type[SendingError]]] = {
    # SES's own trouble of the moment, which is not the entry's: to slow down is the polite answer.
    **dict.fromkeys(("ACCOUNT_THROTTLED", "TRANSIENT_FAILURE"), ThrottledError),
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": QuotaExhaustedError,
    **dict.fromkeys(
        (
            "ACCOUNT_SUSPENDED",
            "ACCOUNT_SENDING_PAUSED",
            "CONFIGURATION_SET_SENDING_PAUSED",
            "CONFIGURATION_SET_NOT_FOUND",
            "CONFIGURATION_SET_DOES_NOT_EXIST",
            "TEMPLATE_NOT_FOUND",
            "TEMPLATE_DOES_NOT_EXIST",
            "MAIL_FROM_DOMAIN_NOT_VERIFIED",
            "INVALID_SENDING_POOL_NAME",
        ),
        SendingPausedError,
    ),
    **dict.fromkeys(
        ("MESSAGE_REJECTED", "INVALID_PARAMETER", "INVALID_PARAMETER_VALUE", "FAILED"), MessageRejectedError
    ),
}
# MessageRejected is also SES's answer to an identity that is not verified: then every message would be refused.
_UNVERIFIED: Final = "not verified"


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


def translate_entry(status: str, text: str, *, request_id: str) -> SendingError:
    """Return our error for an entry of a bulk call that is not SUCCESS; a word that nobody has judged is in doubt."""
    kind = ENTRIES.get(status, OutcomeUnknownError)
    if kind is MessageRejectedError and _UNVERIFIED in text:
        kind = SendingPausedError
    return kind(text or status, error_code=status, http_status=200, request_id=request_id)
