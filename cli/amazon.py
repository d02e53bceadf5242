"""moto's server in place of SNS, SQS, S3 and CloudWatch, with one repair: `python -m cli.amazon -H HOST -p PORT`.

For every message that is sent, moto 5.2.5 counts the queue's whole backlog three times over, only to look up whether
the queue deduplicates by content (`queue.attributes.get("ContentBasedDeduplication")`): 11 ms a message on a backlog of
two thousand. Here the counts are made when somebody asks for them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.server import main
from moto.sqs.models import Queue


_counted = Queue.attributes.fget


class _Attributes(Mapping[str, Any]):
    """A queue's attributes, counted only when one of them is looked up that needs it."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __getitem__(self, name: str) -> Any:
        return _counted(self._queue)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_counted(self._queue))

    def __len__(self) -> int:
        return len(_counted(self._queue))

    def get(self, name: str, default: Any = None) -> Any:
        if name == "ContentBasedDeduplication" and not self._queue.fifo_queue:
            return default
        return super().get(name, default)


Queue.attributes = property(_Attributes)  # type: ignore[assignment, method-assign]  # moto names a method so too


if __name__ == "__main__":
    main()
