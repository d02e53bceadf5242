"""The demo's own parts: readers who leave, and the last page."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import demo_readers, demo_report
from core.unsubscribe import Purpose, read
from store.session import Database
from tests.stage import Stage


class Door(ThreadingHTTPServer):
    """A web server that takes every POST, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pressed)
        self.pressed: list[tuple[str, bytes]] = []


class Pressed(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.pressed.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    return Stage(database, tmp_path)


def test_some_of_those_who_got_it_leave_by_one_click_and_the_same_seed_chooses_the_same(
    stage: Stage, door: Door
) -> None:
    """P02"""
    scene = stage.set(20)
    stage.send(scene)
    resources, web = stage.resources(), f"http://127.0.0.1:{door.server_port}"
    for _ in range(2):
        assert demo_readers.leave(resources, web, **scene.campaign, seed=7) == 3
    first, second = door.pressed[:3], door.pressed[3:]
    assert first == second
    assert {body for _, body in first} == {b"List-Unsubscribe=One-Click"}
    claims = [
        read(path.removeprefix("/u/"), resources.secrets.token_keys, purpose=Purpose.UNSUBSCRIBE)
        for path, _ in first
    ]
    sent = {row["id"] for row in stage.ledger(scene)}
    assert {claim.tenant_id for claim in claims} == {scene.tenant_id}
    assert {claim.delivery_id for claim in claims} <= sent


def a_line(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(
        ("audience", "sent", "pending", "failed", "in_doubt", "unconfirmed", "complaints", "unsubscribes"), 0
    )
    line |= {"tenant": "acme", "skipped": {"by_reason": {}}, "events": {}, "bounces": {"by_class": {}}}
    return line | {"hygiene": {}, "suppressions_added": 0, "forecast": None} | changes


def test_the_last_page_names_bounces_by_class_complaints_unsubscribes_and_what_hygiene_did() -> None:
    first = a_line(
        events={"sent": 90, "delivery": 85, "bounce_permanent": 5, "complaint": 2, "unsubscribe": 3},
        bounces={"by_class": {"bad_mailbox": 5}},
        complaints=2,
        unsubscribes=3,
        hygiene={"soft_bounce": 1, "retired": 0},
        suppressions_added=10,
    )
    second = a_line(bounces={"by_class": {"full": 4}}, hygiene={"soft_bounce": 0, "retired": 0})
    rows = {str(row[0]): row[1:] for row in demo_report.table([first, second])}
    assert rows["event: delivered"] == [85, 0]
    assert rows["bounce: bad mailbox"] == [5, 0]
    assert rows["bounce: full"] == [0, 4]
    assert rows["complaints"] == [2, 0]
    assert rows["unsubscribes"] == [3, 0]
    assert rows["hygiene: soft bounce"] == [1, 0]
    assert rows["hygiene: retired"] == [0, 0]
    assert rows["suppressions added"] == [10, 0]
