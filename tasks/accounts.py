"""SES accounts: read the quota, so that the shared rate limiter knows its ceiling."""

from gateways.ses import Quota
from store import accounts
from tasks.resources import Resources


def refresh(resources: Resources) -> Quota:
    """Ask GetAccount and store what it says.

    Raises:
        SendingError: SES did not answer.
    """
    quota = resources.ses.quota()
    with resources.database.begin() as session:
        accounts.refresh(
            session,
            region=resources.ses.region,
            max_send_rate=quota.max_send_rate,
            max_24_hour_send=quota.max_24_hour_send,
            sent_last_24_hours=quota.sent_last_24_hours,
        )
    return quota
