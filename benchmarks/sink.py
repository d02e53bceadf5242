"""What answers like SES and keeps nothing: for runs so long that the simulator's log would fill the memory.

`python -m benchmarks.sink` serves until it is ended, and prints its URL first. It accepts whatever it is sent, whole bulk
calls too, and looks at nothing but the number of entries.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateways.settings import PROJECT


# A quotation mark inside a value has a backslash, so that no mail can look like another entry.
_ENTRY = b'{"Destination": {"ToAddresses"'
_numbers = itertools.count(1)


@contextmanager
def a_sink() -> Iterator[str]:
    """Start the sink, lead boto3 to it, and stop it at the end."""
    command = [sys.executable, "-m", "benchmarks.sink"]
    # In a session of its own: Ctrl-C ends the benchmark, which then ends this.
    with subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            os.environ["AWS_ENDPOINT_URL_SESV2"] = url
            yield url
        finally:
            process.terminate()


def answer(path: str, body: bytes) -> bytes:
    """Return the JSON that SES would answer to a call, had it accepted everything."""
    if "bulk" not in path:
        return json.dumps({"MessageId": _message_id()}).encode()
    results = [{"Status": "SUCCESS", "MessageId": _message_id()} for _ in range(body.count(_ENTRY))]
    return json.dumps({"BulkEmailEntryResults": results}).encode()


def _message_id() -> str:
    # As long as an id of SES's own.
    return f"0100019af3c4d2e1-{next(_numbers):08x}-1234-1234-123456789012-000000"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                int(line.partition(":")[2])
                for line in head.split("\r\n")
                if line.lower().startswith("content-length:")
            )
            said = answer(head.split(" ", 2)[1], await reader.readexactly(length))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(said), said)
            )
            await writer.drain()
    writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=2**20)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
