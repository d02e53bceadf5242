"""How a stretch of sending ends from within: one exception, raised in the transaction that finds the reason."""

from datetime import timedelta

from core.runs import Ending
from store import deliveries
from store.session import Session
from tasks.messages import Job


class Stop(Exception):  # noqa: N818  # not an error: it carries how the stretch ends
    """Ends a stretch; the transaction that it is raised in changes nothing."""

    def __init__(self, ending: Ending, *, wait: timedelta = timedelta(0), reason: str = "") -> None:
        super().__init__(reason)
        self.ending, self.wait, self.reason = ending, wait, reason


def check_may_send(session: Session, job: Job) -> None:
    """Do nothing while the campaign is being sent and its tenant is active.

    Raises:
        Stop: It is not.
    """
    if not deliveries.may_send(session, tenant_id=job.tenant_id, campaign_id=job.campaign_id):
        raise Stop(Ending.STOPPED, reason="the campaign or its tenant is not being sent")
