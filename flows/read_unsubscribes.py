"""Every quarter of an hour: unsubscribe whoever has asked for it by mail."""

from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps import RETRIED
from tasks import unsubscribe_mails
from tasks.log import run_logger
from tasks.resources import resources


@flow(name="read-unsubscribes", flow_run_name="unsubscribes by mail", persist_result=False)
def read_unsubscribes() -> State[Any]:
    """Read the mailbox of `POSTHOUSE_UNSUBSCRIBE_MAILBOX`."""
    if not resources().settings.unsubscribe_mailbox:
        return Completed(message="no mailbox is set: POSTHOUSE_UNSUBSCRIBE_MAILBOX")
    return Completed(message=read())


@task(name="Read the mailbox", **RETRIED)
def read() -> str:
    """Return what was in it."""
    report = unsubscribe_mails.read_mailbox(resources())
    run_logger().info("%s", report.in_words())
    return report.in_words()
