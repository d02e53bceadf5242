"""The control API under /_simulator/: what was accepted, what is counted, and which faults are in force.

It is for tests and for people. SES has nothing like it.
"""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from simulator.journal import summary
from simulator.limits import timestamp
from simulator.service import Service
from simulator.wire import Answer, json_answer


PREFIX: Final = "/_simulator/"
_FLUSH_SECONDS: Final = 30.0
_LARGEST_PAGE: Final = 10_000

Query = Mapping[str, str]


class Control:
    """The control API of one simulator."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._started = time.monotonic()
        self._routes: dict[tuple[str, str], Callable[[Query, bytes], Awaitable[Any]]] = {
            ("GET", "health"): self._health,
            ("GET", "stats"): self._stats,
            ("GET", "accepted"): self._accepted,
            ("GET", "accepted/summary"): self._summary,
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._delete_faults,
            ("GET", "receivers"): self._receivers,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._set_clock,
            ("POST", "reset"): self._reset,
            ("POST", "flush"): self._flush,
        }

    async def handle(self, method: str, path: str, query_string: bytes, body: bytes) -> Answer:
        """Answer one request; what is wrong with it is said in `{"error"}`."""
        route = self._routes.get((method, path.removeprefix(PREFIX).strip("/")))
        if route is None:
            known = [f"{verb} {PREFIX}{name}" for verb, name in self._routes]
            return json_answer({"error": "no such operation", "known": known}, status=404)
        query = {name: values[-1] for name, values in parse_qs(query_string.decode()).items()}
        try:
            return json_answer(await route(query, body))
        except (ValueError, TypeError) as error:
            return json_answer({"error": str(error)}, status=400)

    async def _health(self, _query: Query, _body: bytes) -> Any:
        return {"status": "ok"}

    async def _stats(self, _query: Query, _body: bytes) -> Any:
        service = self._service
        counts = service.counts
        limits = service.limits
        return {
            "accepted": len(service.journal),
            "recipients": counts["recipients"],
            "without_configuration_set": counts["without_configuration_set"],
            "calls": {
                name.removeprefix("call:"): n for name, n in counts.items() if name.startswith("call:")
            },
            "refused": {
                name.removeprefix("refused:"): n for name, n in counts.items() if name.startswith("refused:")
            },
            "faults": {
                name.removeprefix("fault:"): n for name, n in counts.items() if name.startswith("fault:")
            },
            "sdk_resends": counts["sdk_resends"],
            "suppressed": {
                name.removeprefix("suppressed:"): n
                for name, n in counts.items()
                if name.startswith("suppressed:")
            },
            "suppression_lists": service.suppression.counts(),
            "sent_last_24_hours": limits.sent_last_24_hours(),
            "events": service.publisher.stats(),
            "uptime_seconds": round(time.monotonic() - self._started, 3),
        }

    async def _accepted(self, query: Query, _body: bytes) -> Any:
        # Reading the log is done beside the event loop: it may take longer than a sender's patience.
        return await asyncio.to_thread(
            self._service.journal.page,
            tenant=query.get("tenant"),
            campaign=query.get("campaign"),
            since=int(query.get("since", "0")),
            limit=min(int(query.get("limit", "1000")), _LARGEST_PAGE),
        )

    async def _summary(self, _query: Query, _body: bytes) -> Any:
        return await asyncio.to_thread(lambda: summary(self._service.journal.entries()))

    async def _list_faults(self, _query: Query, _body: bytes) -> Any:
        return {"rules": self._service.faults.listing()}

    async def _add_faults(self, _query: Query, body: bytes) -> Any:
        document = json.loads(body)
        rules = document.get("rules", [document]) if isinstance(document, dict) else document
        return {"rules": self._service.faults.add(rules)}

    async def _delete_faults(self, query: Query, _body: bytes) -> Any:
        if "id" in query:
            self._service.faults.remove(int(query["id"]))
        else:
            self._service.faults.clear()
        return {"rules": self._service.faults.listing()}

    async def _receivers(self, _query: Query, _body: bytes) -> Any:
        return {"receivers": [known.as_json() for known in self._service.learned]}

    async def _clock(self, _query: Query, _body: bytes) -> Any:
        return {"now": timestamp(self._service.clock.seconds())}

    async def _set_clock(self, _query: Query, body: bytes) -> Any:
        """Set the clock forward, publish what is due by then, and answer when that is out."""
        self._service.clock.set(_moment(json.loads(body)))
        self._service.publisher.tick()
        is_written = await _until(self._service.publisher.is_written)
        return {"now": timestamp(self._service.clock.seconds()), "published": is_written}

    async def _reset(self, _query: Query, _body: bytes) -> Any:
        self._service.reset()
        return {"status": "reset"}

    async def _flush(self, _query: Query, _body: bytes) -> Any:
        publisher = self._service.publisher
        publisher.tick(everything=True)
        return {"drained": await _until(publisher.is_drained), **publisher.stats()}


async def _until(is_so: Callable[[], bool]) -> bool:
    """Wait, but not for ever, until something about the writers is so; return whether it is."""
    deadline = time.monotonic() + _FLUSH_SECONDS
    # The writers are threads, which cannot set an event of the loop without knowing about it.
    while not is_so() and time.monotonic() < deadline:  # noqa: ASYNC110  # see above
        await asyncio.sleep(0.01)
    return is_so()


def _moment(document: Any) -> float:
    """Return the Unix time that a request names.

    Raises:
        TypeError: It names none.
        ValueError: It is no time, or one without an offset from UTC.
    """
    said = document.get("now") if isinstance(document, dict) else None
    if not isinstance(said, str):
        raise TypeError('say {"now": "2026-10-01T08:00:00Z"}')
    moment = dt.datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, such as Z")
    return moment.timestamp()
