"""The sender with a stopwatch: which of its beats spends the CPU time."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from core.errors import SendingError
from core.runs import Ending, Tally
from store.deliveries import Attempt, Claimed
from tasks.intents import Rendered
from tasks.messages import load_job
from tasks.resources import Resources
from tasks.sending import Sender, _Window


class TimedSender(Sender):
    """Sends as always, and counts the CPU seconds of its own thread by beat, and how many messages it is through.

    Args:
        resources: Of this process.
        campaign_id: What to send.
        pool: Its threads make the calls.
        on_messages: Called with the sender itself after each window.
    """

    def __init__(
        self,
        resources: Resources,
        campaign_id: int,
        pool: ThreadPoolExecutor,
        on_messages: Callable[["TimedSender"], None] = lambda _sender: None,
    ) -> None:
        super().__init__(resources, load_job(resources, campaign_id), pool)
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.messages = 0
        self._on_messages = on_messages

    def spent_on(self, beats: Iterable[str]) -> float:
        """Return the CPU seconds of these beats together."""
        return sum(self.spent[beat] for beat in beats)

    def send_claim(self) -> int:
        """Send what one claim reserves; return how many messages that were."""
        before = self.messages
        self._send_batch(Tally(), time.monotonic() + 3600)
        return self.messages - before

    @contextmanager
    def _clock(self, beat: str) -> Iterator[None]:
        started = time.thread_time()
        try:
            yield
        finally:
            self.spent[beat] += time.thread_time() - started

    def _claim(self, token: str, seconds: float) -> list[Claimed]:
        with self._clock("claim"):
            return super()._claim(token, seconds)

    def _render(self, token: str, claimed: Sequence[Claimed], tally: Tally) -> list[Rendered]:
        with self._clock("render"):
            return super()._render(token, claimed, tally)

    def _begin(self, token: str, waiting: deque[Rendered], tally: Tally) -> _Window:
        with self._clock("intent"):
            return super()._begin(token, waiting, tally)

    def _record(
        self, window: _Window, answers: Sequence[tuple[Attempt, str | SendingError]], tally: Tally
    ) -> None:
        with self._clock("record"):
            super()._record(window, answers, tally)
        self.messages += len(answers)
        self._on_messages(self)


def send_all(
    resources: Resources,
    campaign_id: int,
    *,
    on_messages: Callable[[TimedSender], None] = lambda _sender: None,
) -> tuple[TimedSender, Tally]:
    """Send a whole campaign; return the sender with its times, and the tally."""
    with ThreadPoolExecutor(resources.settings.calls_in_flight, thread_name_prefix="ses") as pool:
        timed = TimedSender(resources, campaign_id, pool, on_messages)
        tally = timed.send(seconds=3600)
    assert tally.ending is Ending.NOTHING_DUE, tally
    return timed, tally
