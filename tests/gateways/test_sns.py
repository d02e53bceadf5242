"""SNS messages: only those of our topics are believed, and nothing else makes us open a connection."""

import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from moto import mock_aws

from core.errors import MalformedEventError, UntrustedEventError
from gateways import sns
from gateways.sns import Kind, Notification, Verifier
from tests.signer import NOW, TOPIC, URL, Amazon


@pytest.fixture(scope="module")
def shared_amazon() -> Amazon:
    return Amazon()


@pytest.fixture
def amazon(shared_amazon: Amazon) -> Amazon:
    shared_amazon.fetched.clear()
    return shared_amazon


@pytest.fixture
def verify(amazon: Amazon) -> Callable[[Any], Notification]:
    verifier = Verifier([TOPIC], fetch=amazon.fetch, clock=lambda: NOW)
    return lambda message: verifier.verify(json.dumps(message).encode())


Verify = Callable[[Any], Notification]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["Amazon SES Email Event Notification", None])
def test_a_signed_notification_is_believed(
    amazon: Amazon, verify: Verify, version: str, subject: str | None
) -> None:
    message = amazon.message(SignatureVersion=version, Subject=subject)
    assert verify(message) == Notification(kind=Kind.NOTIFICATION, topic_arn=TOPIC)


def test_a_signed_confirmation_is_believed_with_its_token(amazon: Amazon, verify: Verify) -> None:
    expected = Notification(kind=Kind.SUBSCRIPTION_CONFIRMATION, topic_arn=TOPIC, token="2336412f")
    assert verify(amazon.confirmation()) == expected
    ended = amazon.signed(amazon.confirmation(Type="UnsubscribeConfirmation"))
    assert verify(ended).kind is Kind.UNSUBSCRIBE_CONFIRMATION


@pytest.mark.parametrize("member", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn"])
def test_a_changed_member_is_not_believed(amazon: Amazon, member: str) -> None:
    """E05"""
    message = amazon.message()
    changed = f"{message[member]}2" if member != "Timestamp" else "2026-10-01T08:00:04.456Z"
    verifier = Verifier([TOPIC, changed], fetch=amazon.fetch, clock=lambda: NOW)
    with pytest.raises(UntrustedEventError, match="signature does not verify"):
        verifier.verify(json.dumps(message | {member: changed}).encode())


@pytest.mark.parametrize("member", ["Subject", "Message"])
def test_a_missing_member_is_not_believed(amazon: Amazon, verify: Verify, member: str) -> None:
    message = amazon.message()
    del message[member]
    with pytest.raises(UntrustedEventError, match="signature does not verify"):
        verify(message)


@pytest.mark.parametrize("signature", ["", "EXAMPLEbase64==", "not base64!", "\ud800"])
def test_a_forged_signature_is_not_believed(amazon: Amazon, verify: Verify, signature: str) -> None:
    """E05"""
    with pytest.raises(UntrustedEventError, match="signature does not verify"):
        verify(amazon.message() | {"Signature": signature})


@pytest.mark.parametrize("version", ["", "3", "2 ", 2])
def test_an_unknown_signature_version_is_not_believed(amazon: Amazon, verify: Verify, version: Any) -> None:
    with pytest.raises(UntrustedEventError, match="version is unknown"):
        verify(amazon.message() | {"SignatureVersion": version})


@pytest.mark.parametrize(
    "topic", ["arn:aws:sns:us-east-1:999999999999:ses-events", "", TOPIC.upper(), f"{TOPIC} "]
)
def test_a_foreign_topic_is_refused_before_anything_is_looked_up(
    amazon: Amazon, verify: Verify, topic: str
) -> None:
    """E05: the signature is genuine, the topic an attacker's own."""
    with pytest.raises(UntrustedEventError, match="not on our list"):
        verify(amazon.message(TopicArn=topic))
    assert amazon.fetched == []


def test_without_topics_nobody_is_believed(amazon: Amazon) -> None:
    with pytest.raises(UntrustedEventError, match="not on our list"):
        Verifier([], fetch=amazon.fetch, clock=lambda: NOW).verify(json.dumps(amazon.message()).encode())


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-east-1.amazonaws.com.evil.test/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.test/SimpleNotificationService-0123456789abcdef.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://x@sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com:444/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/../bucket/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com//SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=1",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#x",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\r\nHost: evil",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n",
        "https://bucket.s3.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.аmazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://169.254.169.254/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/",
        "",
    ],
)
def test_a_certificate_elsewhere_is_never_fetched(amazon: Amazon, verify: Verify, url: str) -> None:
    """E05"""
    with pytest.raises(UntrustedEventError, match="certificate is not at SNS"):
        verify(amazon.message(SigningCertURL=url))
    assert amazon.fetched == []


@pytest.mark.parametrize(
    ("timestamp", "complaint"),
    [
        ("2026-10-01T05:59:00Z", "too old"),
        ("2026-10-01T10:01:00Z", "too old"),
        ("yesterday", "no time"),
        ("2026-10-01T08:00:00", "no time"),
    ],
)
def test_a_message_of_another_time_is_not_believed(
    amazon: Amazon, verify: Verify, timestamp: str, complaint: str
) -> None:
    with pytest.raises(UntrustedEventError, match=complaint):
        verify(amazon.message(Timestamp=timestamp))
    assert amazon.fetched == []


