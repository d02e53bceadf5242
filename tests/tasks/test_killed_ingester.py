"""Kill -9 of the ingester at each beat: what is counted in the end is what an undisturbed run counts.

Each beat costs a process that imports all of us, about a second and a half; that is what the five seconds are for.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from store.session import Database, rows
from tasks import events
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.killed_ingester import BEATS
from tests.mailed import Mailed, a_campaign, a_delivery, an_event


QUEUES = ("posthouse-critical", "posthouse-engagement")
CRITICAL = ("send", "bounce_permanent_general", "bounce_transient_mailboxfull", "complaint_abuse", "complaint_not_spam",
            "delivery_delay_general", "reject", "subscription")  # fmt: skip
ENGAGEMENT = ("delivery", "open", "open_bot", "click", "click_bot_no_linktags")


@pytest.fixture(scope="module")
def sqs() -> Iterator[str]:
    """The URL of an SQS."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(
    sqs: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    ours = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL_SQS": sqs,
        "POSTHOUSE_DATABASE_URL": database_url,
        "POSTHOUSE_STATE_DIR": str(tmp_path),
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    return ours


def some_events(database: Database, seed: int) -> tuple[list[str], list[str], Mailed]:
    """Events of four deliveries of a new tenant for both queues, with copies, in no order."""
    with database.begin() as session:
        campaign = a_campaign(session)
        mailed = [a_delivery(session, campaign, state="sent" if n % 2 else "submitting") for n in range(4)]
    dice = random.Random(seed)
    bodies = []
    for samples in (CRITICAL, ENGAGEMENT):
        told = [an_event(name, one) for one in mailed for name in samples]
        told += dice.sample(told, len(told) // 2)
        dice.shuffle(told)
        bodies.append(told)
    return bodies[0], bodies[1], campaign


def put(bodies: tuple[list[str], list[str]]) -> None:
    client = boto3.client("sqs")
    for name, told in zip(QUEUES, bodies, strict=True):
        url = client.create_queue(QueueName=name)["QueueUrl"]
        for body in told:
            client.send_message(QueueUrl=url, MessageBody=body)


def counts(database: Database, tenant_id: int) -> dict[str, object]:
    """Everything that events move of a tenant, without ids."""
    queries = {
        "facts": """SELECT fact, times, first_at, last_at, detail - 'ses_message_ids' AS detail FROM delivery_fact
                    WHERE tenant_id = :tenant_id ORDER BY fact, times, first_at, last_at, detail::text""",
        "states": "SELECT state, outcome_code, count(*) FROM delivery WHERE tenant_id = :tenant_id GROUP BY 1, 2 ORDER BY 1, 2",
        "suppressions": """SELECT reason, scope, source, count(*) FROM suppression WHERE tenant_id = :tenant_id
                           GROUP BY 1, 2, 3 ORDER BY 1""",
        "breakers": """SELECT on_day, sum(resolved), sum(bounced), sum(complained) FROM breaker_count
                       WHERE tenant_id = :tenant_id GROUP BY 1 ORDER BY 1""",
        "engaged": "SELECT engaged_at, count(*) FROM contact WHERE tenant_id = :tenant_id GROUP BY 1 ORDER BY 1",
        "inbox": """SELECT event_type, count(*), count(applied_at) FROM inbox_event WHERE tenant_id = :tenant_id
                    GROUP BY 1 ORDER BY 1""",
    }
    with database.begin() as session:
        return {
            name: [dict(row) for row in rows(session, query, tenant_id=tenant_id)]
            for name, query in queries.items()
        }


@pytest.mark.parametrize("beat", BEATS)
def test_a_kill_at_any_beat_changes_no_count(
    beat: str, project: Path, database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    """E08"""
    resources = some_resources(database, tmp_path)
    *calm, undisturbed = some_events(database, seed=7)
    put((calm[0], calm[1]))
    _drain(resources)
    expected = counts(database, undisturbed.tenant_id)
    assert len(expected["inbox"]) == 9
    *bodies, killed = some_events(database, seed=7)
    put((bodies[0], bodies[1]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed_ingester", beat],
        cwd=project, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    put(
        (bodies[0], bodies[1])
    )  # what it had received is seen again, and what it had deleted comes late once more
    _drain(resources)
    assert counts(database, killed.tenant_id) == expected


def _drain(resources: Resources) -> None:
    while events.drain(resources, wait_seconds=0).received:
        pass
