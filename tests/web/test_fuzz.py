"""A fuzz of the web door: whatever is asked of it, it never answers 500, believes nothing forged, and mails nobody more.

`POSTHOUSE_FUZZ=100000` for as many requests; without it there are a few thousand.
"""

import asyncio
import os
from collections import Counter

import pytest
from starlette.types import Message

from gateways.settings import Settings
from gateways.sns import Notification, Verifier
from store.session import Database, one, rows, run
from tests.mailed import Mailed
from tests.signer import NOW, TOPIC, Amazon
from tests.web.conftest import KEY
from tests.web.fuzz import Fuzzer, Request
from web.app import create_app
from web.doors import Doors
from web.limits import FailureLimit


CASES = int(os.environ.get("POSTHOUSE_FUZZ", "3000"))


class Browserless:
    """Asks the application itself, without a server or a client that would correct the requests."""

    def __init__(self, doors: Doors) -> None:
        self._app = create_app(doors)

    async def ask(self, request: Request) -> int:
        sent: list[Message] = []
        path = request.path.encode("ascii", "replace")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method, "scheme": "https",
            "path": request.path, "raw_path": path, "query_string": b"", "root_path": "", "client": ("192.0.2.5", 4711),
            "server": ("mail.acme.example", 443),
            "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in request.headers.items()],
        }  # fmt: skip
        waiting: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> Message:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        status: int = sent[0]["status"]
        return status


@pytest.fixture(scope="module")
def amazon() -> Amazon:
    return Amazon()


@pytest.fixture
def confirmed() -> list[Notification]:
    return []


@pytest.fixture
def doors(database: Database, amazon: Amazon, confirmed: list[Notification]) -> Doors:
    verifier = Verifier([TOPIC], fetch=amazon.fetch, clock=lambda: NOW)
    doors = Doors(
        Settings(), database=database, token_keys=[KEY], verifier=verifier, confirm=confirmed.append
    )
    doors.bad_links = FailureLimit(most=10**9)
    return doors


def test_whatever_is_asked_the_door_answers_and_believes_nothing_forged(
    database: Database, doors: Doors, amazon: Amazon, confirmed: list[Notification], mailed: Mailed
) -> None:
    with database.begin() as session:
        run(
            session,
            """INSERT INTO suppression (tenant_id, recipient_key, reason, source)
               VALUES (:tenant_id, :key, 'complaint', 'ses')""",
            tenant_id=mailed.tenant_id,
            key=mailed.recipient_key,
        )
    browserless, answers = Browserless(doors), Counter[tuple[str, int]]()
    believed: list[Request] = []

    async def ask_all() -> None:
        for request in Fuzzer(amazon, seed=CASES, delivery=(mailed.tenant_id, mailed.delivery_id)).requests(
            CASES
        ):
            status = await browserless.ask(request)
            answers[request.kind, status] += 1
            assert status in {200, 400, 403, 404, 405, 413, 422}, (status, request)
            if request.path == "/sns/ses" and status == 200:
                believed.append(request)

    asyncio.run(ask_all())
    assert sum(answers.values()) == CASES
    assert [request for request in believed if not request.genuine] == []
    assert (
        answers["genuine", 200] == sum(count for (kind, _), count in answers.items() if kind == "genuine") > 0
    )
    assert answers["changed member", 403] > 0 < answers["nonsense", 400]
    assert {notification.topic_arn for notification in confirmed} == {TOPIC}
    with database.begin() as session:
        held = one(session, "SELECT expires_at FROM suppression WHERE reason = 'complaint'")
        stored = rows(session, "SELECT FROM inbox_event")
    assert held == {"expires_at": None}
    assert 0 < len(stored) <= len(believed)


def test_the_same_seed_makes_the_same_requests(amazon: Amazon) -> None:
    def some(seed: int) -> list[tuple[str, str]]:
        made = Fuzzer(amazon, seed=seed, delivery=(1, 1)).requests(50)
        return [(request.kind, request.path) for request in made]

    assert some(1) == some(1) != some(2)
