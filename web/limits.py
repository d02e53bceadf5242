"""Limits on failures: whoever guesses links is slowed down, and nobody who follows a good one ever is."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class FailureLimit:
    """Counts the failures of each client in windows of a minute.

    Only failures count: the proxies of mailbox providers unsubscribe thousands of people from one address.

    Args:
        most: Failures that a client may have in one window.
        seconds: The window.
        clients: How many clients are remembered; the one that failed longest ago is forgotten first.
        clock: Returns seconds that never go back.
    """

    def __init__(
        self,
        most: int = 100,
        seconds: float = 60,
        clients: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clients = clients
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def is_exceeded_by_another(self, client: str) -> bool:
        """Count one more failure of a client and say whether it is one too many."""
        with self._lock:
            now = self._clock()
            began, failures = self._windows.pop(client, (now, 0))
            if now - began > self._seconds:
                began, failures = now, 0
            self._windows[client] = (began, failures + 1)
            if len(self._windows) > self._clients:
                self._windows.popitem(last=False)
            return failures + 1 > self._most

    def forget(self, client: str) -> None:
        """Forget the failures of a client that was right after all."""
        with self._lock:
            self._windows.pop(client, None)
