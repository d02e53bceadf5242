"""The refusals of SES, as they stand on the wire.

A refusal is a status, a code in the header `x-amzn-ErrorType` and a sentence in the body: that is all botocore reads
to raise the modelled exception. Statuses of modelled codes come from botocore's own service model, so that a code
this package misspells fails loudly instead of reaching the caller as something SES never says.

Sources: the `sesv2` service model of botocore (2019-09-27); texts as AWS documents them or as callers report them.
"""

from typing import Any, Final

import botocore.session


SERVICE_MODEL: Final[Any] = botocore.session.get_session().get_service_model("sesv2")

# Every AWS front door may answer these, so the service model of SES does not list them.
_COMMON_STATUSES: Final = {
    "AccessDeniedException": 403,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "RequestEntityTooLarge": 413,
    "SerializationException": 400,
    "ServiceUnavailable": 503,
    "UnknownOperationException": 404,
}

MAXIMUM_RATE: Final = "Maximum sending rate exceeded."
DAILY_QUOTA: Final = "Daily message quota exceeded."
SUSPENDED: Final = "Account is suspended. Sending is not allowed."
PAUSED: Final = "Sending is paused for this account. For more information, contact Amazon SES support."


class SesError(Exception):
    """SES refuses the request: nothing was accepted.

    Args:
        code: What botocore makes an exception class of, for example "MessageRejected".
        message: SES's own sentence.
        status: Only for codes that come with more than one HTTP status.
    """

    def __init__(self, code: str, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or status_of(code)


def status_of(code: str) -> int:
    """Return the HTTP status that belongs to an error code; KeyError for a code that AWS does not have."""
    if code in _COMMON_STATUSES:
        return _COMMON_STATUSES[code]
    modelled = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in SERVICE_MODEL.error_shapes}
    return int(modelled[code])


def bad_request(message: str) -> SesError:
    """Return the refusal of a request that can never succeed as it stands."""
    return SesError("BadRequestException", message)
