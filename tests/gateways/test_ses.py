"""The gateway to SES: which error means what, and that every call is made once."""

import inspect
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from core import errors
from core.errors import SendingError
from core.message import Message, tags_for
from core.rendering import Content
from gateways.ses import Quota, Ses, _date
from gateways.ses_errors import translate
from tests.simulated import Simulated, a_simulator


# Every exception of botocore, by what it says about the message. Whoever upgrades botocore decides about a new one here.
UNREACHABLE = "ConnectTimeoutError EndpointConnectionError ProxyConnectionError"
PAUSED = """
    CredentialRetrievalError LoginAuthorizationCodeError LoginError LoginInsufficientPermissions LoginRefreshRequired
    LoginTokenLoadError MetadataRetrievalError MissingDependencyException NoAuthTokenError NoCredentialsError NoRegionError
    PartialCredentialsError RefreshWithMFAUnsupportedError SSOError SSOTokenLoadError TokenRetrievalError
    UnauthorizedSSOTokenError
"""
REJECTED = "ParamValidationError"
IN_DOUBT = """
    AliasConflictParameterError ApiVersionNotFoundError AwsChunkedWrapperError BaseEndpointResolverError BotoCoreError
    CapacityNotAvailableError ChecksumError ConfigNotFound ConfigParseError ConnectionClosedError ConnectionError
    DataNotFoundError EndpointProviderError EndpointResolutionError EndpointVariantError FlexibleChecksumError
    HTTPClientError ImminentRemovalWarning IncompleteReadError InfiniteLoopConfigError InvalidChecksumConfigError
    InvalidConfigError InvalidDNSNameError InvalidDefaultsMode InvalidEndpointConfigurationError
    InvalidEndpointDiscoveryConfigurationError InvalidExpressionError InvalidHostLabelError InvalidIMDSEndpointError
    InvalidIMDSEndpointModeError InvalidMaxRetryAttemptsError InvalidProxiesConfigError InvalidRegionError
    InvalidRetryConfigurationError InvalidRetryModeError InvalidS3AddressingStyleError
    InvalidS3UsEast1RegionalEndpointConfigError InvalidSTSRegionalEndpointsConfigError MD5UnavailableError
    MissingParametersError MissingServiceIdError OperationNotPageableError PaginationError ProfileNotFound RangeError
    ReadTimeoutError ResponseStreamingError SSLError ServiceNotInRegionError StubAssertionError StubResponseError
    UnStubbedResponseError UndefinedModelAttributeError UnknownClientMethodError UnknownCredentialError
    UnknownEndpointError UnknownEndpointResolutionBuiltInName UnknownFIPSEndpointError UnknownKeyError
    UnknownParameterError UnknownRegionError UnknownServiceError UnknownServiceStyle UnknownSignatureVersionError
    UnknownTokenProviderError UnseekableStreamError UnsupportedOutpostResourceError UnsupportedS3AccesspointConfigurationError
    UnsupportedS3ArnError UnsupportedS3ConfigurationError UnsupportedS3ControlArnError
    UnsupportedS3ControlConfigurationError UnsupportedServiceProtocolsError UnsupportedSignatureVersionError
    UnsupportedTLSVersionWarning ValidationError WaiterConfigError WaiterError
"""
ANSWERS = {"ClientError", "EventStreamError"}

EXCEPTIONS = {
    name: expected
    for names, expected in (
        (UNREACHABLE, errors.UnreachableError),
        (PAUSED, errors.SendingPausedError),
        (REJECTED, errors.MessageRejectedError),
        (IN_DOUBT, errors.OutcomeUnknownError),
    )
    for name in names.split()
}


def test_the_table_names_every_exception_of_botocore() -> None:
    known = {
        name
        for name, value in vars(boto).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == boto.__name__
    }
    assert known == set(EXCEPTIONS) | ANSWERS


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_of_botocore_is_translated_as_the_table_says(name: str) -> None:
    raised = getattr(boto, name)
    error = translate(raised.__new__(raised))
    assert type(error) is EXCEPTIONS[name]
    assert error.error_code == name


def test_what_is_no_exception_of_botocore_is_in_doubt() -> None:
    assert type(translate(MemoryError())) is errors.OutcomeUnknownError
    assert type(translate(OSError())) is errors.OutcomeUnknownError


def test_our_own_errors_pass_unchanged() -> None:
    ours = errors.LeaseLostError("late")
    assert translate(ours) is ours


# What SES answers


