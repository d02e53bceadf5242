"""Failpoints: a worker that dies exactly after a labelled beat, as random kills hardly ever do.

The production code knows nothing of them. These subclasses die after what they inherit has done its work.
"""

import os
import random
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from benchmarks.crash.plan import READ_TIMEOUT_SECONDS
from core.errors import SendingError
from core.message import Message
from core.runs import Tally
from gateways.ses import Ses
from store.deliveries import Attempt, Claimed
from tasks.intents import Rendered
from tasks.messages import load_job
from tasks.resources import Resources
from tasks.sending import Sender, _Window


VARIABLE: Final = "POSTHOUSE_FAILPOINT"
EXIT_STATUS: Final = 137  # what a shell says of a process that was killed with SIGKILL

# How probable a death is each time a worker passes. A window has many calls, so those that come once a call are rarer.
LABELS: Final = {
    "claimed": 0.2,
    "rendered": 0.2,
    "intended": 0.1,  # the intent is committed, and no call has left
    "leaving": 0.02,  # the request is signed, and nothing is written yet
    "answered": 0.02,  # the answer is read, and nobody else knows it
    "recorded": 0.1,
    "released": 0.2,
}


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Where this process shall die, and how probably each time it comes by."""

    label: str = ""
    probability: float = 0.0

    @classmethod
    def parse(cls, words: str) -> "Failpoint":
        """Read `label:probability`.

        Raises:
            ValueError: There is no such label, or the probability is none.
        """
        label, _, probability = words.partition(":")
        if label not in LABELS:
            raise ValueError(f"{VARIABLE} is one of {', '.join(LABELS)}, then a colon and a probability")
        return cls(label, float(probability or 1.0))

    def passed(self, label: str) -> None:
        """Die here, perhaps: without unwinding, flushing or telling anybody, as a killed process does."""
        if label == self.label and random.random() < self.probability:
            os._exit(EXIT_STATUS)


class FailpointSes(Ses):
    """SES with a death on either side of each call."""

    def __init__(self, failpoint: Failpoint, *, calls_in_flight: int) -> None:
        super().__init__(calls_in_flight=calls_in_flight, read_timeout=READ_TIMEOUT_SECONDS)
        self._failpoint = failpoint
        # After the check of the deadline, which was registered before: the very last moment before the connection.
        for operation in ("SendEmail", "SendBulkEmail"):
            self._client.meta.events.register_last(f"before-send.sesv2.{operation}", self._about_to_leave)

    def _about_to_leave(self, **_event: object) -> None:
        self._failpoint.passed("leaving")

    def send(self, message: Message, *, deadline: float) -> str:
        """Send as always."""
        ses_message_id = super().send(message, deadline=deadline)
        self._failpoint.passed("answered")
        return ses_message_id

    def send_bulk(self, messages: Sequence[Message], *, deadline: float) -> list[str | SendingError]:
        """Send together, as always."""
        answers = super().send_bulk(messages, deadline=deadline)
        self._failpoint.passed("answered")
        return answers


@dataclass(frozen=True)
class CrashResources(Resources):
    """Resources whose SES gateway is impatient and mortal."""

    failpoint: Failpoint

    @cached_property
    def ses(self) -> Ses:
        """SES with failpoints."""
        return FailpointSes(self.failpoint, calls_in_flight=self.settings.calls_in_flight)


class FailpointSender(Sender):
    """A sender with a death after each beat."""

    def __init__(self, resources: CrashResources, campaign_id: int, pool: ThreadPoolExecutor) -> None:
        super().__init__(resources, load_job(resources, campaign_id), pool)
        self._failpoint = resources.failpoint

    def _send_batch(self, tally: Tally, ends: float) -> None:
        super()._send_batch(tally, ends)
        self._failpoint.passed("released")

    def _claim(self, token: str, seconds: float) -> list[Claimed]:
        claimed = super()._claim(token, seconds)
        self._failpoint.passed("claimed")
        return claimed

    def _render(self, token: str, claimed: Sequence[Claimed], tally: Tally) -> list[Rendered]:
        rendered = super()._render(token, claimed, tally)
        self._failpoint.passed("rendered")
        return rendered

    def _begin(self, token: str, waiting: deque[Rendered], tally: Tally) -> _Window:
        window = super()._begin(token, waiting, tally)
        self._failpoint.passed("intended")
        return window

    def _record(
        self, window: _Window, answers: Sequence[tuple[Attempt, str | SendingError]], tally: Tally
    ) -> None:
        super()._record(window, answers, tally)
        self._failpoint.passed("recorded")
