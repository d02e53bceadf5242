"""SQS: receive messages from a queue and delete them. What they say is not this module's business."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import ConfigurationError
from gateways import aws


if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


# "The maximum number of messages to return" of ReceiveMessage, and the most entries of DeleteMessageBatch.
MOST_PER_CALL: Final = 10

# Six times the longest that a batch takes to be stored, as the Lambda guide advises: until then nobody else gets it.
VISIBILITY_SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a queue; the receipt deletes it. `sent_at` is when the queue took it."""

    body: str
    receipt: str
    sent_at: datetime | None = None


class Queue:
    """One queue by its name.

    Args:
        name: As in `POSTHOUSE_CRITICAL_QUEUE`.
        client: A boto3 SQS client; made from the environment on first use.
    """

    def __init__(self, name: str, client: "SQSClient | None" = None) -> None:
        self.name = name
        self._given = client

    def receive(
        self,
        *,
        most: int = MOST_PER_CALL,
        wait_seconds: int = 0,
        hidden_seconds: int = VISIBILITY_SECONDS,
    ) -> list[Message]:
        """Return up to ten messages, hidden from others for a while.

        Args:
            most: From 1 to 10.
            wait_seconds: Up to 20. SQS asks all of its servers only when this is not 0, so 0 may miss a message.
            hidden_seconds: After this long without a delete they come again.

        Raises:
            ConfigurationError: There is no such queue, no permission, or no way to SQS.
        """
        with self._explained():
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=hidden_seconds,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        return [_message(one) for one in answer.get("Messages", [])]

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages, ten per call. One that SQS does not delete comes again, which must do no harm."""
        for start in range(0, len(messages), MOST_PER_CALL):
            entries = messages[start : start + MOST_PER_CALL]
            with self._explained():
                self._client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[{"Id": str(n), "ReceiptHandle": one.receipt} for n, one in enumerate(entries)],
                )

    def depth(self) -> int:
        """Return about how many messages wait; those that somebody has received are not among them."""
        with self._explained():
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def backlog(self) -> int:
        """Return about how many messages SQS holds: waiting, received and not yet deleted, or delayed."""
        names: Final = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        )
        with self._explained():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[*names])
        return sum(int(answer["Attributes"][name]) for name in names)

    @cached_property
    def _client(self) -> "SQSClient":
        return self._given or aws.client("sqs")

    @cached_property
    def _url(self) -> str:
        return self._client.get_queue_url(QueueName=self.name)["QueueUrl"]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._refusal(error.response["Error"].get("Code", "")) from error
        except BotoCoreError as error:
            raise self._refusal(type(error).__name__) from error

    def _refusal(self, code: str) -> ConfigurationError:
        hint: dict[str, Any] = {
            "AWS.SimpleQueueService.NonExistentQueue": "Create the queue, or name another in POSTHOUSE_CRITICAL_QUEUE "
            "and POSTHOUSE_ENGAGEMENT_QUEUE.",
            "NoCredentialsError": "Give boto3 credentials: a role, a profile, or AWS_ACCESS_KEY_ID.",
            "NoRegionError": "Set AWS_REGION.",
            "EndpointConnectionError": "Is AWS_ENDPOINT_URL_SQS right, and does it run?",
        }
        return ConfigurationError(
            f"queue {self.name} cannot be used: {code}",
            hint=hint.get(code, "See the SQS permissions of this role."),
            code="queue_unavailable",
        )


def _message(received: Mapping[str, Any]) -> Message:
    """Return a message as SQS hands it over; its time is in milliseconds since 1970."""
    sent = received.get("Attributes", {}).get("SentTimestamp")
    sent_at = datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None
    return Message(body=received["Body"], receipt=received["ReceiptHandle"], sent_at=sent_at)