def an_answer(code: str, message: str = "", *, status: int = 400, request_id: str = "r-1") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": request_id},
    }
    return ClientError(response, "SendEmail")


MODELLED = {
    "TooManyRequestsException": errors.ThrottledError,
    "LimitExceededException": errors.ThrottledError,
    "AccountSuspendedException": errors.SendingPausedError,
    "SendingPausedException": errors.SendingPausedError,
    "MessageRejected": errors.MessageRejectedError,
    "MailFromDomainNotVerifiedException": errors.SendingPausedError,
    "NotFoundException": errors.SendingPausedError,
    "BadRequestException": errors.MessageRejectedError,
}


@pytest.mark.parametrize("operation", ["SendEmail", "SendBulkEmail", "GetAccount"])
def test_the_table_names_every_error_of_the_service_model(operation: str) -> None:
    model = botocore.session.get_session().get_service_model("sesv2").operation_model(operation)
    assert {shape.name for shape in model.error_shapes} <= set(MODELLED)


def test_no_error_of_the_table_has_left_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("sesv2").operation_model("SendEmail")
    assert {shape.name for shape in model.error_shapes} == set(MODELLED)


@pytest.mark.parametrize(("code", "expected"), MODELLED.items(), ids=MODELLED)
def test_a_modelled_error_is_translated_as_the_table_says(code: str, expected: type[SendingError]) -> None:
    error = translate(an_answer(code, "what SES says"))
    assert type(error) is expected
    assert (error.message, error.error_code, error.http_status, error.request_id) == (
        "what SES says",
        code,
        400,
        "r-1",
    )


UNMODELLED = [
    pytest.param(
        an_answer("LimitExceededException", "Daily message quota exceeded."), errors.QuotaExhaustedError,
        id="F08: the text tells the quota from the rate",
    ),
    pytest.param(
        an_answer("TooManyRequestsException", "DAILY message quota exceeded", status=429),
        errors.QuotaExhaustedError, id="F08: under either code",
    ),
    pytest.param(
        an_answer("ThrottlingException", "Maximum sending rate exceeded.", status=429), errors.ThrottledError,
        id="the rate, under the code of v1",
    ),
    pytest.param(
        an_answer("MessageRejected", "Email address is not verified. The following identities failed"),
        errors.SendingPausedError, id="F10: an identity that is not verified would refuse every message",
    ),
    pytest.param(an_answer("AccessDeniedException", status=403), errors.SendingPausedError, id="no permission"),
    pytest.param(an_answer("ExpiredTokenException", status=403), errors.SendingPausedError, id="old credentials"),
    pytest.param(an_answer("InvalidSignatureException", status=403), errors.ClockSkewError, id="F19: clock is off"),
    pytest.param(an_answer("RequestExpired", status=400), errors.ClockSkewError, id="F18: the worker was paused"),
    pytest.param(an_answer("413", status=413, request_id=""), errors.OutcomeUnknownError, id="a proxy's 413"),
    pytest.param(
        an_answer("MessageRejected", request_id=""), errors.OutcomeUnknownError, id="refused, but not by Amazon"
    ),
    pytest.param(an_answer("408", status=408), errors.OutcomeUnknownError, id="request timeout"),
    pytest.param(an_answer("BrandNewException"), errors.OutcomeUnknownError, id="a code that nobody has judged"),
    pytest.param(an_answer("InternalFailure", status=500), errors.OutcomeUnknownError, id="500"),
    pytest.param(an_answer("ServiceUnavailable", status=503), errors.OutcomeUnknownError, id="503"),
    pytest.param(
        an_answer("TooManyRequestsException", status=503), errors.OutcomeUnknownError, id="throttled with a 503"
    ),
    pytest.param(an_answer("MessageRejected", status=200), errors.OutcomeUnknownError, id="an error with a 200"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), UNMODELLED)
def test_only_a_refusal_that_amazon_itself_signed_is_not_in_doubt(
    answer: ClientError, expected: type[SendingError]
) -> None:
    assert type(translate(answer)) is expected


def test_an_answer_without_metadata_is_in_doubt() -> None:
    assert type(translate(ClientError({"Error": {}}, "SendEmail"))) is errors.OutcomeUnknownError


# Over real sockets


