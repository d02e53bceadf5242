"""SES accounts: read the quota, so that the shared rate limiter knows its ceiling and the ledger whom it may believe."""

from gateways.ses import Quota
from store import accounts
from store import quarantine as standing
from tasks import quarantine
from tasks.resources import Resources


def read(resources: Resources) -> Quota:
    """Ask GetAccount and store what it says; its count may put the ledger in quarantine.

    Raises:
        SendingError: SES did not answer.
    """
    quota = resources.ses.quota()
    region = resources.ses.region
    with resources.database.begin() as session:
        quarantine.note_identity(session)
        quarantine.compare(
            session,
            region=region,
            ses_count=quota.sent_last_24_hours,
            is_shared=resources.settings.ses_account_shared,
        )
        accounts.refresh(
            session,
            region=region,
            max_send_rate=quota.max_send_rate,
            max_24_hour_send=quota.max_24_hour_send,
            sent_last_24_hours=quota.sent_last_24_hours,
        )
        standing.remember(session, region=region)
    return quota


def refresh(resources: Resources) -> Quota:
    """Ask GetAccount and store what it says, as the first step of sending.

    Raises:
        SendingError: SES did not answer.
        LedgerBehindError: The ledger may lack calls that were made.
    """
    quota = read(resources)
    quarantine.watch(resources)
    return quota
