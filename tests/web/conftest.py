"""The application over a real database, without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.errors import UntrustedEventError
from core.unsubscribe import Claim, Purpose, TokenKey, sign
from gateways.settings import Settings
from gateways.sns import Kind, Notification, Verifier
from store.session import Database
from tests.fakes import REGION
from tests.mailed import Mailed, a_delivery
from tests.web.console import PASSWORD, Console
from web.app import create_app
from web.doors import Doors


KEY = TokenKey("k1", b"0123456789abcdef")
TOPIC = "arn:aws:sns:us-east-1:111122223333:ses-events"


class FakeVerifier(Verifier):
    """Believes what the test says; real signatures are tested with the gateway."""

    def __init__(self) -> None:
        super().__init__([TOPIC])
        self.answer: Notification | Exception = Notification(kind=Kind.NOTIFICATION, topic_arn=TOPIC)
        self.bodies: list[bytes] = []

    def verify(self, body: bytes) -> Notification:
        self.bodies.append(body)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def distrust(self) -> None:
        self.answer = UntrustedEventError("the topic is not on our list")


@pytest.fixture
def verifier() -> FakeVerifier:
    return FakeVerifier()


@pytest.fixture
def confirmed() -> list[Notification]:
    return []


@pytest.fixture
def doors(database: Database, verifier: FakeVerifier, confirmed: list[Notification]) -> Doors:
    return Doors(Settings(), database=database, token_keys=[KEY], verifier=verifier, confirm=confirmed.append)


@pytest.fixture
def client(doors: Doors) -> Iterator[TestClient]:
    with TestClient(create_app(doors), client=("192.0.2.5", 4711), follow_redirects=False) as client:
        yield client


@pytest.fixture
def mailed(database: Database) -> Mailed:
    with database.begin() as session:
        return a_delivery(session, state="sent")


@pytest.fixture
def link() -> Callable[[Mailed], str]:
    """Return the unsubscribe link of a delivery."""
    return lambda mailed: "/u/" + sign(Claim(mailed.tenant_id, mailed.delivery_id, Purpose.UNSUBSCRIBE), KEY)


@pytest.fixture
def operator_doors(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doors:
    """What the routes need where the operator's pages are switched on."""
    monkeypatch.setenv("AWS_REGION", REGION)
    chosen = Settings(operator_password=PASSWORD, state_dir=tmp_path)
    return Doors(chosen, database=database, token_keys=[KEY])


@pytest.fixture
def console(operator_doors: Doors) -> Iterator[Console]:
    """A person who has not signed in."""
    app = create_app(operator_doors)
    with TestClient(app, client=("192.0.2.5", 4711), follow_redirects=False) as client:
        yield Console(client)


@pytest.fixture
def ada(console: Console) -> Console:
    """A person who has signed in."""
    assert console.sign_in("Ada").status_code == 303
    return console
