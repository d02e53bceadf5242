"""SNS: believe a notification that came over HTTPS, and confirm a subscription.

Anybody may post to a webhook, and anybody may own an SNS topic whose messages Amazon signs. So a message is believed
only if its topic is on our list *and* its signature verifies, and nothing is looked up before the list was asked.

The rules are those of "Verifying the signatures of Amazon SNS messages" (both versions of the signature), with a strict
certificate URL: the host must be SNS in the topic's own region. Subscriptions are confirmed by an API call; the URL
that a message offers for that is never fetched.
"""

import base64
import binascii
import json
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from http.client import HTTPException, HTTPSConnection
from threading import BoundedSemaphore
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.errors import MalformedEventError, UntrustedEventError


class Kind(StrEnum):
    """The types of message that SNS posts."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message whose origin is proven. `token` confirms a subscription and is empty otherwise."""

    kind: Kind
    topic_arn: str
    token: str = ""


# The signed members and their order, from the page named above. Subject is signed only where it is present.
_SIGNED: Final = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIPTION_CONFIRMATION: (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip

_CERTIFICATE_URL: Final = re.compile(
    r"https://sns\.([a-z0-9-]{3,30})\.amazonaws\.com(\.cn)?/SimpleNotificationService-[0-9a-f]{8,64}\.pem",
    re.ASCII,
)

# SNS tries for an hour at most; the second hour is for clocks. The dedupe key makes any replay within it harmless.
_MOST_AGE: Final = timedelta(hours=2)

_CERTIFICATE_SECONDS: Final = 3
_CERTIFICATE_BYTES: Final = 65_536
_CERTIFICATES: Final = 16
# Anybody may name a certificate that Amazon does not have. Of the web's forty threads so many may wait for one; who comes
# meanwhile is answered 503, and SNS comes again.
_FETCHES_AT_ONCE: Final = 4


def fetch_certificate(url: str) -> bytes:
    """Return the PEM at a URL that was checked before. Redirects are not followed.

    Raises:
        OSError: No answer in time, another status than 200, or more than a certificate.
    """
    parts = urlsplit(url)
    connection = HTTPSConnection(
        parts.netloc, timeout=_CERTIFICATE_SECONDS, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        content = answer.read(_CERTIFICATE_BYTES + 1)
    except HTTPException as error:
        raise OSError("the certificate's server does not speak HTTP") from error
    finally:
        connection.close()
    if answer.status != 200 or len(content) > _CERTIFICATE_BYTES:
        raise OSError(f"no certificate: status {answer.status}, {len(content)} bytes")
    return content


def _now() -> datetime:
    return datetime.now(UTC)


class Verifier:
    """Proves where a posted message comes from.

    Args:
        topic_arns: The only topics that are believed.
        fetch: Returns the PEM at a certificate URL, or raises OSError.
        clock: Returns the time.
    """

    def __init__(
        self,
        topic_arns: Collection[str],
        *,
        fetch: Callable[[str], bytes] = fetch_certificate,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._topic_arns = frozenset(topic_arns)
        self._clock = clock
        # Errors are not remembered, and there are never more than a few certificates in use.
        self._key = lru_cache(maxsize=_CERTIFICATES)(lambda url: self._read_key(self._fetched(url)))
        self._fetch = fetch
        self._fetching = BoundedSemaphore(_FETCHES_AT_ONCE)

    def verify(self, body: bytes) -> Notification:
        """Return what a body is, once it is proven to come from one of our topics.

        Raises:
            MalformedEventError: It is not an SNS message at all.
            UntrustedEventError: It is one, and not from us.
            OSError: The certificate cannot be fetched now; the same message may be verified later.
        """
        message = _message(body)
        kind = Kind(message["Type"])
        topic_arn = message.get("TopicArn", "")
        if topic_arn not in self._topic_arns:
            raise UntrustedEventError("the topic is not on our list")
        url = _checked_url(message.get("SigningCertURL", ""), topic_arn)
        self._check_age(message.get("Timestamp", ""))
        _check_signature(message, self._key(url), kind)
        return Notification(kind=kind, topic_arn=topic_arn, token=message.get("Token", ""))

    def _fetched(self, url: str) -> bytes:
        """Return the PEM at a URL, unless enough are being fetched: whoever makes URLs up must not hold all threads."""
        if not self._fetching.acquire(blocking=False):
            raise OSError("enough certificates are being fetched now")
        try:
            return self._fetch(url)
        finally:
            self._fetching.release()

    def _check_age(self, timestamp: str) -> None:
        try:
            sent_at = datetime.fromisoformat(timestamp)
            age = abs(self._clock() - sent_at)
        except (ValueError, TypeError) as error:
            raise UntrustedEventError("the message has no time") from error
        if age > _MOST_AGE:
            raise UntrustedEventError("the message is too old")

    def _read_key(self, pem: bytes) -> rsa.RSAPublicKey:
        try:
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            raise UntrustedEventError("the certificate cannot be read") from error
        if not certificate.not_valid_before_utc <= self._clock() <= certificate.not_valid_after_utc:
            raise UntrustedEventError("the certificate is not valid now")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise UntrustedEventError("the certificate is not of an RSA key")
        return key


def confirm(notification: Notification) -> None:
    """Confirm a subscription; afterwards only its owner can end it.

    Raises:
        botocore.exceptions.ClientError: SNS refuses the token.
    """
    client = boto3.client("sns", region_name=notification.topic_arn.split(":")[3])
    client.confirm_subscription(
        TopicArn=notification.topic_arn, Token=notification.token, AuthenticateOnUnsubscribe="true"
    )


def _message(body: bytes) -> dict[str, str]:
    """Return the text members of an SNS message."""
    try:
        document: Any = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedEventError("a body that is not JSON") from error
    if not isinstance(document, dict) or document.get("Type") not in list(Kind):
        raise MalformedEventError("a body that is not an SNS message")
    return {name: value for name, value in document.items() if isinstance(value, str)}


def _checked_url(url: str, topic_arn: str) -> str:
    found = _CERTIFICATE_URL.fullmatch(url)
    if found is None or found[1] != topic_arn.split(":")[3]:
        raise UntrustedEventError("the certificate is not at SNS in the topic's region")
    return url


def _check_signature(message: Mapping[str, str], key: rsa.RSAPublicKey, kind: Kind) -> None:
    algorithm: hashes.HashAlgorithm
    match message.get("SignatureVersion"):
        case "1":
            # SHA-1 is the default of every topic; SNS offers nothing else to one that was not changed.
            algorithm = hashes.SHA1()  # noqa: S303  # see above
        case "2":
            algorithm = hashes.SHA256()
        case _:
            raise UntrustedEventError("the signature's version is unknown")
    try:
        signature = base64.b64decode(message.get("Signature", ""), validate=True)
        key.verify(signature, _string_to_sign(message, kind), padding.PKCS1v15(), algorithm)
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise UntrustedEventError("the signature does not verify") from error


def _string_to_sign(message: Mapping[str, str], kind: Kind) -> bytes:
    names = _SIGNED.get(kind, _SIGNED[Kind.SUBSCRIPTION_CONFIRMATION])
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode(
        "utf-8", "replace"
    )
