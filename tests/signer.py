"""A signer of SNS messages, written after Amazon's documentation and not after our verifier."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID


TOPIC = "arn:aws:sns:us-east-1:111122223333:ses-events"
URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
NOW = datetime(2026, 10, 1, 8, 0, 10, tzinfo=UTC)


class Amazon:
    """Signs as SNS does, written after its documentation and not after our verifier."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.fetched: list[str] = []
        self.certificate = self.issue(NOW - timedelta(days=1), NOW + timedelta(days=365))

    def issue(self, begins: datetime, ends: datetime) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(1).not_valid_before(begins).not_valid_after(ends).sign(self.key, hashes.SHA256())
        )  # fmt: skip
        return certificate.public_bytes(serialization.Encoding.PEM)

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.certificate

    def message(self, **changes: Any) -> dict[str, Any]:
        """A notification, signed after the changes were made."""
        message = {
            "Type": "Notification",
            "MessageId": "7f1a3c1e",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": '{"eventType": "Send", "note": "Grüße"}\n',
            "Timestamp": "2026-10-01T08:00:03.456Z",
            "SignatureVersion": "2",
            "SigningCertURL": URL,
        } | changes
        return self.signed({name: value for name, value in message.items() if value is not None})

    def confirmation(self, **changes: Any) -> dict[str, Any]:
        return self.message(
            Type="SubscriptionConfirmation", Subject=None, Token="2336412f", SubscribeURL="http://169.254.169.254/latest"
        ) | changes  # fmt: skip

    def signed(self, message: dict[str, Any]) -> dict[str, Any]:
        order = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{message[name]}\n" for name in order if name in message)
        digest = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), digest)
        return message | {"Signature": base64.b64encode(signature).decode()}
