"""What SES does with a call: check it, count it, accept it, and decide what becomes of it.

A call goes through two steps, so that faults can be put on either side of the line between them: `prepare` refuses or
understands the request and changes nothing; `accept` cannot refuse any more. Bulk calls are understood entry by entry,
and what is wrong with one entry never stops another.

Sources: `sesv2` service model; SES developer guide, "send-personalized-email-api", "tenants".
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from simulator import validation
from simulator.account import Account
from simulator.addresses import bare_address, domain_of
from simulator.behaviour import SIMULATOR_DOMAIN, Step, fate_of, not_sent, put_off
from simulator.errors import DAILY_QUOTA, SesError, bad_request
from simulator.events import Mail, new_ses_message_id
from simulator.faults import ENTRY, EVENTS, Call, Faults
from simulator.journal import Journal
from simulator.learning import Learned
from simulator.limits import Clock, Limits
from simulator.message import Message, check_template, read_bulk_entry, read_send
from simulator.publisher import Publisher
from simulator.receivers import Receiver
from simulator.suppression import Suppression


_ENTRY_STATUS: Final = {
    "BadRequestException": "INVALID_PARAMETER",
    "MessageRejected": "MESSAGE_REJECTED",
    "NotFoundException": "TEMPLATE_NOT_FOUND",
    "SerializationException": "INVALID_PARAMETER",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that SES understood. For a bulk call some entries may be refusals."""

    operation: str
    entries: Sequence[Message | SesError]
    call: Call

    def messages(self) -> list[Message]:
        """Return the entries that can be accepted."""
        return [entry for entry in self.entries if isinstance(entry, Message)]


