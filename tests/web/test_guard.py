"""What stands in front of every route."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from tests.web.conftest import FakeVerifier
from web.guard import MOST_BYTES, Guard


def test_a_body_that_is_too_large_is_refused_unread(client: TestClient, verifier: FakeVerifier) -> None:
    """P11"""
    assert client.post("/sns/ses", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert verifier.bodies == []
    assert client.post("/sns/ses", content=b"x" * MOST_BYTES).status_code == 200
    assert len(verifier.bodies[0]) == MOST_BYTES


def test_a_body_in_pieces_is_refused_as_soon_as_it_is_too_large(client: TestClient) -> None:
    """P11"""
    sent = []

    def pieces() -> Iterator[bytes]:
        for n in range(64):
            sent.append(n)
            yield b"x" * 1_000_000

    assert client.post("/sns/ses", content=pieces()).status_code == 413


def test_every_answer_carries_the_headers(client: TestClient) -> None:
    for path in ("/healthz", "/u/x", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["strict-transport-security"] == "max-age=31536000"


def test_there_is_no_generated_documentation(client: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


async def reached(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that says what it received."""
    first = await receive()
    second = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": first["body"] + second["type"].encode()})


def ask(guard: Guard, *messages: Message | None, kind: str = "http") -> list[dict[str, Any]]:
    """Send messages to a guarded application; None is a client that sends nothing more."""
    waiting, sent = list(messages), []

    async def receive() -> Message:
        message = waiting.pop(0)
        return message if message is not None else await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(dict(message))

    asyncio.run(guard({"type": kind}, receive, send))
    return sent


def body(piece: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": piece, "more_body": more}


def test_a_client_that_writes_slowly_is_cut_off() -> None:
    """P11"""
    sent = ask(Guard(reached, most_seconds=0.05), body(b"a", more=True), None)
    assert sent[0]["status"] == 408


def test_the_application_gets_the_body_in_one_piece_and_then_the_rest() -> None:
    pieces = (body(b"a", more=True), body(b"b", more=False), {"type": "http.disconnect"})
    sent = ask(Guard(reached), *pieces)
    assert sent[1]["body"] == b"abhttp.disconnect"


def test_other_protocols_pass_unguarded() -> None:
    sent = ask(Guard(reached), body(b"a", more=True), body(b"b", more=True), kind="lifespan")
    assert sent[0]["headers"] == []


@pytest.mark.parametrize("limit", [1, 2])
def test_the_limit_is_exact(limit: int) -> None:
    pieces = (body(b"a", more=True), body(b"b", more=False), {"type": "http.disconnect"})
    sent = ask(Guard(reached, most_bytes=limit), *pieces)
    assert sent[0]["status"] == {1: 413, 2: 200}[limit]
