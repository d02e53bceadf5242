"""The guard in front of every route: a small body within a short time, and headers that keep a page to itself."""

import asyncio
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


# An SNS message is at most 256 KB; JSON escapes may double it.
MOST_BYTES: Final = 524_288
MOST_SECONDS: Final = 10.0


class _TooLargeError(Exception):
    """The body is larger than any that we want."""


class Guard:
    """Reads the whole body before the application sees the request, so that nobody can hold a worker by writing slowly.

    Args:
        app: What is guarded.
        headers: Set on every answer that does not set them itself.
        most_bytes: A longer body is answered with 413.
        most_seconds: A slower body is answered with 408.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        headers: Iterable[tuple[str, str]] = (),
        most_bytes: int = MOST_BYTES,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self._app = app
        self._headers = tuple(headers)
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        try:
            async with asyncio.timeout(self._most_seconds):
                body = await self._body(receive)
        except _TooLargeError:
            answer = PlainTextResponse("too large", 413, headers={"Connection": "close"})
            await answer(scope, receive, send_with_headers)
        except TimeoutError:
            answer = PlainTextResponse("too slow", 408, headers={"Connection": "close"})
            await answer(scope, receive, send_with_headers)
        else:
            await self._app(scope, _replayed(body, receive), send_with_headers)

    async def _body(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                raise _TooLargeError
            if not message.get("more_body", False):
                return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body in one piece, then what comes after it."""
    pieces: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pieces.pop() if pieces else await receive()

    return replay
