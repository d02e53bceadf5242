"""The events of a campaign that was sent, as SES's topics hand them to two queues; and queues that hand out a file.

Of a hundred messages 98 are delivered, one bounces, 25 are opened and three clicked; of a thousand one is complained about, and of
a hundred events one comes twice. Opens come later than deliveries, and neighbours change places, as on real queues.
"""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from gateways.sqs import Message, Queue


# How many events a hundred messages have, about; two thirds of them are Send and Delivery.
EVENTS_PER_MESSAGE: Final = 2.3

# Just now: of an old campaign, whose bounces come before its deliveries, a breaker would say that all of it bounces.
_SENT_AT: Final = datetime.now(UTC)
_DISPLACED: Final = 2_000


class FileQueue(Queue):
    """A queue that hands out the lines of a file in its order, ten a call, and counts what was deleted."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._lines = path.open(encoding="utf-8")
        self.deleted = 0

    def receive(self, *, most: int = 10, wait_seconds: int = 0) -> list[Message]:
        """Return the next lines; nothing at the end of the file."""
        del wait_seconds
        return [Message(line, "") for line in islice(self._lines, most)]

    def delete(self, messages: Sequence[Message]) -> None:
        """Count what would be deleted."""
        self.deleted += len(messages)


def write(folder: Path, messages: Sequence[dict[str, Any]], *, seed: int = 1) -> tuple[Path, Path]:
    """Write the events of messages to a critical and an engagement file; return their paths.

    Args:
        folder: Where the files go.
        messages: Each with its `tags` and `ses_message_id`.
        seed: Of the dice.
    """
    dice = random.Random(seed)
    critical, engagement = folder / "critical.jsonl", folder / "engagement.jsonl"
    with critical.open("w", encoding="utf-8") as first, engagement.open("w", encoding="utf-8") as second:
        first.writelines(_displaced((line for m in messages for line in _critical(m, dice)), dice))
        second.writelines(_displaced((line for m in messages for line in _engagement(m, dice)), dice))
    return critical, engagement


def _critical(message: dict[str, Any], dice: random.Random) -> Iterator[str]:
    yield _line("Send", message, "send", {})
    if message["number"] % 100 == 0:
        yield _line("Bounce", message, "bounce", _bounce(message))
    if message["number"] % 1000 == 1:
        yield _line("Complaint", message, "complaint", _complaint(message, dice))


def _engagement(message: dict[str, Any], dice: random.Random) -> Iterator[str]:
    if message["number"] % 100 in (0, 2):
        return
    yield _line("Delivery", message, "delivery", _delivery(message))
    if dice.random() < 0.25:
        seen = {"ipAddress": "192.0.2.77", "userAgent": _BROWSER, "isBotEvent": "Unlikely"}
        yield _line("Open", message, "open", seen | {"timestamp": _at(dice.randrange(60, 80_000))})
        if dice.random() < 0.12:
            link = {"link": "https://shop.example/p/1?utm=42", "linkTags": None}
            yield _line("Click", message, "click", seen | link | {"timestamp": _at(dice.randrange(80_000))})


def _displaced(lines: Iterator[str], dice: random.Random) -> Iterator[str]:
    """Yield lines out of order by at most `_DISPLACED` places, one of a hundred twice."""
    held: list[str] = []
    for line in lines:
        held += [line, line] if dice.random() < 0.01 else [line]
        if len(held) > _DISPLACED:
            place = dice.randrange(len(held))
            held[place], held[-1] = held[-1], held[place]
            yield held.pop()
    yield from held


_BROWSER: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)"


def _at(seconds: float) -> str:
    return (_SENT_AT + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _delivery(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "timestamp": _at(2),
        "processingTimeMillis": 1880,
        "recipients": [message["address"]],
        "smtpResponse": "250 2.0.0 OK  1790841600 d2e1a72fcca58-7f1b2c3d4e5si1234567b3a.98 - gsmtp",
        "reportingMTA": "a8-70.smtp-out.amazonses.com",
        "remoteMtaIp": "203.0.113.25",
    }


def _bounce(message: dict[str, Any]) -> dict[str, Any]:
    told = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    return {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": message["address"]} | told],
        "timestamp": _at(3),
        "feedbackId": f"b-{message['ses_message_id']}",
    }


def _complaint(message: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    return {
        "complainedRecipients": [{"emailAddress": message["address"]}],
        "complaintSubType": None,
        "complaintFeedbackType": "abuse",
        "timestamp": _at(dice.randrange(3600)),
        "feedbackId": f"c-{message['ses_message_id']}",
    }


def _line(kind: str, message: dict[str, Any], member: str, body: dict[str, Any]) -> str:
    mail = {
        "timestamp": _at(0),
        "source": "News <news@mail.tenant-a.example>",
        "sourceArn": "arn:aws:ses:us-east-1:111122223333:identity/mail.tenant-a.example",
        "sendingAccountId": "111122223333",
        "messageId": message["ses_message_id"],
        "destination": [message["address"]],
        "headersTruncated": False,
        "headers": [{"name": name, "value": value} for name, value in _HEADERS.items()],
        "commonHeaders": {"from": [_HEADERS["From"]], "to": [message["address"]], "subject": "Spring news for Zoë"},
        "tags": _TAGS | message["tags"],
    }  # fmt: skip
    return json.dumps({"eventType": kind, "mail": mail, member: body}, ensure_ascii=False) + "\n"


_HEADERS: Final = {
    "From": "News <news@mail.tenant-a.example>",
    "Subject": "Spring news for Zoë",
    "MIME-Version": "1.0",
    "Content-Type": 'multipart/alternative; boundary="----=_Part_1_2.3"',
    "List-Unsubscribe": "<https://u.tenant-a.example/u/abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
_TAGS: Final = {
    "ses:operation": ["SendBulkEmail"],
    "ses:source-ip": ["192.0.2.10"],
    "ses:from-domain": ["mail.tenant-a.example"],
    "ses:caller-identity": ["sender-role"],
    "ses:source-tls-version": ["TLSv1.3"],
}
