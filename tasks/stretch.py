"""A stretch of sending that a signal ends in order: after the window that is being called, with every claim given back.

A signal interrupts the main thread at any statement. Were that thread sending, it might stop between the calls of a
window and the record of their answers, and up to a whole window would be in doubt. So the sending has a thread of its
own, and what a signal interrupts is only the waiting for it. Prefect's handler of SIGTERM stays in its place: it is how
Prefect tells its own cancellation from a stranger's signal.
"""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from core.runs import Tally
from tasks.sending import Sender


def send(sender: Sender, *, seconds: float) -> Tally:
    """Send for about this long, or until the campaign cannot go on now.

    Raises:
        BaseException: What interrupted the waiting, such as `KeyboardInterrupt` or Prefect's `TerminationSignal`, after
            the window that was being called is recorded and the rest is given back.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="sender") as thread:
        sending = thread.submit(copy_context().run, sender.send, seconds=seconds)
        try:
            return sending.result()
        except BaseException:
            sender.stop()
            raise
