"""Three things that a mail gateway may speak to: a fake with memory, our simulator, and somebody else's."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateways.ses import Ses
from tests.fakes import FakeSes
from tests.plugins.skips import SES_LOCAL
from tests.simulated import a_simulator


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message as the other side has it."""

    ses_message_id: str
    from_header: str
    to: list[str]
    subject: str
    html: str
    text: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Side:
    """A gateway and what arrived behind it."""

    gateway: FakeSes | Ses
    received: Callable[[], list[Received]]


def memory() -> Side:
    """A FakeSes: the tests of sending believe it, so it must behave as the gateway does."""
    fake = FakeSes()

    def received() -> list[Received]:
        return [
            Received(
                ses_message_id=f"fake-{number:06}",
                from_header=message.from_header,
                to=[message.recipient],
                subject=message.content.subject,
                html=message.content.html,
                text=message.content.text,
                headers=dict(message.headers),
            )
            for number, message in enumerate(fake.sent, 1)
        ]

    return Side(fake, received)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Give boto3 an endpoint, a region and credentials for the time of a client's making."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@contextmanager
def simulated(folder: Path) -> Iterator[Side]:
    """Our own simulator."""
    bodies = folder / "bodies"
    with a_simulator("--keep-bodies", str(bodies)) as simulator:
        with environment(AWS_ENDPOINT_URL_SESV2=simulator.url):
            gateway = Ses()

        def received() -> list[Received]:
            return [
                Received(
                    ses_message_id=entry["ses_message_id"],
                    from_header=entry["from"],
                    to=entry["to"],
                    subject=entry["subject"],
                    html=(bodies / f"{entry['n']:08}.html").read_bytes().decode(),
                    text=(bodies / f"{entry['n']:08}.txt").read_bytes().decode(),
                    headers=entry["headers"],
                )
                for entry in simulator.accepted()
            ]

        yield Side(gateway, received)


ACCOUNT = {
    "SendQuota": {"Max24HourSend": 1_000_000, "MaxSendRate": 500, "SentLast24Hours": 0},
    "SendingEnabled": True,
    "ProductionAccessEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "DedicatedIpAutoWarmupEnabled": False,
    "SuppressionAttributes": {"SuppressedReasons": []},
    # It answers only when all of this is there.
    "Details": {
        "AdditionalContactEmailAddresses": [],
        "ContactLanguage": "EN",
        "MailType": "MARKETING",
        "ReviewDetails": {"CaseId": "1", "Status": "GRANTED"},
        "UseCaseDescription": "newsletters",
        "WebsiteURL": "https://acme.example",
    },
}


@contextmanager
def local() -> Iterator[Side]:
    """aws-ses-v2-local, which knows nothing of us."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = ["node", str(SES_LOCAL), "--host", "127.0.0.1", "--port", str(port)]
    account = {**os.environ, "AWS_SES_ACCOUNT": json.dumps(ACCOUNT)}
    with subprocess.Popen(command, env=account, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"{url}/health-check")
            with environment(AWS_ENDPOINT_URL_SESV2=url):
                gateway = Ses()
            yield Side(gateway, lambda: _stored(url))
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("aws-ses-v2-local did not come up")


def _stored(url: str) -> list[Received]:
    with urllib.request.urlopen(f"{url}/store") as answer:
        emails = json.load(answer)["emails"]
    return [
        Received(
            ses_message_id=email["messageId"],
            from_header=email["from"],
            to=email["destination"]["to"],
            subject=email["subject"],
            html=email["body"]["html"],
            text=email["body"]["text"],
            headers={header["name"]: header["value"] for header in email["headers"]},
        )
        for email in emails
    ]


@pytest.fixture(scope="module", params=["memory", "simulator", pytest.param("local", marks=pytest.mark.node)])
def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """Each of the three in turn."""
    with ExitStack() as stack:
        if request.param == "memory":
            yield memory()
        elif request.param == "simulator":
            yield stack.enter_context(simulated(tmp_path_factory.mktemp("simulated")))
        else:
            yield stack.enter_context(local())
