"""moto's server in place of SNS, SQS, S3 and CloudWatch, with one repair: `python -m cli.amazon -H HOST -p PORT`.

For every message that is sent or received, moto 5.2.5 counts a queue's whole backlog several times over, only to look
up an attribute that has nothing to do with it (`queue.attributes.get("ContentBasedDeduplication")`, and the retention
period): 11 ms a message on a backlog of two thousand. Here the backlog is counted when somebody asks how long it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.server import main
from moto.sqs.models import Queue


_counted = Queue.__dict__["attributes"].fget


class _Attributes(Mapping[str, Any]):
    """A queue's attributes, each made when it is looked up."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __getitem__(self, name: str) -> Any:
        if name not in Queue.BASE_ATTRIBUTES:
            if name == "ContentBasedDeduplication" and not self._queue.fifo_queue:
                raise KeyError(name)
            return _counted(self._queue)[name]
        value = getattr(self._queue, camelcase_to_underscores(name))
        return str(value).lower() if isinstance(value, bool) else value

    def __iter__(self) -> Iterator[str]:
        return iter(_counted(self._queue))

    def __len__(self) -> int:
        return len(_counted(self._queue))


Queue.attributes = property(_Attributes)  # type: ignore[assignment, method-assign]  # moto names a method so too


if __name__ == "__main__":
    main()