MESSAGE = Message(
    from_header='"Acme, Inc." <news@acme.example>',
    reply_to="hi@acme.example",
    recipient="reader@example.net",
    content=Content("Spring news for Zoë", "<p>Grüße</p>", "Grüße\n"),
    headers={
        "List-Unsubscribe": "<https://mail.acme.example/u/v1.k1.abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    tags=tags_for(tenant="acme", campaign_id=7, delivery_id=42, attempt_id="Xy_1-z"),
    configuration_set="acme-set",
    ses_tenant_name="acme",
)


def soon() -> float:
    return time.monotonic() + 30


def test_a_message_arrives_as_it_was_meant(ses: Ses, simulated: Simulated) -> None:
    ses_message_id = ses.send(MESSAGE, deadline=soon())
    (accepted,) = simulated.accepted()
    assert accepted["ses_message_id"] == ses_message_id
    assert accepted["from"] == '"Acme, Inc." <news@acme.example>'
    assert accepted["to"] == ["reader@example.net"]
    assert accepted["subject"] == "Spring news for Zoë"
    assert accepted["html_sha256"] == sha256("<p>Grüße</p>".encode()).hexdigest()
    assert accepted["text_bytes"] == len("Grüße\n".encode())
    assert (accepted["configuration_set"], accepted["tenant"]) == ("acme-set", "acme")
    assert accepted["headers"] == {
        "List-Unsubscribe": "<https://mail.acme.example/u/v1.k1.abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert accepted["tags"] == {
        "tenant": "acme",
        "campaign": "7",
        "delivery": "42",
        "attempt": "Xy_1-z",
        "ses:feedback-id-a": "7",
        "ses:feedback-id-b": "acme",
    }


MATRIX = [
    pytest.param("hang", {}, errors.OutcomeUnknownError, "ReadTimeoutError", 1, id="F01: no answer"),
    pytest.param(
        "hang", {"when": "before"}, errors.OutcomeUnknownError, "ReadTimeoutError", 0,
        id="F02: no answer, and not accepted",
    ),
    pytest.param(
        "reset", {"when": "after"}, errors.OutcomeUnknownError, "ConnectionClosedError", 1, id="F04: reset after"
    ),
    pytest.param(
        "reset", {"when": "before"}, errors.OutcomeUnknownError, "ConnectionClosedError", 0, id="reset before"
    ),
    pytest.param(
        "close", {"when": "after"}, errors.OutcomeUnknownError, "ConnectionClosedError", 1, id="F04: closed after"
    ),
    pytest.param(
        "close", {"when": "before"}, errors.OutcomeUnknownError, "ConnectionClosedError", 0, id="closed before"
    ),
    pytest.param(
        "error", {"when": "after", "status": 500}, errors.OutcomeUnknownError, None, 1, id="F04: 500 after"
    ),
    pytest.param(
        "error", {"when": "after", "status": 503}, errors.OutcomeUnknownError, None, 1, id="F04: 503 after"
    ),
    pytest.param("error", {"status": 500}, errors.OutcomeUnknownError, None, 0, id="500 before"),
    pytest.param("error", {"status": 502}, errors.OutcomeUnknownError, None, 0, id="502 before"),
    pytest.param("error", {"status": 504}, errors.OutcomeUnknownError, None, 0, id="504 before"),
    pytest.param("truncated_200", {}, errors.OutcomeUnknownError, "NoMessageId", 1, id="F05: half an answer"),
    pytest.param("html_200", {}, errors.OutcomeUnknownError, "NoMessageId", 1, id="F05: a web page"),
    pytest.param("empty_200", {}, errors.OutcomeUnknownError, "NoMessageId", 1, id="F05: an empty answer"),
    pytest.param("throttle", {}, errors.ThrottledError, "TooManyRequestsException", 0, id="F07: throttled"),
    pytest.param("daily_quota", {}, errors.QuotaExhaustedError, "LimitExceededException", 0, id="F08: quota"),
    pytest.param(
        "account_suspended", {}, errors.SendingPausedError, "AccountSuspendedException", 0, id="F09: suspended"
    ),
    pytest.param("sending_paused", {}, errors.SendingPausedError, "SendingPausedException", 0, id="F09: paused"),
    pytest.param(
        "mail_from_not_verified", {}, errors.SendingPausedError, "MailFromDomainNotVerifiedException", 0,
        id="MAIL FROM is not verified",
    ),
    pytest.param("tenant_refused", {}, errors.SendingPausedError, None, 0, id="the tenant is refused"),
    pytest.param("reject", {}, errors.MessageRejectedError, "MessageRejected", 0, id="F11: rejected"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "rule", "expected", "code", "accepted"), MATRIX)
def test_a_call_is_made_once_whatever_becomes_of_it(
    ses: Ses,
    simulated: Simulated,
    action: str,
    rule: dict[str, object],
    expected: type[SendingError],
    code: str | None,
    accepted: int,
) -> None:
    simulated.fault(action, **rule)
    with pytest.raises(SendingError) as raised:
        ses.send(MESSAGE, deadline=soon())
    assert type(raised.value) is expected
    assert code in {None, raised.value.error_code}
    assert simulated.calls() == 1
    assert len(simulated.accepted()) == accepted


def test_an_error_carries_what_amazons_support_asks_for(ses: Ses, simulated: Simulated) -> None:
    simulated.fault("reject", message="Email address is on the blocklist")
    with pytest.raises(errors.MessageRejectedError) as raised:
        ses.send(MESSAGE, deadline=soon())
    assert raised.value.message == "Email address is on the blocklist"
    assert raised.value.http_status == 400
    assert len(raised.value.request_id) >= 8


def test_a_call_whose_deadline_has_passed_never_connects(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{listener.getsockname()[1]}")
        ses = Ses(read_timeout=0.2)
        with pytest.raises(errors.LeaseLostError):
            ses.send(MESSAGE, deadline=time.monotonic() - 0.001)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_closed_door_is_known_not_sent(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """F06"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{port}")
    ses = Ses()
    with pytest.raises(errors.UnreachableError) as raised:
        ses.send(MESSAGE, deadline=soon())
    assert raised.value.error_code == "EndpointConnectionError"
    with pytest.raises(errors.UnreachableError):
        ses.quota()


def test_without_credentials_nothing_leaves_and_a_person_is_told(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the credentials of the test before
    with pytest.raises(errors.SendingPausedError, match="NoCredentialsError") as raised:
        Ses().send(MESSAGE, deadline=soon())
    assert raised.value.hint == "Check credentials and region."
    assert simulated.calls() == 0


def test_a_request_that_does_not_fit_the_model_fails_alone(ses: Ses, simulated: Simulated) -> None:
    broken = MESSAGE.tagged({"attempt": 7})  # type: ignore[dict-item]  # that is the point
    with pytest.raises(errors.MessageRejectedError) as raised:
        ses.send(broken, deadline=soon())
    assert raised.value.error_code == "ParamValidationError"
    assert "example.net" not in raised.value.message
    assert simulated.calls() == 0


def test_many_threads_share_one_gateway_and_each_has_its_own_deadline(ses: Ses, simulated: Simulated) -> None:
    def call(number: int) -> str:
        late = number % 4 == 0
        try:
            return ses.send(MESSAGE, deadline=time.monotonic() - 1 if late else soon())
        except errors.LeaseLostError:
            return "late"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, range(40)))
    assert answers[::4] == ["late"] * 10
    assert len({answer for answer in answers if answer != "late"}) == 30
    assert simulated.calls() == len(simulated.accepted()) == 30


def test_the_quota_is_read_in_our_words(simulated: Simulated) -> None:
    with a_simulator("--max-send-rate", "14", "--max-24-hour-send", "-1") as other:
        quota = _ses_of(other).quota()
    assert quota == Quota(
        max_send_rate=14.0,
        max_24_hour_send=-1.0,
        sent_last_24_hours=0.0,
        sending_enabled=True,
        production_access=True,
        enforcement_status="HEALTHY",
        answered_at=quota.answered_at,
    )
    assert quota.answered_at is not None
    assert abs(datetime.now(UTC) - quota.answered_at) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("header", "at"),
    [
        pytest.param(
            "Tue, 24 Nov 2026 12:00:07 GMT", datetime(2026, 11, 24, 12, 0, 7, tzinfo=UTC), id="as SES"
        ),
        pytest.param("", None, id="none"),
        pytest.param("yesterday", None, id="no date"),
        pytest.param("Tue, 24 Nov 2026 26:00:07 GMT", None, id="no such hour"),
        pytest.param(
            "Tue, 24 Nov 2026 12:00:07 -0000", datetime(2026, 11, 24, 12, 0, 7, tzinfo=UTC), id="zone unknown"
        ),
    ],
)
def test_the_date_of_an_answer_is_read_or_there_is_none(header: str, at: datetime | None) -> None:
    assert _date(header) == at


def _ses_of(simulated: Simulated) -> Ses:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SESV2", simulated.url)
        return Ses()


def test_a_suspended_account_is_seen_before_anything_is_sent(ses: Ses, simulated: Simulated) -> None:
    """F09"""
    simulated.fault("account_suspended")
    assert ses.quota().sending_enabled is False


def test_the_gateway_knows_its_region(ses: Ses) -> None:
    assert ses.region == "us-east-1"
