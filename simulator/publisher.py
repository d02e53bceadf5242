"""From what happens to messages to events on topics: late, out of order, and now and then twice, as SES does it.

The sending path only puts steps on a heap. A tick of the event loop takes what is due, and threads write it out, so
that a slow or absent SNS never delays an answer to a sender. What cannot be published is tried again for ever.

Event timestamps are always in causal order; only the publishing is shuffled.
"""

import contextlib
import heapq
import itertools
import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import boto3
from botocore.config import Config

from simulator.behaviour import Step
from simulator.events import CRITICAL, Mail, event_json
from simulator.limits import Clock


VALIDATION_NOTICE: Final = "Successfully validated SNS topic for Amazon SES event publishing."
SUBJECT: Final = "Amazon SES Email Event Notification"
_BATCH: Final = 10
# SNS takes 256 KiB in a batch, envelope included.
_BATCH_BYTES: Final = 240_000
_LONGEST_PAUSE: Final = 5.0

_log = logging.getLogger(__name__)


class Topic(Protocol):
    """Somewhere to publish to."""

    def publish(self, events: Sequence[str]) -> Sequence[str]:
        """Publish at most ten events and return those that were not taken; raises whatever it likes when none was."""


class SnsTopic:
    """A topic of SNS, or of a stand-in at another address. Publishes SES's validation notice first.

    Args:
        endpoint: The URL of SNS.
        arn: The topic.
        subject: What SES writes as the subject of events; "" for none.
    """

    def __init__(self, endpoint: str, arn: str, *, subject: str = SUBJECT) -> None:
        self._arn = arn
        self._subject = {"Subject": subject} if subject else {}
        self._is_validated = False
        region = arn.split(":")[3]
        # The stand-in checks no signature, and a key of its own keeps real ones from ever being used here.
        self._sns: Any = boto3.client(
            "sns",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id="simulator",
            aws_secret_access_key="simulator",  # noqa: S106  # nobody checks it
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=20),
        )

    def publish(self, events: Sequence[str]) -> Sequence[str]:
        """Publish with one PublishBatch."""
        self._validate()
        batch = [{"Id": str(n), "Message": event, **self._subject} for n, event in enumerate(events)]
        answer = self._sns.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=batch)
        return [events[int(failure["Id"])] for failure in answer.get("Failed", [])]

    def _validate(self) -> None:
        if not self._is_validated:
            self._sns.publish(TopicArn=self._arn, Message=VALIDATION_NOTICE, **self._subject)
            self._is_validated = True


class FileTopic:
    """A file of events, one a line, for runs without SNS."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def publish(self, events: Sequence[str]) -> Sequence[str]:
        """Append the events."""
        self._file.writelines(events)
        self._file.flush()
        return []


class Writer:
    """A thread that writes queued events to one topic until it succeeds."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.queued = 0
        self.published = 0
        self.failures = 0
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def put(self, event: str) -> None:
        """Queue one event."""
        with self._lock:
            self.queued += 1
        self._queue.put(event)

    def _run(self) -> None:
        pause = 0.1
        batch: Sequence[str] = []
        while True:
            batch = batch or self._next_batch()
            try:
                left = self._topic.publish(batch)
            except Exception as error:  # noqa: BLE001  # a writer that dies would lose all later events in silence
                self.failures += 1
                _log.warning("events wait: %s", type(error).__name__)
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = 0.1
                with self._lock:
                    self.published += len(batch) - len(left)
                    self.queued -= len(batch) - len(left)
                batch = left

    def _next_batch(self) -> list[str]:
        batch = [self._queue.get()]
        size = len(batch[0])
        with contextlib.suppress(queue.Empty):
            while len(batch) < _BATCH and size < _BATCH_BYTES - 20_000:
                batch.append(self._queue.get_nowait())
                size += len(batch[-1])
        return batch


@dataclass(frozen=True, slots=True)
class Delays:
    """How late events are published: real seconds, uniform between the two; whether order may be lost; how often twice."""

    shortest: float = 0.2
    longest: float = 2.0
    reorder: bool = True
    duplicate_rate: float = 0.02


class Publisher:
    """The events to come, by when they are due.

    Args:
        clock: Gives simulated time.
        delays: How late, how shuffled, how often twice.
        critical: Takes bounces, complaints and what else must not wait behind opens; None for nobody.
        engagement: Takes Delivery, Open and Click.
        seed: For shuffling and ids.
    """

    def __init__(
        self, clock: Clock, delays: Delays, *, critical: Topic | None, engagement: Topic | None, seed: int
    ) -> None:
        self._clock = clock
        self._delays = delays
        self._writers = {topic: Writer(topic) for topic in {critical, engagement} if topic}
        self._critical, self._engagement = critical, engagement
        self._random = random.Random(f"{seed}:publisher")
        self._numbers = itertools.count()
        self.reset()

    def reset(self) -> None:
        """Drop what is not yet due and count anew. What writers hold already is still published."""
        self._due: list[tuple[float, int, Mail, Step, float]] = []
        self.scheduled: Counter[str] = Counter()
        self.duplicated = 0

    def schedule(self, mail: Mail, steps: Sequence[Step], draw: random.Random) -> None:
        """Set a time for each step of one message at one recipient.

        Args:
            mail: The message.
            steps: In causal order.
            draw: Seeded with the recipient, so that its delays and duplicates can be repeated.
        """
        if not self._writers:
            return
        now, passed, later, delays = self._clock.seconds(), 0.0, 0.0, self._delays
        stretched = self._clock.stretched
        for step in steps:
            passed += draw.uniform(delays.shortest, delays.longest) * step.patience
            later += step.later
            happened_at = now + stretched(passed) + later
            due = happened_at + stretched(draw.uniform(0, delays.longest) if delays.reorder else 0)
            self._push(due, mail, step, happened_at)
            if draw.random() < delays.duplicate_rate:
                self.duplicated += 1
                self._push(due + stretched(draw.uniform(0, 2 * delays.longest)), mail, step, happened_at)

    def _push(self, due: float, mail: Mail, step: Step, happened_at: float) -> None:
        self.scheduled[step.kind] += 1
        heapq.heappush(self._due, (due, next(self._numbers), mail, step, happened_at))

    def tick(self, *, everything: bool = False) -> None:
        """Hand over to the writers what is due by now, or everything."""
        now = self._clock.seconds()
        ready = []
        while self._due and (everything or self._due[0][0] <= now):
            ready.append(heapq.heappop(self._due))
        if self._delays.reorder:
            self._random.shuffle(ready)
        for _, _, mail, step, happened_at in ready:
            topic = self._critical if step.kind in CRITICAL else self._engagement
            if topic:
                # Ids are drawn from what happened, so the second copy of an event is the same to the letter.
                draw = random.Random(f"{mail.ses_message_id}:{step.kind}:{happened_at}")
                self._writers[topic].put(event_json(mail, step, happened_at, draw))

    def is_drained(self) -> bool:
        """Whether nothing is waiting, neither for its time nor for its topic."""
        return not self._due and self.is_written()

    def is_written(self) -> bool:
        """Whether nothing that was due is waiting for its topic."""
        return not any(writer.queued for writer in self._writers.values())

    def stats(self) -> dict[str, Any]:
        """Return counts as JSON."""
        return {
            "scheduled": dict(self.scheduled),
            "scheduled_twice": self.duplicated,
            "waiting": len(self._due) + sum(writer.queued for writer in self._writers.values()),
            "published": sum(writer.published for writer in self._writers.values()),
            "publish_failures": sum(writer.failures for writer in self._writers.values()),
        }