@dataclass(slots=True)
class Service:
    """The account and everything that is counted on it."""

    account: Account
    clock: Clock
    limits: Limits
    faults: Faults
    journal: Journal
    publisher: Publisher
    receivers: Mapping[str, Receiver]
    seed: int
    learned: Learned = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    suppression: Suppression = field(default_factory=Suppression)
    _ids: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Seed the message ids and the receivers that learn."""
        self._ids = random.Random(f"{self.seed}:ids")
        self.learned = Learned(self.seed)

    def prepare(
        self, operation: str, request: Any, size: int, *, invocation_id: str, source_ip: str
    ) -> Prepared:
        """Understand a request.

        Args:
            operation: "SendEmail" or "SendBulkEmail".
            request: The parsed JSON body.
            size: Bytes of the body.
            invocation_id: Botocore's id of the call, the same in each of its own retries.
            source_ip: Where it came from.

        Raises:
            SesError: SES refuses the whole call.
        """
        validation.check_request(operation, request)
        entries = _single_entry(request, size) if operation == "SendEmail" else _bulk_entries(request, size)
        messages = [entry for entry in entries if isinstance(entry, Message)]
        for message in messages:
            message.invocation_id, message.source_ip = invocation_id, source_ip
            message.configuration_set = message.configuration_set or self.account.default_configuration_set
        # What all entries share can be read off the first one; the request alone does not tell, because a raw message
        # may name its sender, tenant and configuration set in headers.
        for message in messages[:1]:
            self.account.check(message.sender, message.tenant, message.configuration_set)
        return Prepared(operation, entries, _call(operation, messages))

    def accept(self, prepared: Prepared) -> dict[str, Any]:
        """Accept what can be accepted and return the answer: to the caller the message is sent from here on."""
        if prepared.operation == "SendEmail":
            return {"MessageId": self._accept(prepared.messages()[0])}
        return {"BulkEmailEntryResults": [self._accept_entry(entry) for entry in prepared.entries]}

    def _accept_entry(self, entry: Message | SesError) -> dict[str, str]:
        if isinstance(entry, SesError):
            return {"Status": _ENTRY_STATUS[entry.code], "Error": entry.message}
        if rule := self.faults.draw(ENTRY, _call(entry.operation, [entry])):
            return {"Status": str(rule.status or "FAILED"), "Error": rule.message or "Injected failure."}
        if not self.limits.has_quota(_counted(entry)):
            return {"Status": "ACCOUNT_DAILY_QUOTA_EXCEEDED", "Error": DAILY_QUOTA}
        return {"Status": "SUCCESS", "MessageId": self._accept(entry)}

    def _accept(self, message: Message) -> str:
        moment = self.clock.seconds()
        ses_message_id = new_ses_message_id(moment, self._ids)
        self.journal.record(message, ses_message_id, moment)
        self.limits.spend(len(message.recipients), counted=_counted(message))
        self.counts["recipients"] += len(message.recipients)
        if not message.configuration_set:
            self.counts["without_configuration_set"] += 1
        elif not self.faults.draw(EVENTS, _call(message.operation, [message])):
            self._plan(message, Mail(message, ses_message_id, moment, self.account.region))
        return ses_message_id

    def _plan(self, message: Message, mail: Mail) -> None:
        first, *others = message.recipients
        draw = self._draw(first)
        if message.has_virus:
            self.publisher.schedule(mail, [Step("Reject", first, {})], draw)
        elif message.missing_attribute:
            step = Step("Rendering Failure", first, {"attribute": message.missing_attribute})
            self.publisher.schedule(mail, [step], draw)
        else:
            self.publisher.schedule(mail, [Step("Send", first, {}), *self._fate(message, first, draw)], draw)
            for address in others:
                draw = self._draw(address)
                self.publisher.schedule(mail, self._fate(message, address, draw), draw)

    def _draw(self, address: str) -> random.Random:
        return random.Random(f"{self.seed}:{address.lower()}")

    def _fate(self, message: Message, address: str, draw: random.Random) -> list[Step]:
        if domain_of(address) != SIMULATOR_DOMAIN and (
            subtype := self.suppression.stops(address, message.tenant)
        ):
            self.counts[f"suppressed:{subtype}"] += 1
            return [not_sent(address, subtype)]
        receiver = self.receivers.get(domain_of(address), self.receivers["*"])
        steps = fate_of(message, address, receiver, draw)
        if receiver.learns is None or domain_of(address) == SIMULATOR_DOMAIN:
            return steps
        return self._weighed(steps, message, address, receiver)

    def _weighed(self, steps: list[Step], message: Message, address: str, receiver: Receiver) -> list[Step]:
        """Let a receiver that learns take a message or put it off, and remember it."""
        assert receiver.learns is not None
        provider = receiver.provider or domain_of(address)
        sender, moment = domain_of(bare_address(message.sender)), self.clock.seconds()
        if not self.learned.offer(provider, sender, receiver.learns, moment):
            self.counts[f"put_off:{provider}"] += 1
            seconds, is_lost = self.learned.deferral(address, moment, receiver.learns.gives_up)
            return put_off(steps, address, receiver, seconds=seconds, is_lost=is_lost)
        if any(step.kind == "Complaint" for step in steps):
            self.learned.complain(provider, sender)
        return steps

    def get_account(self) -> dict[str, Any]:
        """Return the answer of GetAccount."""
        suspended, paused = (
            self.faults.is_standing(action) for action in ("account_suspended", "sending_paused")
        )
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": "SHUTDOWN" if suspended else "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendQuota": {
                "Max24HourSend": float(self.limits.max_24_hour_send),
                "MaxSendRate": float(self.limits.max_send_rate),
                "SentLast24Hours": float(self.limits.sent_last_24_hours()),
            },
            "SendingEnabled": not (suspended or paused),
            "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
            "PricingAttributes": {"CurrentPlan": "ESSENTIALS"},
        }

    def reset(self) -> None:
        """Forget calls, faults, limits and events to come. The accept log stays."""
        self.journal.forget()
        self.faults.clear()
        self.limits.reset()
        self.publisher.reset()
        self.learned.forget()
        self.suppression.forget()
        self.counts.clear()


def _single_entry(request: Mapping[str, Any], size: int) -> list[Message | SesError]:
    if request["Content"].get("Template"):
        validation.check_size(size, inline_template=True)
    return [read_send(request)]


def _bulk_entries(request: Mapping[str, Any], size: int) -> list[Message | SesError]:
    entries = request["BulkEmailEntries"]
    if not 1 <= len(entries) <= validation.MAX_BULK_ENTRIES:
        raise bad_request(f"BulkEmailEntries must have between 1 and {validation.MAX_BULK_ENTRIES} entries.")
    if not request.get("FromEmailAddress"):
        raise bad_request("From address is missing.")
    validation.check_address(request["FromEmailAddress"])
    template = request["DefaultContent"].get("Template") or {}
    validation.check_one_of(template, ("TemplateContent", "TemplateName", "TemplateArn"), "Template")
    validation.check_size(size, inline_template=True)
    return [_bulk_entry(request, entry) for entry in entries]


def _bulk_entry(request: Mapping[str, Any], entry: Mapping[str, Any]) -> Message | SesError:
    try:
        check_template(request["DefaultContent"]["Template"])
        return read_bulk_entry(request, entry)
    except SesError as error:
        return error


def _call(operation: str, messages: Sequence[Message]) -> Call:
    if not messages:
        return Call(operation)
    first = messages[0]
    return Call(
        operation,
        tenant=first.tenant,
        configuration_set=first.configuration_set,
        sender=bare_address(first.sender),
        recipients=tuple(address for message in messages for address in message.recipients),
        tags=dict(first.tags),
    )


def _counted(message: Message) -> int:
    """Return how many recipients count against the quota: those of the mailbox simulator do not."""
    return sum(domain_of(address) != SIMULATOR_DOMAIN for address in message.recipients)
