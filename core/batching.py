"""Batching: which items share one call, when a call is limited in two ways, by count and by size.

Terms:
    size: bytes that an item takes up in a call.
    batch: consecutive items of one call, as a slice of all of them.

Invariants:
    The batches, one behind the other, are the items in their order: nobody is lost, nobody is twice.
    A batch of several items keeps both limits. An item that is too large stands alone, and needs another way.

Standards:
    Amazon SES v2 SendBulkEmail: 50 destinations in a call, and 1 MB with an inline template. Whether a megabyte is 10^6
    or 2^20 bytes is not documented; 950,000 for the entries leaves room for what they share under either reading.
"""

from collections.abc import Iterator, Sequence
from typing import Final


MOST: Final = 50
MOST_BYTES: Final = 950_000


def batches(sizes: Sequence[int], *, most: int = MOST, most_bytes: int = MOST_BYTES) -> Iterator[slice]:
    """Yield the batches in order, each as full as its next item allows.

    Args:
        sizes: Bytes of each item.
        most: Items in one call.
        most_bytes: Bytes of all items of one call together.
    """
    start, filled = 0, 0
    for number, size in enumerate(sizes):
        if number > start and (number - start == most or filled + size > most_bytes):
            yield slice(start, number)
            start, filled = number, 0
        filled += size
    if sizes:
        yield slice(start, len(sizes))
