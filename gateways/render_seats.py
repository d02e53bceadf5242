"""Render seats: which tenant's templates are rendered in which child. Nobody is rendered where a stranger was.

Each owner has a child and a lock of its own, so that what one tenant's template does to its child, and how long it takes,
is no other tenant's loss. At most three children are kept; who has not rendered for the longest time starts anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from core.patience import Rank
from gateways.render_pipe import Child


MOST: Final = 3  # 70 MB each
# A child asks the kernel to be killed when the thread dies that started it, so that thread must last.
_nursery = ThreadPoolExecutor(1, thread_name_prefix="render-nursery")


class Seat:
    """The place of one owner's child, which may be empty. Whoever uses it holds its lock."""

    def __init__(self, bootstrap: str) -> None:
        self.lock = threading.RLock()
        self.starts = 0
        self._bootstrap = bootstrap
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the child that is there now."""
        return self._child.pid if self._child else None

    def child(self, rank: Rank = Rank.EQUAL) -> Child:
        """Return a living child, which others go before if `rank` says so.

        Raises:
            ConfigurationError: There can be no child on this machine.
        """
        if self._child and not self._child.is_alive:
            self.close()
        if self._child is None:
            self.starts += 1
            # Never last: a message can wait, but nobody waits for minutes until it can be asked for.
            self._child = _nursery.submit(Child, self._bootstrap, min(rank, Rank.BEHIND)).result()
        self._child.let_others_first(rank)
        return self._child

    def forgive(self) -> None:
        """End a child that others go before: there is no other way back. The next one is their equal."""
        if self._child and self._child.rank is not Rank.EQUAL:
            self.close()

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child:
            self._child.close()
            self._child = None


class Seats:
    """All seats of a process. Threads may share them; those of one owner take turns."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        self._seats: OrderedDict[object, Seat] = OrderedDict()
        self._gone = 0  # children of seats that are given up

    @contextmanager
    def of(self, owner: object) -> Iterator[Seat]:
        """Yield the seat of an owner, for this thread alone."""
        with self._lock:
            seat = self._seats.setdefault(owner, Seat(self._bootstrap))
            self._seats.move_to_end(owner)
            self._make_room()
        with seat.lock:
            yield seat

    def _make_room(self) -> None:
        """Give up the seats beyond the last three, but none that somebody is using."""
        for owner, seat in list(self._seats.items())[:-MOST]:
            if seat.lock.acquire(blocking=False):
                with seat.lock:
                    seat.close()
                seat.lock.release()
                self._gone += self._seats.pop(owner).starts

    @property
    def last(self) -> tuple[object, int | None]:
        """Return who used a seat last, and the process id of its child."""
        with self._lock:
            owner = next(reversed(self._seats), None)
            return owner, self._seats[owner].pid if owner in self._seats else None

    @property
    def pids(self) -> dict[object, int]:
        """Return the process ids of the children that run now, by their owners."""
        with self._lock:
            return {owner: seat.pid for owner, seat in self._seats.items() if seat.pid is not None}

    @property
    def starts(self) -> int:
        """Return how many children were started until now."""
        with self._lock:
            return self._gone + sum(seat.starts for seat in self._seats.values())

    def close(self) -> None:
        """End all children. The next use starts others."""
        with self._lock:
            seats = list(self._seats.values())
        for seat in seats:
            with seat.lock:
                seat.close()
