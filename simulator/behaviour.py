"""What becomes of a message to one recipient: a list of steps, each of which will be an event.

The fate is drawn from the seed and the address alone, so a run can be repeated whatever order the calls come in, and a
mailbox that does not exist stays that way for every campaign.

SES's own mailbox simulator is honoured as documented: bounce@, complaint@, ooto@, suppressionlist@ and success@
simulator.amazonses.com, with or without a +label. The same local parts elsewhere are ordinary mailboxes.

Standards: RFC 3464 (Delivery Status Notifications) for action, status and diagnostic code; RFC 5965 (Abuse Reporting
Format) for complaint types.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from simulator.addresses import domain_of
from simulator.links import links_of
from simulator.message import Message
from simulator.receivers import Receiver


SIMULATOR_DOMAIN: Final = "simulator.amazonses.com"
_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_PERMANENT_WITHOUT_STATUS: Final = "5.5.0"
_READERS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Thunderbird/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
)
_BOTS: Final = (
    "GoogleImageProxy",
    "Mozilla/5.0",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a message, before it has a time.

    Attributes:
        kind: The eventType it will be reported as.
        address: Whom it happens to.
        detail: What only this kind has; `events` knows the names.
        patience: How many times the usual delay it takes.
        later: Simulated seconds that it takes besides.
    """

    kind: str
    address: str
    detail: Mapping[str, Any]
    patience: float = 1.0
    later: float = 0.0


def fate_of(message: Message, address: str, receiver: Receiver, draw: random.Random) -> list[Step]:
    """Return what happens to a message at one recipient, after Send, in causal order.

    Args:
        message: What was sent; a message without HTML is never seen to be opened.
        address: The recipient.
        receiver: The provider of the recipient's domain.
        draw: Seeded with the simulator's seed and the address.
    """
    if domain_of(address) == SIMULATOR_DOMAIN:
        local = address.partition("@")[0].partition("+")[0].lower()
        return _MAILBOX_SIMULATOR.get(local, _delivered)(address)
    lot = draw.random()
    if lot < receiver.hard_bounce:
        return [_hard_bounce(address, receiver, draw)]
    if lot < receiver.hard_bounce + receiver.soft_bounce:
        return _soft_bounce(address, receiver, draw)
    if lot >= receiver.hard_bounce + receiver.soft_bounce + receiver.share_delivered():
        return []
    return [*_arrival(address, receiver, draw), *_reading(message, address, receiver, draw)]


def not_sent(address: str, subtype: str) -> Step:
    """Return what happens to a message to an address on a suppression list; SES's own server says it."""
    whose = "tenant" if subtype == "OnTenantSuppressionList" else "account"
    text = (
        "Amazon SES did not send the message to this address because it is on the suppression list for your "
        f"{whose}. Status 5.1.1"
    )
    return _bounce(address, "Permanent", subtype, text, mta="dns; amazonses.com")


def put_off(
    steps: list[Step], address: str, receiver: Receiver, *, seconds: float, is_lost: bool
) -> list[Step]:
    """Return what happens to a message that its receiver does not take yet, in the receiver's own words.

    Args:
        steps: What happens once it is taken.
        address: The recipient.
        receiver: Who puts it off.
        seconds: Simulated seconds until it is taken, or until Amazon SES gives up.
        is_lost: Whether SES gives up.
    """
    delay = _delay(address, "General", receiver.later)
    if is_lost:
        # It expired in SES's own queue, so no other server has reported it.
        return [
            delay,
            replace(_bounce(address, "Transient", "General", receiver.later, mta=""), later=seconds),
        ]
    return [
        delay,
        *(replace(step, later=seconds if number == 0 else 0.0) for number, step in enumerate(steps)),
    ]


def _hard_bounce(address: str, receiver: Receiver, draw: random.Random) -> Step:
    subtype = "NoEmail" if draw.random() < 0.7 else "General"
    text = receiver.no_mailbox if subtype == "NoEmail" or draw.random() < 0.5 else receiver.refused
    return _bounce(address, "Permanent", subtype, text)


def _soft_bounce(address: str, receiver: Receiver, draw: random.Random) -> list[Step]:
    # SES reports a transient bounce only when it has given up, so delays come first.
    if draw.random() < 0.5:
        return [
            _delay(address, "MailboxFull", receiver.full),
            _bounce(address, "Transient", "MailboxFull", receiver.full),
        ]
    delay = _delay(address, "TransientCommunicationFailure", receiver.unreachable)
    # It expired in SES's own queue, so no other server has reported it.
    return [delay, _bounce(address, "Transient", "General", receiver.unreachable, mta="")]


