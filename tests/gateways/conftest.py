"""The gateway to SES in front of the simulator, over real sockets."""

from collections.abc import Iterator

import pytest

from gateways.ses import Ses
from tests.simulated import Simulated, a_simulator


@pytest.fixture(scope="module")
def running() -> Iterator[Simulated]:
    with a_simulator() as simulated:
        yield simulated


@pytest.fixture
def simulated(running: Simulated, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    running.reset()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def ses(simulated: Simulated) -> Iterator[Ses]:
    ses = Ses(calls_in_flight=4, read_timeout=0.4)
    yield ses
    ses._client.close()
