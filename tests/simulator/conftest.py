"""A simulator in a thread of the test process, real boto3 clients for it, and the samples of SES's events."""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from simulator.options import Options
from simulator.server import Server


@dataclass(frozen=True)
class Running:
    """A simulator that is up."""

    url: str

    def client(self, **config: Any) -> Any:
        """Return a boto3 client that tries once, unless told otherwise."""
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 1.0} | config
        return boto3.client(
            "sesv2",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(**settings),
        )

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Call the control API."""
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=40) as answer:
            return json.load(answer)

    def fault(self, action: str, **rule: Any) -> None:
        """Put one fault rule in force."""
        self.control("POST", "faults", {"action": action, **rule})


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start simulators that stop when the test ends."""
    running: list[tuple[Server, threading.Thread]] = []

    def start_one(**options: Any) -> Running:
        ready = threading.Event()
        urls: list[str] = []
        server = Server(Options(**options), on_ready=lambda url: (urls.append(url), ready.set()))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert ready.wait(10), "the simulator did not come up"
        running.append((server, thread))
        return Running(urls[0])

    yield start_one
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join(10)


@pytest.fixture
def simulator(start: Callable[..., Running], tmp_path: Path) -> Running:
    """A simulator that writes events to `events.jsonl` at once, in order and once each."""
    return start(
        event_log=tmp_path / "events.jsonl", event_delay_seconds=(0.0, 0.0), reorder=False, duplicate_rate=0.0
    )


@pytest.fixture
def events(simulator: Running, tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """Read what the simulator has published so far."""

    def read() -> list[dict[str, Any]]:
        assert simulator.control("POST", "flush")["drained"]
        return [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]

    return read


@pytest.fixture
def sample(project: Path) -> Callable[[str], dict[str, Any]]:
    """Read a sample of an event as AWS documents it."""
    return lambda name: json.loads((project / "tests/data/ses" / f"{name}.json").read_text(encoding="utf-8"))
