"""Fakes with memory: what they were asked is a list to assert on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import LeaseLostError, MessageRejectedError, OutcomeUnknownError, SendingError
from core.message import Message
from core.unsubscribe import TokenKey
from gateways.render_process import Renderer
from gateways.secrets import Secrets
from gateways.ses import Quota
from gateways.ses_suppression import Listed, ListReason
from gateways.settings import Settings
from store.session import Database
from tasks.resources import Resources


REGION = "us-east-1"
SECRETS = Secrets(recipient_key=b"pepper", token_keys=(TokenKey("k1", b"0123456789abcdef"),))

RENDERER = Renderer()  # starts its process when a test first renders

Script = Callable[[Message, int], str | SendingError]
BulkScript = Callable[[Sequence[Message], int], SendingError | None]


def a_quota(**changes: Any) -> Quota:
    """What GetAccount says of an account that holds nothing up."""
    values = {
        "max_send_rate": 1e6,
        "max_24_hour_send": -1.0,
        "sent_last_24_hours": 0.0,
        "sending_enabled": True,
        "production_access": True,
        "enforcement_status": "HEALTHY",
    }
    return Quota(**values | changes)


def all_accepted(_message: Message, number: int) -> str:
    """The script of a good day."""
    return f"fake-{number:06}"


def each_for_itself(_messages: Sequence[Message], _number: int) -> None:
    """The bulk script of a good day: the call goes through, and each message is asked of the script."""


def lost() -> OutcomeUnknownError:
    """What a call comes to whose answer never arrived; whether it was accepted is the test's to say."""
    return OutcomeUnknownError("no usable answer: ReadTimeoutError", error_code="ReadTimeoutError")


class FakeSes:
    """SES with a script in place of a network.

    Args:
        script: Asked for each call with the message and the number of the call, from 1. Returns the
            `ses_message_id` of an acceptance, or the error to raise.
        quota: What GetAccount says, or the error it raises.

    Attributes:
        script: As given.
        bulk_script: Asked for each bulk call with its messages and its number, from 1, before the script is. Returns the
            error of the whole call, or None.
        bulk_calls: The messages of each bulk call.
        calls: Every message that was called out, whatever was answered.
        clock: Amazon's, of which every answer of GetAccount tells.
        sent: Those of them that were answered with an id.
    """

    region = REGION

    def __init__(self, script: Script = all_accepted, *, quota: Quota | SendingError | None = None) -> None:
        self.script = script
        self.bulk_script: BulkScript = each_for_itself
        self.bulk_calls: list[Sequence[Message]] = []
        self.calls: list[Message] = []
        self.sent: list[Message] = []
        self._quota = quota or a_quota()
        self.clock: Callable[[], datetime | None] = lambda: datetime.now(UTC)
        self._lock = threading.Lock()

    @property
    def recipients(self) -> list[str]:
        """Who was called out, once for each call."""
        return [message.recipient for message in self.calls]

    def send(self, message: Message, *, deadline: float) -> str:
        if time.monotonic() > deadline:
            raise LeaseLostError("the call's deadline passed before it left", error_code="LeaseLost")
        with self._lock:
            self.calls.append(message)
            number = len(self.calls)
        answer = self.script(message, number)
        if isinstance(answer, SendingError):
            raise answer
        with self._lock:
            self.sent.append(message)
        return answer

    def send_bulk(self, messages: Sequence[Message], *, deadline: float) -> list[str | SendingError]:
        if time.monotonic() > deadline:
            late = LeaseLostError("the call's deadline passed before it left", error_code="LeaseLost")
            return [late] * len(messages)
        with self._lock:
            self.bulk_calls.append(messages)
            number = len(self.bulk_calls)
        error = self.bulk_script(messages, number)
        if error is None:
            return [self._answer(message, deadline) for message in messages]
        with self._lock:
            self.calls.extend(messages)
        if isinstance(error, MessageRejectedError):
            raise error
        return [error] * len(messages)

    def _answer(self, message: Message, deadline: float) -> str | SendingError:
        try:
            return self.send(message, deadline=deadline)
        except SendingError as error:
            return error

    def quota(self) -> Quota:
        if isinstance(self._quota, SendingError):
            raise self._quota
        return replace(self._quota, answered_at=self.clock())


class FakeLists:
    """SES's suppression lists in memory: addresses by SES's tenant name, the account's under None; or a refusal."""

    def __init__(self) -> None:
        self.of: dict[str | None, list[str]] = {}
        self.refusal: SendingError | None = None
        self.asked: list[str | None] = []

    def listed(
        self, *, ses_tenant_name: str | None = None, since: datetime | None = None
    ) -> Iterator[Listed]:
        del since
        self.asked.append(ses_tenant_name)
        if self.refusal:
            raise self.refusal
        for address in self.of.get(ses_tenant_name, []):
            yield Listed(address, ListReason.BOUNCE, datetime.now(UTC))


def some_resources(
    database: Database, state_dir: Path, ses: FakeSes | None = None, **settings: Any
) -> Resources:
    """The resources of a process with this database, small windows and a SES without a network."""
    small = {"calls_in_flight": 4, "window_size": 8, "claim_size": 20, "state_dir": state_dir}
    resources = Resources(Settings(**small | settings))
    # What a `cached_property` has made stands in the instance's own dictionary; this makes it beforehand.
    vars(resources).update(
        database=database,
        secrets=SECRETS,
        ses=ses or FakeSes(),
        renderer=RENDERER,
        suppression_lists=FakeLists(),
    )
    return resources
