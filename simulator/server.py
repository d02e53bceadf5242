"""Putting the parts together and serving them on 127.0.0.1."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable

import uvicorn

from simulator.account import Account
from simulator.app import App
from simulator.faults import Faults
from simulator.journal import Journal
from simulator.limits import Clock, Limits
from simulator.options import Options
from simulator.publisher import Delays, FileTopic, Publisher, SnsTopic, Topic
from simulator.receivers import read_profile
from simulator.service import Service
from simulator.wire import Protocol


_TICK_SECONDS = 0.02


def build(options: Options) -> Service:
    """Return a simulated account as the options describe it.

    Raises:
        OSError: A file cannot be opened.
        ValueError: The profile makes no sense.
    """
    clock = Clock(options.clock_speed)
    critical, engagement = _topics(options)
    return Service(
        account=Account(
            identities=frozenset(options.identity),
            tenants=frozenset(options.tenant),
            configuration_sets=frozenset(options.configuration_set),
            default_configuration_set=options.default_configuration_set,
            region=options.region,
        ),
        clock=clock,
        limits=Limits(clock, max_send_rate=options.max_send_rate, max_24_hour_send=options.max_24_hour_send),
        faults=Faults(options.seed),
        journal=Journal(options.accept_log, options.keep_bodies),
        publisher=Publisher(
            clock,
            Delays(*options.event_delay_seconds, options.reorder, options.duplicate_rate),
            critical=critical,
            engagement=engagement,
            seed=options.seed,
        ),
        receivers=read_profile(options.profile),
        seed=options.seed,
    )


def _topics(options: Options) -> tuple[Topic | None, Topic | None]:
    """Return the critical and the engagement topic; the same one twice when only one is given."""
    if not options.sns_endpoint:
        log = FileTopic(options.event_log) if options.event_log else None
        return log, log
    first = options.topic_arn_critical or options.topic_arn_engagement
    second = options.topic_arn_engagement or first
    critical = SnsTopic(options.sns_endpoint, first, subject=options.sns_subject)
    if first == second:
        return critical, critical
    return critical, SnsTopic(options.sns_endpoint, second, subject=options.sns_subject)


class Server(uvicorn.Server):
    """Uvicorn, with a tick for the events and a call when it is ready."""

    def __init__(self, options: Options, *, on_ready: Callable[[str], None]) -> None:
        self._service = build(options)
        self._on_ready = on_ready
        self._socket = socket.create_server(("127.0.0.1", options.port), backlog=2048)
        super().__init__(
            uvicorn.Config(
                App(self._service, signature_seconds=options.signature_seconds),
                http=Protocol,
                loop="auto",
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                # A call that a rule lets hang would keep the process alive after Ctrl-C.
                timeout_graceful_shutdown=1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then begin to tick and say so."""
        await super().startup(sockets)
        self._ticking = asyncio.create_task(self._tick())
        self._on_ready(f"http://127.0.0.1:{self._socket.getsockname()[1]}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop ticking and close."""
        self._ticking.cancel()
        await super().shutdown(sockets)
        self._service.journal.close()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        super().run(sockets or [self._socket])

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._service.publisher.tick()


def serve(options: Options) -> None:
    """Serve until a signal; print `{"url", "pid"}` when ready."""

    def announce(url: str) -> None:
        sys.stdout.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()

    # Ctrl-C is how it is meant to be stopped, and no error.
    with contextlib.suppress(KeyboardInterrupt):
        Server(options, on_ready=announce).run()
