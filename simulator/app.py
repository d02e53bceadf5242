"""The HTTP door: which operation a request is, whether it is signed and in time, and what befalls its answer.

It is plain ASGI: at a thousand calls a second a framework would cost as much as everything else here.
"""

import asyncio
import datetime as dt
import json
import time
from collections import OrderedDict
from typing import Any, Final

from simulator.control import PREFIX, Control
from simulator.errors import SesError
from simulator.faults import AFTER, BEFORE, Call, Rule
from simulator.lists import Lists
from simulator.service import Service
from simulator.wire import (
    DISTURBANCES,
    EMPTY,
    HTML_PAGE,
    Answer,
    Receive,
    Scope,
    Send,
    answer,
    error_answer,
    json_answer,
    read_body,
)


OPERATIONS: Final = {
    ("POST", "/v2/email/outbound-emails"): "SendEmail",
    ("POST", "/v2/email/outbound-bulk-emails"): "SendBulkEmail",
    ("GET", "/v2/email/account"): "GetAccount",
}
SENDING: Final = frozenset({"SendEmail", "SendBulkEmail"})
# An SDK tries again within a minute or two; at 500 calls a second this remembers the last three minutes.
_REMEMBERED_CALLS: Final = 100_000


class Hangup(Exception):  # noqa: N818  # no error: the caller gets exactly what a rule ordered
    """The answer is not sent; something is done to the connection instead."""

    def __init__(self, disturbance: str) -> None:
        super().__init__(disturbance)
        self.disturbance = disturbance


class App:
    """The ASGI application.

    Args:
        service: The account.
        signature_seconds: How old a signature may be, in real seconds; 0 takes unsigned requests too. AWS allows five
            minutes.
    """

    def __init__(self, service: Service, *, signature_seconds: float = 300.0) -> None:
        self._service = service
        self._control = Control(service)
        self._lists = Lists(service)
        self._signature_seconds = signature_seconds
        self._invocations: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            what = await self._answer(scope, receive)
        except SesError as error:
            self._service.counts[f"refused:{error.code}"] += 1
            what = error_answer(error)
        except Hangup as hangup:
            await DISTURBANCES[hangup.disturbance](scope, receive)
            return
        await answer(send, what)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        body = await read_body(scope, receive)
        method, path = scope["method"], scope["path"]
        if path.startswith(PREFIX):
            return await self._control.handle(method, path, scope["query_string"], body)
        operation = OPERATIONS.get((method, path)) or self._lists.operation(method, path)
        if operation is None:
            raise SesError("UnknownOperationException", f"The simulator does not imitate {method} {path}.")
        self._service.counts[f"call:{operation}"] += 1
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._check_signature(headers)
        if operation == "GetAccount":
            await self._suffer(self._service.faults.draw(BEFORE, Call(operation)))
            return json_answer(self._service.get_account())
        if operation not in SENDING:
            return await self._list(operation, path, scope["query_string"], body)
        return await self._send(operation, body, headers, scope)

    async def _list(self, operation: str, path: str, query: bytes, body: bytes) -> Answer:
        """Answer a call about a suppression list; only a rule that names its operation strikes it."""
        await self._suffer(self._service.faults.draw(BEFORE, Call(operation)))
        document = self._lists.answer(operation, path, query, _parse(body) if body else {})
        rule = self._service.faults.draw(AFTER, Call(operation))
        return await self._suffer(rule, document) or json_answer(document)

    def _check_signature(self, headers: dict[str, str]) -> None:
        """Refuse what is not signed for SES, or was signed too long ago. The signature itself is not verified."""
        if not self._signature_seconds:
            return
        if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            raise SesError("MissingAuthenticationTokenException", "Missing Authentication Token")
        try:
            signed = dt.datetime.strptime(headers.get("x-amz-date", ""), "%Y%m%dT%H%M%S%z")
        except ValueError as error:
            raise SesError("InvalidSignatureException", "Date must be in ISO-8601 'basic format'.") from error
        age = time.time() - signed.timestamp()
        if abs(age) > self._signature_seconds:
            how = "Signature expired" if age > 0 else "Signature not yet current"
            raise SesError(
                "InvalidSignatureException", f"{how}: {headers['x-amz-date']} is {round(age)} s off."
            )

    async def _send(self, operation: str, body: bytes, headers: dict[str, str], scope: Scope) -> Answer:
        invocation_id = headers.get("amz-sdk-invocation-id", "")
        self._notice_resend(invocation_id)
        client = scope.get("client") or ("127.0.0.1", 0)
        service = self._service
        prepared = service.prepare(
            operation, _parse(body), len(body), invocation_id=invocation_id, source_ip=client[0]
        )
        await self._suffer(service.faults.draw(BEFORE, prepared.call))
        service.limits.check()
        document = service.accept(prepared)
        rule = service.faults.draw(AFTER, prepared.call)
        return await self._suffer(rule, document) or json_answer(document)

    def _notice_resend(self, invocation_id: str) -> None:
        """Count a call that the SDK itself sends again: on a send call that is how a mail goes out twice."""
        if not invocation_id:
            return
        if invocation_id in self._invocations:
            self._service.counts["sdk_resends"] += 1
        self._invocations[invocation_id] = None
        if len(self._invocations) > _REMEMBERED_CALLS:
            self._invocations.popitem(last=False)

    async def _suffer(self, rule: Rule | None, document: dict[str, Any] | None = None) -> Answer | None:
        """Do what a rule says; return the answer it puts in place of the good one, if any.

        Raises:
            SesError: It is a refusal.
            Hangup: It concerns the connection.
        """
        if rule is None:
            return None
        self._service.counts[f"fault:{rule.action}:{rule.when}"] += 1
        if rule.action == "slow":
            await asyncio.sleep(rule.seconds)
            return None
        if rule.action in DISTURBANCES:
            raise Hangup(rule.action)
        if rule.action == "short_reply":
            results = (document or {}).get("BulkEmailEntryResults", [])
            return json_answer({"BulkEmailEntryResults": results[:-1]})
        if rule.action in _INSTEAD:
            return _INSTEAD[rule.action]
        raise rule.refusal()


_INSTEAD: Final = {"html_200": HTML_PAGE, "empty_200": EMPTY}


def _parse(body: bytes) -> Any:
    try:
        document = json.loads(body)
        # A lone surrogate is JSON, but no text: it cannot be written in any encoding.
        if b"\\ud" in body.lower():
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise SesError("SerializationException", "The body is not JSON.") from error
    return document