def test_a_message_that_sns_repeats_for_an_hour_is_still_believed(amazon: Amazon, verify: Verify) -> None:
    assert verify(amazon.message(Timestamp="2026-10-01T07:00:00Z")).kind is Kind.NOTIFICATION


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'"text"', b"null", b"{}", b'{"Type": "Unknown"}', b'{"Type": 7}', b'{"Type": ["Notification"]}',
        b"[" * 100_000, b"\xff\xfe", '{"Type": "Notification"}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_no_sns_message_is_malformed(amazon: Amazon, body: bytes) -> None:
    with pytest.raises(MalformedEventError):
        Verifier([TOPIC], fetch=amazon.fetch).verify(body)


def test_a_certificate_is_fetched_once(amazon: Amazon, verify: Verify) -> None:
    verify(amazon.message())
    verify(amazon.message(MessageId="another"))
    assert amazon.fetched == [URL]


def test_a_thousand_certificate_urls_do_not_fill_the_memory(amazon: Amazon) -> None:
    verifier = Verifier([TOPIC], fetch=amazon.fetch, clock=lambda: NOW)
    for n in range(40):
        url = URL.replace("0123456789abcdef0123456789abcdef", f"{n:032x}")
        verifier.verify(json.dumps(amazon.message(SigningCertURL=url)).encode())
    assert verifier._key.cache_info().currsize == 16


def test_a_fetch_that_fails_is_our_own_trouble_and_is_tried_again(amazon: Amazon) -> None:
    answers: list[Any] = [OSError("down"), amazon.certificate]

    def fetch(_url: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    verifier = Verifier([TOPIC], fetch=fetch, clock=lambda: NOW)
    body = json.dumps(amazon.message()).encode()
    with pytest.raises(OSError, match="down"):
        verifier.verify(body)
    assert verifier.verify(body).kind is Kind.NOTIFICATION


def test_whoever_makes_up_certificates_holds_four_threads_and_no_more(amazon: Amazon) -> None:
    """Ten posts name ten certificates of a server that does not answer: six are refused at once, and one comes again."""
    answering = threading.Event()

    def fetch(_url: str) -> bytes:
        answering.wait(30)
        return amazon.certificate

    verifier = Verifier([TOPIC], fetch=fetch, clock=lambda: NOW)
    bodies = [
        json.dumps(
            amazon.message(SigningCertURL=URL.replace("0123456789abcdef" * 2, f"{number:032x}"))
        ).encode()
        for number in range(10)
    ]
    with ThreadPoolExecutor(10) as pool:
        posts = [pool.submit(verifier.verify, body) for body in bodies]
        refused = list(itertools.islice(as_completed(posts), 6))
        assert [str(post.exception()) for post in refused] == [
            "enough certificates are being fetched now"
        ] * 6
        answering.set()
    assert sum(post.exception() is None for post in posts) == 4
    assert verifier.verify(bodies[posts.index(refused[0])]).kind is Kind.NOTIFICATION


def test_a_certificate_that_has_ended_or_is_none_is_not_believed(amazon: Amazon) -> None:
    ended = amazon.issue(NOW - timedelta(days=9), NOW - timedelta(days=8))
    for pem, complaint in ((ended, "not valid now"), (b"<html>", "cannot be read")):
        verifier = Verifier([TOPIC], fetch=lambda _url, pem=pem: pem, clock=lambda: NOW)
        with pytest.raises(UntrustedEventError, match=complaint):
            verifier.verify(json.dumps(amazon.message()).encode())


class _Certificates(BaseHTTPRequestHandler):
    """A server that answers as its path says."""

    def do_GET(self) -> None:
        status, length = {"/good": (200, 10), "/huge": (200, 70_000), "/moved": (302, 0)}.get(
            self.path, (404, 0)
        )
        self.send_response(status)
        self.send_header("Location", "/good")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(b"x" * length)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, amazon: Amazon) -> Iterator[str]:
    """An HTTPS server on this machine, whose certificate is trusted."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(amazon.key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(amazon.key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "server.pem"
    private = amazon.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Certificates)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    yield f"https://localhost:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_certificate_is_fetched_without_redirects_and_only_if_it_is_small(server: str) -> None:
    assert sns.fetch_certificate(f"{server}/good") == b"x" * 10
    for path in ("huge", "moved", "missing"):
        with pytest.raises(OSError, match="no certificate"):
            sns.fetch_certificate(f"{server}/{path}")


def test_an_unknown_authority_is_not_trusted(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        sns.fetch_certificate(f"{server}/good")


def test_a_message_that_moto_signed_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another implementation of SNS's signature. moto leaves a Subject out of it, so there is none here."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client, queues = boto3.client("sns"), boto3.client("sqs")
        topic = client.create_topic(Name="ses-events")["TopicArn"]
        url = queues.create_queue(QueueName="q")["QueueUrl"]
        client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
        client.publish(TopicArn=topic, Message='{"eventType": "Send"}')
        body = queues.receive_message(QueueUrl=url)["Messages"][0]["Body"]
        verifier = Verifier([topic], fetch=lambda where: requests.get(where, timeout=3).content)
        assert verifier.verify(body.encode()) == Notification(kind=Kind.NOTIFICATION, topic_arn=topic)


def test_a_subscription_is_confirmed_by_an_api_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, str]]] = []

    class Client:
        def confirm_subscription(self, **arguments: str) -> None:
            calls.append((region, arguments))

    def client(service: str, region_name: str) -> Client:
        nonlocal region
        region = f"{service} in {region_name}"
        return Client()

    region = ""
    monkeypatch.setattr(sns.boto3, "client", client)
    sns.confirm(Notification(kind=Kind.SUBSCRIPTION_CONFIRMATION, topic_arn=TOPIC, token="t"))
    expected = {"TopicArn": TOPIC, "Token": "t", "AuthenticateOnUnsubscribe": "true"}
    assert calls == [("sns in us-east-1", expected)]