def _bounce(
    address: str, kind: str, subtype: str, text: str, *, mta: str = "dns; a8-70.smtp-out.amazonses.com"
) -> Step:
    said = text.format(address=address)
    status = _STATUS.search(said)
    recipient = {
        "emailAddress": address,
        "action": "failed",
        "status": status[1] if status else _PERMANENT_WITHOUT_STATUS,
        "diagnosticCode": said if mta.endswith(" amazonses.com") else f"smtp; {said}",
    }
    detail: dict[str, Any] = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [recipient]}
    if mta:
        detail["reportingMTA"] = mta
    return Step("Bounce", address, detail)


def _delay(address: str, kind: str, text: str) -> Step:
    said = text.format(address=address)
    status = _STATUS.search(said)
    recipient = {
        "emailAddress": address,
        "status": status[1] if status else "4.4.1",
        "diagnosticCode": f"smtp; {said}",
    }
    return Step("DeliveryDelay", address, {"delayType": kind, "delayedRecipients": [recipient]})


def _delivered(address: str, text: str = "250 2.6.0 Message received") -> list[Step]:
    return [Step("Delivery", address, {"smtpResponse": text})]


def _arrival(address: str, receiver: Receiver, draw: random.Random) -> list[Step]:
    steps = _delivered(address, receiver.accepted)
    if draw.random() < receiver.delay:
        steps.insert(0, _delay(address, "General", receiver.later))
    if draw.random() < receiver.late_bounce:
        steps.append(_bounce(address, "Permanent", "General", receiver.no_mailbox))
    return steps


def _reading(message: Message, address: str, receiver: Receiver, draw: random.Random) -> list[Step]:
    """Return opens, clicks and a complaint. All lots are drawn, so that switching one off leaves the others alone."""
    lots = [draw.random() for _ in range(5)]
    person, bot = draw.choice(_READERS), draw.choice(_BOTS)
    address_of_person, address_of_bot = (
        f"192.0.2.{draw.randrange(1, 255)}",
        f"203.0.113.{draw.randrange(1, 255)}",
    )
    is_seen, is_prefetched = lots[0] < receiver.open, lots[1] < receiver.bot_open
    steps = []
    for happens, kind, agent, ip, patience in (
        (is_prefetched, "Open", bot, address_of_bot, 1),
        (is_prefetched and lots[2] < receiver.bot_click, "Click", bot, address_of_bot, 1),
        (is_seen, "Open", person, address_of_person, 2),
        (is_seen and lots[3] < receiver.click, "Click", person, address_of_person, 1),
    ):
        if happens and message.html and (message.tracks_opens if kind == "Open" else message.tracks_clicks):
            likely = "Likely" if agent is bot else "Unlikely"
            detail: dict[str, Any] = {"ipAddress": ip, "userAgent": agent, "isBotEvent": likely}
            if kind == "Click":
                # Looked for only now: to find the links of a message costs more than all else that is done to it.
                links = links_of(message)
                if not links:
                    continue
                link = draw.choice(links)
                detail |= {"link": link.url, "linkTags": link.tags}
            steps.append(Step(kind, address, detail, patience))
    if lots[4] < receiver.complaint:
        steps.append(_complaint(address))
    return steps


def _complaint(address: str) -> Step:
    detail = {
        "complainedRecipients": [{"emailAddress": address}],
        "userAgent": "Mail-FBL/1.0",
        "complaintFeedbackType": "abuse",
    }
    return Step("Complaint", address, detail, patience=2)


_MAILBOX_SIMULATOR: Final[Mapping[str, Callable[[str], list[Step]]]] = {
    "success": _delivered,
    "ooto": _delivered,
    "bounce": lambda address: [_bounce(address, "Permanent", "General", "550 5.1.1 user unknown")],
    "complaint": lambda address: [*_delivered(address), _complaint(address)],
    "suppressionlist": lambda address: [
        _bounce(
            address,
            "Permanent",
            "Suppressed",
            "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an "
            "invalid address. Status 5.1.1",
            mta="dns; amazonses.com",
        )
    ],
}
