"""The usual worker, to compare with: it claims, calls with boto3 as it comes, and writes down what it was told.

Nothing here is foolish by itself: there are leases, durable rows and retries. What is missing is the intent before the
call, and the doubt after it.
"""

import time
from datetime import timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.crash.plan import CLAIM_SIZE, READ_TIMEOUT_SECONDS, Plan
from benchmarks.crash.worker import is_wanted, lost_database
from core.deliveries import State
from store import deliveries, leases, planning
from store.deliveries import Claimed
from store.session import run
from tasks.messages import Job, load_job, message_for
from tasks.resources import Resources


# Long enough for a whole claim, or every claim would be sent again while its worker is well.
_LEASE = timedelta(seconds=20)


def work_naively(plan: Plan) -> None:
    """Send for ever."""
    resources = Resources(plan.settings)
    # Only the timeout is ours: with botocore's minute the comparison would take an hour.
    ses = boto3.client("sesv2", config=Config(read_timeout=READ_TIMEOUT_SECONDS))
    while is_wanted():
        with lost_database():
            job = load_job(resources, plan.campaign_id)
            for claimed in _claim(resources, job):
                state, ses_message_id = _send(ses, resources, job, claimed)
                _record(resources, job, claimed.delivery_id, state, ses_message_id)
        time.sleep(0.05)


def keep_naively(plan: Plan) -> None:
    """Let the claims of dead workers be claimed again, for ever."""
    resources = Resources(plan.settings)
    while is_wanted():
        with lost_database(), resources.database.begin() as session:
            leases.reap(session, tenant_id=plan.tenant_id)
        time.sleep(0.1)


def _claim(resources: Resources, job: Job) -> list[Claimed]:
    with resources.database.begin() as session:
        planned = planning.planned(session, tenant_id=job.tenant_id, campaign_id=job.campaign_id)
        return deliveries.claim(
            session,
            tenant_id=job.tenant_id,
            campaign_id=job.campaign_id,
            token="naive",  # noqa: S106  # nobody looks at it
            shares=dict.fromkeys(planned, CLAIM_SIZE),
            lease=_LEASE,
        )


def _send(ses: Any, resources: Resources, job: Job, claimed: Claimed) -> tuple[State, str | None]:
    message = message_for(resources, job, claimed)
    try:
        answer = ses.send_email(
            FromEmailAddress=message.from_header,
            Destination={"ToAddresses": [message.recipient]},
            Content={
                "Simple": {
                    "Subject": {"Data": message.content.subject},
                    "Body": {"Html": {"Data": message.content.html}, "Text": {"Data": message.content.text}},
                }
            },
            EmailTags=[{"Name": "campaign", "Value": str(job.campaign_id)}],
        )
        return State.SENT, answer.get("MessageId")
    except ses.exceptions.MessageRejected:
        return State.FAILED, None
    except (ClientError, BotoCoreError):
        return State.PENDING, None


def _record(
    resources: Resources, job: Job, delivery_id: int, state: State, ses_message_id: str | None
) -> None:
    with resources.database.begin() as session:
        run(
            session,
            """UPDATE delivery SET state = :state, ses_message_id = :ses_message_id, claim_token = NULL,
                   lease_until = NULL, not_before = clock_timestamp() + interval '0.2 seconds'
               WHERE tenant_id = :tenant_id AND id = :delivery_id""",
            tenant_id=job.tenant_id,
            delivery_id=delivery_id,
            state=state,
            ses_message_id=ses_message_id,
        )
