"""Run a program that must not outlive its parent: `python -I -S tether.py PARENT_PID PROGRAM ARGUMENT…`.

On Linux the kernel sends SIGTERM to this process when its parent ends, be it by `kill -9`. The request survives `exec`
(prctl(2), PR_SET_PDEATHSIG), so this program makes it and becomes the other. Elsewhere it only becomes the other.

It is a program and not a `preexec_fn`, which may deadlock in a process with threads. The parent must start it from
its main thread, because the kernel means the thread when it says parent.
"""

import ctypes
import os
import signal
import sys


_PR_SET_PDEATHSIG = 1


def main(parent: int, program: list[str]) -> None:
    """Tie this process to its parent and become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have ended before the request; then init, or a subreaper, is the parent now.
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
