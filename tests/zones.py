"""A name server of the tests: it has the zones that it is given, and may be slow, silent or broken for some names.

Over real sockets, UDP on 127.0.0.1, so that the resolver under test is the real one.
"""

import socketserver
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


# A name's records by kind, `{"MX": ["10 mx.example.com."]}`, or what the server does in place of an answer.
Records = Mapping[str, Sequence[str]]
SERVFAIL, SILENCE, REFUSED = "SERVFAIL", "silence", "REFUSED"


@dataclass
class NameServer:
    """What it knows and what it was asked."""

    zones: dict[str, Records | str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    slow_seconds: float = 0
    port: int = 0

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        time.sleep(self.slow_seconds)
        records = self.zones.get(name, self.zones.get("*"))
        if records == SILENCE:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if records is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif isinstance(records, str):
            response.set_rcode(dns.rcode.from_text(records))
        elif kind in records:
            response.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *records[kind]))
        return response.to_wire()


@contextmanager
def name_server(zones: Mapping[str, Records | str]) -> Iterator[NameServer]:
    """Yield a running server for these zones; a name that it has not is NXDOMAIN, `"*"` stands for all others."""
    knows = NameServer(dict(zones))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            if (answer := knows.answer(wire)) is not None:
                sock.sendto(answer, self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        knows.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield knows
        finally:
            server.shutdown()
            thread.join()
