"""Stop an embedded PostgreSQL when nobody uses it any more. Run as a program, one per running server.

Every process that uses the server holds a shared lock on the file `users`. The kernel drops such a lock when its
process ends, however it ends, so this program needs no list of process ids that a `kill -9` would leave wrong: it
waits until it can have the lock for itself, and then nobody is left.

It imports the standard library only and is started with `-I -S`, which makes it a process of 10 MB that is up in
0.02 s. Its argument is the folder of the server (see `gateways.postgres`).
"""

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


# A fast shutdown writes a checkpoint; with 1 GB of dirty pages on a slow disk that is the better part of a minute.
_SHUTDOWN_SECONDS = 120


def main(folder: Path) -> None:
    """Wait for the last user, then stop the server; leave at once where another guard is on duty."""
    duty = os.open(folder / "guard", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(duty, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    _leave_the_terminal()
    # Whoever takes the folder away has stopped the server, and would not get rid of a folder in which we make a file.
    with suppress(FileNotFoundError):
        while not _stopped_for_want_of_users(folder, duty):
            pass


def _leave_the_terminal() -> None:
    """Go on in a child with a session of its own, so that the caller's Ctrl-C does not end the guard first."""
    if os.fork():
        # The child shares the lock on duty, so the lock outlives this process.
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


def _stopped_for_want_of_users(folder: Path, duty: int) -> bool:
    """Wait until nobody uses the server; stop it, and go off duty, unless somebody came in between."""
    # The wait must not hold `users` while it asks for `lifecycle`: a starting process takes them the other way round.
    with locked(folder / "users", fcntl.LOCK_EX, create=False):
        pass
    with locked(folder / "lifecycle", fcntl.LOCK_EX, create=False):
        if not stop_if_unused(folder):
            return False
        # Before `lifecycle` is free: who starts the server next must not take this for a guard that stays.
        os.close(duty)
        return True


def stop_if_unused(folder: Path) -> bool:
    """Stop the server and say so, unless a process uses it. The caller holds `lifecycle`."""
    try:
        with locked(folder / "users", fcntl.LOCK_EX | fcntl.LOCK_NB, create=False):
            _stop_server(folder / "data" / "postmaster.pid")
    except BlockingIOError:
        return False
    return True


def _stop_server(pid_file: Path) -> None:
    """Ask for a fast shutdown (open transactions are rolled back) and wait until the server has gone."""
    try:
        pid, _, _, port, socket_dir = pid_file.read_text().split("\n")[:5]
    except (FileNotFoundError, ValueError):
        return
    # A killed server leaves the file behind, and its process id may be somebody else's by now.
    if not answers(Path(socket_dir), int(port)):
        return
    os.kill(int(pid), signal.SIGINT)
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def answers(socket_dir: Path, port: int) -> bool:
    """Whether a server listens on this Unix socket, be it ready or still recovering."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(socket_dir / f".s.PGSQL.{port}"))
        except OSError:
            return False
        return True


@contextmanager
def locked(path: Path, operation: int, *, create: bool = True) -> Iterator[None]:
    """Hold one `flock` on a file for the length of a block.

    Raises:
        FileNotFoundError: There is no such file, and none is to be made.
        BlockingIOError: The operation says LOCK_NB and somebody holds a lock that excludes this one.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
