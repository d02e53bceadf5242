"""The wire: requests in, answers out, and the ways in which an answer gets lost.

Faults of the connection need the socket itself, which ASGI does not give; so the HTTP protocol of uvicorn is extended to
put its transport into the scope of each request.
"""

import json
import random
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.errors import SesError


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TRANSPORT: Final = "simulator.transport"
# JSON of a 40 MB message whose base64 is base64 once more, and some room.
_LONGEST_BODY: Final = 80 * 1024 * 1024
# SO_LINGER on with no time to linger: closing sends RST instead of FIN (socket(7)).
_ABORTIVE_CLOSE: Final = struct.pack("ii", 1, 0)
_request_ids: Final = random.Random()


class Protocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, with the transport in the scope."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope[_TRANSPORT] = self.transport  # type: ignore[typeddict-unknown-key]  # a scope may hold more than ASGI names


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    error_code: str = ""


def json_answer(document: Any, *, status: int = 200) -> Answer:
    """Return an answer with a JSON document."""
    return Answer(status, json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))


def error_answer(error: SesError) -> Answer:
    """Return a refusal as SES puts it on the wire."""
    body = json.dumps({"message": error.message}).encode()
    return Answer(error.status, body, error_code=error.code)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        SesError: It is longer than any message may be.
    """
    length = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        event = await receive()
        chunk = event.get("body", b"")
        size += len(chunk)
        if max(length, size) > _LONGEST_BODY:
            raise SesError("RequestEntityTooLarge", "Request size exceeded.")
        chunks.append(chunk)
        more = event.get("more_body", False)
    return b"".join(chunks)


async def answer(send: Send, what: Answer) -> None:
    """Send an answer with the headers that every answer of AWS has."""
    headers = [
        (b"content-type", what.content_type.encode()),
        (b"content-length", str(len(what.body)).encode()),
        (b"x-amzn-requestid", str(uuid.UUID(int=_request_ids.getrandbits(128), version=4)).encode()),
    ]
    if what.error_code:
        headers.append((b"x-amzn-errortype", what.error_code.encode()))
    await send({"type": "http.response.start", "status": what.status, "headers": headers})
    await send({"type": "http.response.body", "body": what.body})


async def hang(_scope: Scope, receive: Receive) -> None:
    """Never answer; return when the caller has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def close(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer (FIN)."""
    scope[_TRANSPORT].close()
    await hang(scope, receive)


async def reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection (RST)."""
    transport = scope[_TRANSPORT]
    # The transport's own socket object may be a stand-in without options; a duplicate of the descriptor shares them.
    with socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno())) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE_CLOSE)
    transport.abort()
    await hang(scope, receive)


async def truncate(scope: Scope, receive: Receive) -> None:
    """Begin a good answer and close the connection in the middle of its body."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 87\r\n\r\n"
    scope[_TRANSPORT].write(head + b'{"Mess')
    await close(scope, receive)


DISTURBANCES: Final = {"hang": hang, "close": close, "reset": reset, "truncated_200": truncate}
HTML_PAGE: Final = Answer(200, b"<html><body>It works!</body></html>", content_type="text/html")
EMPTY: Final = Answer(200, b"{}")
