"""An ingester that kills itself with SIGKILL at one beat: `python -m tests.killed_ingester BEAT`, in the environment of a stack.

Run as a process of its own, so that nothing of it is left to clean up after itself.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from gateways.sqs import Queue
from store import inbox
from store.session import Database
from tasks import events, facts
from tasks.resources import resources


BEATS = ("receive", "store", "apply", "commit", "delete", "inbox")


def die(*_: object, **__: object) -> None:
    """End without a word, as the kernel ends whoever takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does its work and dies."""

    def dying(*arguments: Any, **named: Any) -> Any:
        function(*arguments, **named)
        die()

    return dying


def arm(beat: str) -> None:
    """Let the next time at this beat be the last."""
    if beat == "receive":
        events._receive = after(events._receive)
    elif beat == "store":
        inbox.store = after(inbox.store)
    elif beat == "apply":
        facts._record = after(facts._record)
    elif beat == "commit":
        Database.repeat = after(Database.repeat)
    elif beat == "delete":
        # Of twelve messages ten are deleted by the first call.
        Queue.delete = after(lambda queue, messages: DELETE(queue, messages[:10]))
    elif beat == "inbox":
        facts.take_in = stored_only
        inbox.mark_applied = after(inbox.mark_applied)


DELETE = Queue.delete


def stored_only(database: Database, read: Any) -> facts.Applied:
    """Store and do not apply, as after a batch that broke."""
    new = database.repeat(lambda session: inbox.store_many(session, [one.arrival for one in read]))
    return facts.Applied(new=new)


if __name__ == "__main__":
    arm(sys.argv[1])
    events.drain(resources())
