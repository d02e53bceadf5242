"""How the mailbox providers of this world treat what they receive: probabilities, and their own words.

A profile file overrides single numbers of single domains:

    {"gmail.com": {"hard_bounce": 0.02}, "*": {"open": 0.5}}

A domain that is neither here nor in the file behaves as "*". Numbers are shares of the messages to a domain, except
`click` (share of opened messages) and `bot_click` (share of bot-opened ones). Domains of one `provider` that `learns`
(`learning`) are one receiver to whom the sender gets known.

Sources: the diagnostic texts are those the providers send, shortened; RFC 3463 (Enhanced Mail System Status Codes) for
the numbers. Gmail gives no complaint data to SES, so `complaint` is 0 there. Rates are invented but of realistic size.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from simulator.learning import Temper


@dataclass(frozen=True, slots=True)
class Receiver:
    """One mailbox provider.

    `delivery` defaults to whatever the bounces leave; a smaller number makes the rest vanish: SES says Send and then
    nothing, ever.
    """

    delivery: float | None = None
    hard_bounce: float = 0.01
    soft_bounce: float = 0.008
    late_bounce: float = 0.0
    delay: float = 0.01
    complaint: float = 0.0008
    open: float = 0.25
    click: float = 0.12
    bot_open: float = 0.08
    bot_click: float = 0.1
    accepted: str = "250 2.0.0 OK"
    no_mailbox: str = (
        "550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual mailbox table"
    )
    refused: str = "550 5.7.1 Service unavailable; client host blocked"
    full: str = "452 4.2.2 <{address}>: The recipient's mailbox is over quota"
    unreachable: str = "450 4.4.7 Message expired: unable to deliver in 840 minutes, connection timed out"
    later: str = "451 4.7.1 Try again later: greylisted"
    provider: str = ""
    learns: Temper | None = None

    def share_delivered(self) -> float:
        """Return the share of messages that arrive."""
        return 1 - self.hard_bounce - self.soft_bounce if self.delivery is None else self.delivery


DEFAULT_RECEIVERS: Final[Mapping[str, Receiver]] = {
    "gmail.com": Receiver(
        hard_bounce=0.006,
        soft_bounce=0.006,
        complaint=0.0,
        open=0.28,
        bot_open=0.15,
        accepted="250 2.0.0 OK  1790841600 d2e1a72fcca58-7f1b2c3d4e5si1234567b3a.98 - gsmtp",
        no_mailbox=(
            "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the "
            "recipient's email address for typos or unnecessary spaces. For more information, go to "
            "https://support.google.com/mail/?p=NoSuchUser - gsmtp"
        ),
        full=(
            "452-4.2.2 The recipient's inbox is out of storage space. Please direct the recipient to "
            "https://support.google.com/mail/?p=OverQuotaTemp - gsmtp"
        ),
        later=(
            "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address. "
            "https://support.google.com/mail/?p=UnsolicitedRateLimitError - gsmtp"
        ),
    ),
    "yahoo.com": Receiver(
        hard_bounce=0.012,
        complaint=0.0015,
        accepted="250 ok dirdel",
        no_mailbox="554 delivery error: dd This user doesn't have a yahoo.com account ({address}) [0] - mta4242.mail.gq1.yahoo.com",
        full="552 1 Requested mail action aborted, mailbox not found or over quota",
        later="421 4.7.0 [TSS04] Messages temporarily deferred due to unexpected volume or user complaints",
    ),
    "outlook.com": Receiver(
        hard_bounce=0.01,
        soft_bounce=0.012,
        bot_open=0.12,
        bot_click=0.3,
        accepted="250 2.6.0 <{ses_message_id}@email.amazonses.com> Queued mail for delivery",
        no_mailbox="550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [BL02EPF0001A103.namprd05.prod.outlook.com]",
        refused="550 5.7.1 Unfortunately, messages from [198.51.100.7] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).",
        later="451 4.7.650 The mail server [198.51.100.7] has been temporarily rate limited due to IP reputation.",
    ),
    "icloud.com": Receiver(
        hard_bounce=0.007,
        bot_open=0.6,
        accepted="250 2.0.0 Ok: queued as 4c1f8a9b0d",
        no_mailbox="550 5.1.1 <{address}>: user does not exist",
        full="552 5.2.2 <{address}>: user is over quota",
    ),
    "gmx.net": Receiver(
        hard_bounce=0.014,
        open=0.3,
        bot_open=0.02,
        accepted="250 Requested mail action okay, completed: id=1MHXBj-1pTtT52t0h-00DWfV",
        no_mailbox="550 Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.net/en/case?c=r0101",
        full="552 Requested mail action aborted: exceeded storage allocation",
    ),
    "*": Receiver(),
}


def read_profile(path: Path | None) -> dict[str, Receiver]:
    """Return the receivers by domain, with the changes of a profile file applied.

    Raises:
        ValueError: The file names something a receiver does not have, or shares that add up to more than one.
    """
    receivers = dict(DEFAULT_RECEIVERS)
    changes = json.loads(path.read_text(encoding="utf-8")) if path else {}
    if "*" in changes:
        receivers["*"] = _changed("*", receivers["*"], changes["*"])
    for domain, change in changes.items():
        if domain != "*":
            receivers[domain.lower()] = _changed(
                domain, receivers.get(domain.lower(), receivers["*"]), change
            )
    _check_tempers(receivers)
    return receivers


def _check_tempers(receivers: Mapping[str, Receiver]) -> None:
    """Refuse two tempers of one provider: it would depend on the first message which of them it has."""
    tempers: dict[str, Temper | None] = {}
    for receiver in receivers.values():
        if receiver.provider and tempers.setdefault(receiver.provider, receiver.learns) != receiver.learns:
            raise ValueError(f"profile of {receiver.provider}: its domains must learn in the same way")


def _changed(domain: str, receiver: Receiver, change: Mapping[str, Any]) -> Receiver:
    known = {field.name for field in fields(Receiver)}
    if unknown := set(change) - known:
        raise ValueError(
            f"profile of {domain}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}"
        )
    if "learns" in change:
        change = {**change, "learns": Temper.from_json(domain, change["learns"])}
    changed = replace(receiver, **change)
    shares = [value for value in asdict(changed).values() if isinstance(value, int | float)]
    whole = changed.share_delivered() + changed.hard_bounce + changed.soft_bounce
    # Shares like 0.994 + 0.006 may miss one by the last bit.
    if not all(0 <= share <= 1 for share in shares) or changed.share_delivered() < 0 or whole > 1 + 1e-9:
        raise ValueError(f"profile of {domain}: shares must lie in 0..1 and add up to at most 1")
    return changed
