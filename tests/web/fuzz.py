"""Requests that nobody ought to make, by the thousand: a generator that a seed decides, and what it knows of each request."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from core.unsubscribe import Claim, Purpose, sign
from tests.mailed import SAMPLES
from tests.signer import TOPIC, Amazon
from tests.web.conftest import KEY


@dataclass(frozen=True)
class Request:
    """One request. `genuine` says that the webhook may believe it: nothing that was signed has been changed."""

    kind: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    genuine: bool = False


_FIELDS = (
    "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "SigningCertURL", "Signature", "Token",
    "SubscribeURL", "UnsubscribeURL", "MessageAttributes", "eventType", "notificationType", "mail", "bounce", "tags",
)  # fmt: skip
_TEXTS = (
    "", " ", "\x00", "\ud800", "\udfff\ud800", "\u2028", "é" * 300, "x" * 40_000, "{}", "[]", "null", "NaN", "1e999", "9" * 5_000, "-0",
    "../../etc/passwd", "http://169.254.169.254/latest", "https://sns.us-east-1.amazonaws.com/", "' OR 1=1 --", "{{7*7}}", "%s%n", "\r\nX: y",
    "0000-00-00T00:00:00Z", "2026-10-01T08:00:03.456Z", "9999-12-31T23:59:59Z", "2026-10-01T08:00:03+99:99", TOPIC, "Notification",
    "SubscriptionConfirmation", "UnsubscribeConfirmation", "1", "2",
)  # fmt: skip
_CONTENT_TYPES = (
    "text/plain; charset=UTF-8", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data",
    "multipart/form-data; boundary=" + "y" * 200, "application/x-www-form-urlencoded; charset=nonsense", "", ";;;", "é",
)  # fmt: skip


class Fuzzer:
    """Makes requests, the same for the same seed.

    Args:
        amazon: Signs.
        seed: Decides.
        delivery: Tenant and delivery of the links that are spoiled.
    """

    def __init__(self, amazon: Amazon, seed: int, delivery: tuple[int, int]) -> None:
        self._amazon = amazon
        self._dice = random.Random(seed)
        self._delivery = delivery
        self._samples = [path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.json"))]

    def requests(self, number: int) -> Iterator[Request]:
        kinds: list[Callable[[], Request]] = [
            self._genuine, self._hostile_content, self._changed_member, self._changed_bytes, self._nonsense, self._noise,
            self._deep, self._link, self._form,
        ]  # fmt: skip
        for _ in range(number):
            yield self._dice.choice(kinds)()

    def _post(self, kind: str, body: bytes, *, genuine: bool = False) -> Request:
        headers = {
            "content-type": self._dice.choice(_CONTENT_TYPES),
            "x-amz-sns-message-type": self._dice.choice(_TEXTS[-5:]),
        }
        return Request(kind, "POST", "/sns/ses", body, headers, genuine=genuine)

    def _signed(self, message: str) -> bytes:
        """A message that Amazon has signed, of any of its types and versions."""
        changes: dict[str, Any] = {
            "Message": message,
            "SignatureVersion": self._dice.choice(("1", "2")),
            "MessageId": f"{self._dice.getrandbits(128):032x}",
        }
        kind = self._dice.choices(
            ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"), (8, 1, 1)
        )[0]
        if kind != "Notification":
            changes |= {
                "Type": kind,
                "Subject": None,
                "Token": "2336412f",
                "SubscribeURL": "http://169.254.169.254/",
            }
        return json.dumps(self._amazon.message(**changes)).encode()

    def _genuine(self) -> Request:
        return self._post("genuine", self._signed(self._dice.choice(self._samples)), genuine=True)

    def _hostile_content(self) -> Request:
        """Amazon signs what a topic of ours was handed, whoever has made it up: an event spoiled in any place."""
        if self._dice.random() < 0.2:
            content = self._dice.choice(_TEXTS).replace("\ud800", "").replace("\udfff", "")
        else:
            content = json.dumps(self._spoiled(json.loads(self._dice.choice(self._samples))))
        return self._post("hostile content", self._signed(content), genuine=True)

    def _changed_member(self) -> Request:
        message = json.loads(self._signed(self._dice.choice(self._samples)))
        name = self._dice.choice([*message, *_FIELDS])
        before = message.get(name)
        if self._dice.random() < 0.3:
            message.pop(name, None)
        else:
            message[name] = self._value(2)
        unsigned = name in {
            "UnsubscribeURL",
            "MessageAttributes",
            "eventType",
            "notificationType",
            "mail",
            "bounce",
            "tags",
        }
        unsigned |= name in {"Token", "SubscribeURL"} and message.get("Type") == "Notification"
        unsigned |= name == "Subject" and message.get("Type") not in {"Notification", None}
        return self._post(
            "changed member", json.dumps(message).encode(), genuine=unsigned or message.get(name) == before
        )

    def _changed_bytes(self) -> Request:
        body = bytearray(self._signed(self._dice.choice(self._samples)))
        for _ in range(self._dice.randint(1, 4)):
            at = self._dice.randrange(len(body) or 1)
            change = self._dice.randrange(4)
            if change == 0 and body:
                body[at] ^= 1 << self._dice.randrange(8)
            elif change == 1:
                del body[at : at + self._dice.randint(1, 50)]
            elif change == 2:
                body[at:at] = self._dice.randbytes(self._dice.randint(1, 20))
            else:
                body += body[at : at + 100]
        # A space more, or another letter in a name that nobody reads, changes nothing that was signed.
        return self._post("changed bytes", bytes(body), genuine=True)

    def _nonsense(self) -> Request:
        return self._post("nonsense", json.dumps(self._value(4)).encode())

    def _noise(self) -> Request:
        return self._post("noise", self._dice.randbytes(self._dice.choice((0, 1, 7, 300, 5_000))))

    def _deep(self) -> Request:
        depth = self._dice.choice((500, 5_000, 100_000))
        opening, closing = self._dice.choice((("[", "]"), ('{"a":', "}"), ('{"Type":[', "]}")))
        body = opening * depth + ("1" + closing * depth if self._dice.random() < 0.5 else "")
        return self._post("deep", body.encode()[:500_000])

    def _link(self) -> Request:
        method = self._dice.choice(("GET", "HEAD", "POST", "PUT", "OPTIONS"))
        headers = {"accept-language": self._dice.choice(("", "de", "*", "," * 900, "q=;;;", "de;q=nan", "é"))}
        return Request("link", method, f"/{self._dice.choice('up')}/{self._token()}", headers=headers)

    def _form(self) -> Request:
        """A form of any kind on a good page."""
        purpose = self._dice.choice(list(Purpose))
        path = (
            f"/{'u' if purpose is Purpose.UNSUBSCRIBE else 'p'}/{sign(Claim(*self._delivery, purpose), KEY)}"
        )
        names = ("mail", "frequency", "pause", "shown", "topic", "scope", "List-Unsubscribe", "é", "\x00")
        values = (
            "some",
            "none",
            "all",
            "weekly",
            "2026-12-01",
            "9999-99-99",
            "1",
            "-1",
            "9" * 18,
            "9" * 40,
            "tenant",
            "audience",
            "\x00",
            "é",
        )
        fields = [
            (self._dice.choice(names), self._dice.choice(values)) for _ in range(self._dice.randrange(12))
        ]
        kind = self._dice.randrange(4)
        content_type = self._dice.choice(_CONTENT_TYPES)
        if kind == 0:
            body = "&".join(f"{quote(name)}={quote(value)}" for name, value in fields).encode()
            content_type = "application/x-www-form-urlencoded"
        elif kind == 1:
            content_type = "multipart/form-data; boundary=x"
            parts = [
                f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in fields
            ]
            body = ("".join(parts) + "--x--\r\n").encode()
        else:
            body = self._dice.randbytes(self._dice.choice((0, 9, 300)))
        if kind == 2:
            body = b"--x\r\n" + body
        return Request("form", "POST", path, body, {"content-type": content_type})

    def _token(self) -> str:
        good = sign(Claim(*self._delivery, self._dice.choice(list(Purpose))), KEY)
        match self._dice.randrange(4):
            case 0:
                return quote(
                    "".join(self._dice.choices(string.printable, k=self._dice.randrange(80))), safe=""
                )
            case 1:
                at = self._dice.randrange(len(good))
                return good[:at] + self._dice.choice("AZaz09-_.") + good[at + 1 :]
            case 2:
                return good[: self._dice.randrange(len(good))]
            case _:
                return good + base64.urlsafe_b64encode(self._dice.randbytes(9)).decode()

    def _spoiled(self, value: Any) -> Any:
        """The document with one value in it, anywhere, replaced or gone."""
        if isinstance(value, dict) and value and self._dice.random() < 0.85:
            name = self._dice.choice([*value])
            if self._dice.random() < 0.15:
                return {key: kept for key, kept in value.items() if key != name}
            return value | {name: self._spoiled(value[name])}
        if isinstance(value, list) and value and self._dice.random() < 0.85:
            at = self._dice.randrange(len(value))
            return [*value[:at], self._spoiled(value[at]), *value[at + 1 :]]
        return self._value(2)

    def _value(self, depth: int) -> Any:
        kind = self._dice.randrange(9 if depth else 6)
        if kind < 3:
            return self._dice.choice(_TEXTS)
        if kind < 6:
            return self._dice.choice(
                (None, True, 0, -1, 2**63, 2**70, 10**400, 1e308, float("nan"), float("inf"))
            )
        if kind == 6:
            return [self._value(depth - 1) for _ in range(self._dice.randrange(5))]
        return {
            self._dice.choice((*_FIELDS, *_TEXTS)): self._value(depth - 1)
            for _ in range(self._dice.randrange(6))
        }
