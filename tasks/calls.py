"""Calls: the attempts of a window, each called out by itself or together with others, as its tenant has chosen.

Both of SES's calls hand over the same messages, and each message gets an answer of its own: the ledger knows no
difference. What differs is what a lost answer costs, one message or all of a batch.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from itertools import chain

from core.errors import MessageRejectedError, SendingError
from core.message import Message
from core.tenants import DeliveryApi
from gateways import ses_bulk
from gateways.ses import Ses
from store.deliveries import Attempt


Call = tuple[Attempt, Message]
Answer = tuple[Attempt, str | SendingError]


def call_out(
    ses: Ses, pool: Executor, calls: Sequence[Call], *, api: DeliveryApi, deadline: float
) -> Iterator[Answer]:
    """Call out every attempt; yield each with its `ses_message_id` or its error.

    Args:
        ses: The account.
        pool: Its threads make the calls.
        calls: Attempts whose intents are committed, with their tagged messages.
        api: By which of SES's calls. A batch of one, and a message that must not go with others, is always a single call.
        deadline: `time.monotonic()` after which no call may leave.
    """

    def call(batch: Sequence[Call]) -> Iterator[Answer]:
        answers = _answers(ses, [message for _, message in batch], deadline)
        return zip([attempt for attempt, _ in batch], answers, strict=True)

    return chain.from_iterable(pool.map(call, _batches(calls, api)))


def _batches(calls: Sequence[Call], api: DeliveryApi) -> list[Sequence[Call]]:
    if api is DeliveryApi.SINGLE:
        return [[call] for call in calls]
    together = ses_bulk.calls([message for _, message in calls])
    return [[calls[position] for position in positions] for positions in together]


def _answers(ses: Ses, messages: Sequence[Message], deadline: float) -> Sequence[str | SendingError]:
    if len(messages) > 1:
        # A refusal of the call as a whole proves that nobody was sent anything, and blames nobody: each is asked alone.
        with suppress(MessageRejectedError):
            return ses.send_bulk(messages, deadline=deadline)
    return [_answer(ses, message, deadline) for message in messages]


def _answer(ses: Ses, message: Message, deadline: float) -> str | SendingError:
    try:
        return ses.send(message, deadline=deadline)
    except SendingError as error:
        return error
